"""What waiting costs on Lambda: the real package on the emulator, measured, at list prices."""
