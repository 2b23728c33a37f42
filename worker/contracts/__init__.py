"""What crosses the wire: requests, poll messages, result events and dead-letter reasons.

Pure values and parsers: nothing in here does I/O, reads a clock or knows AWS or HTTP.
"""
