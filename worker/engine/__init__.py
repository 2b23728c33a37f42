"""The story of a job, told with ports only: what to do with a message, and in which order."""
