"""Whether known weaknesses are among the pinned dependencies; `make audit`."""
