"""`make demo`: photos through the whole service on this machine, and a contact sheet of it."""
