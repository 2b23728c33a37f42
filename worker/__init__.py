"""A queue-driven worker that turns product photos into model photos with the Hautech API."""

__version__ = "0.1.0"
