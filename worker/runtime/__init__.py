"""Drivers: they bring messages to the engine and obey its answers. No business rules."""
