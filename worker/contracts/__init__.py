"""What crosses the wire: requests, poll messages, result events and dead-letter reasons.

Pure values and parsers: nothing in here does I/O, reads a clock or knows AWS or HTTP.

Files with models leave `from __future__ import annotations` out: it makes a text of every annotation, with all
its descriptions and examples, which pydantic compiles again at every start.
"""
