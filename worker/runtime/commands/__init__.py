"""The commands of `hautech-worker`, one file each, and the few files that they share.

`cli.py` imports a command only when it is called, so each file imports what it needs at its top.
"""
