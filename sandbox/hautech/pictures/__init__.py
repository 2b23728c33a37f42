"""Draws the pictures that the stand-in hands out, from the photos that were uploaded to it."""
