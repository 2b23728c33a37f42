"""`make demo-drop`: a folder of this machine as a drop folder of the whole service."""
