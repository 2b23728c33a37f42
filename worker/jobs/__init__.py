"""The pure heart: what a job is and which moves it can make; no I/O, no clock, no randomness."""
