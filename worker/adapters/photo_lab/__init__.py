"""Photos as shops have them become photos as Hautech takes them. Pillow is imported at the first one."""
