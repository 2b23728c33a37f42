"""What an error says, for the record and the log."""

from __future__ import annotations

from worker.errors import WorkerError
from worker.hautech.redaction import redact


def text_of(error: Exception) -> str:
    """The message of an error of ours; of any other, what it looks like.

    What nobody translated may quote what was sent: its tokens and signatures are taken out.
    """
    return error.message if isinstance(error, WorkerError) else redact(repr(error))
