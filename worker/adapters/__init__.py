"""The only code that touches AWS or the Hautech client: our ports, implemented."""
