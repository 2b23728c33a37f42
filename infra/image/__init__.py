"""What the Dockerfile does in Python. It runs in the base image, so it needs nothing but Python."""
