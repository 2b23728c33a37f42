"""A batch as a frozen value; `moves` has the only moves.

    rows      1 ─────────── over ──────────── read ──────────── sending ──── rows
              all have      some have         may have          none was
              ended         ended (ahead)     been sent         sent

A row is over when its job has ended, or when it never became one. Whatever is counted here is derived
from rows that were read in order, so a step that is made twice counts the same.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from worker.batches.states import BatchState, RowMark
from worker.jobs.job import JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What became of rows that are over, and what they cost."""

    succeeded: int = 0
    failed: int = 0
    refused: int = 0
    cancelled: int = 0
    skipped: int = 0
    credits: str = "0"
    """A decimal number."""

    @property
    def rows(self) -> int:
        """All of them."""
        return self.succeeded + self.failed + self.refused + self.cancelled + self.skipped

    @property
    def spent(self) -> Decimal:
        """`credits` as a number."""
        return Decimal(self.credits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why no further row is sent, although there are some."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How far the list of results has been written, and what it says so far."""

    rows: int = 0
    """Rows whose lines are durable."""
    tally: Tally
    upload_id: str | None = None
    """Of the upload in parts; None while all lines fit into one."""
    etags: tuple[str, ...] = ()
    """What S3 calls the parts that it has, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One thing that happened to the batch."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """One batch message and everything that has come of it."""

    batch_id: str
    message: JsonObject
    """The accepted batch message, as JSON, without its envelope."""
    content_digest: str
    """What makes two messages with this id the same or a conflict."""
    accepted_at: datetime
    updated_at: datetime
    state: BatchState
    source: str | None = None
    """The state of the manifest that was counted (its ETag): another one is another manifest."""
    source_version: str | None = None
    """Its version in S3, where the bucket keeps some."""
    rows: int | None = None
    """How many rows there are; None before they were counted."""
    read: int = 0
    """So many rows were read, and sent unless they are bad."""
    sending: int = 0
    """Rows up to this one may have been sent: it is durable before the first of them is, so that
    whoever takes over after a crash sends them again and no row is forgotten that may be a job."""
    bad: int = 0
    """Rows among them that are no valid requests."""
    first_bad: tuple[RowMark, ...] = ()
    """The first of those, for people; each has a mark of its own, too."""
    pipelines: int = 0
    """Runs that the rows sent so far are paid for."""
    over: int = 0
    """Every row up to this one is over."""
    ahead: tuple[int, ...] = ()
    """Rows beyond it that are over, too."""
    tally: Tally
    """Of the rows that are over."""
    samples: tuple[str, ...] = ()
    """What the last rows that succeeded cost each: decimal numbers."""
    unpriced: int = 0
    """Rows that succeeded without a word of what they cost."""
    stop: Stop | None = None
    report: Report | None = None
    event: JsonObject | None = None
    """The event exactly as it is published, fixed before it is."""
    ticket: int = 0
    """Only the follow message with this number belongs to the batch."""
    carried_at: datetime
    """When that message was sent."""
    wakes: int = 0
    """How many times it was woken since it last got on."""
    failures: int = 0
    """Failed visits in a row."""
    quiet_since: datetime | None = None
    """When it last got on, or its rows were last looked for; None in records that do not say so."""
    notes: tuple[Note, ...] = ()
    kept: JsonObject | None = None
    """Fields that a newer release wrote, by name; see `document`."""
    version: int = 0
    """Counts saves; the store raises `StaleJobError` when it moved under us."""

    @property
    def is_sent(self) -> bool:
        """Whether no further row will be sent."""
        return self.sending <= self.read and (self.stop is not None or self.read == self.rows)

    @property
    def is_over(self) -> bool:
        """Whether every row that was sent has ended, and none will follow."""
        return self.is_sent and self.over == self.read

    @property
    def open_rows(self) -> int:
        """Rows that were sent and have not been seen to end."""
        return self.read - self.over - len(self.ahead)

    def quiet_for(self, now: datetime) -> timedelta:
        """How long nothing has happened to its rows."""
        return now - (self.quiet_since or self.updated_at)

    @property
    def credit_cap(self) -> Decimal | None:
        """About the most that it may cost."""
        text = self.message.get("creditCap")
        return Decimal(text) if text else None

    @property
    def expires_at(self) -> datetime | None:
        """After this moment no row is sent (aware UTC)."""
        text = self.message.get("expiresAt")
        return datetime.fromisoformat(text) if text else None
