"""What a demo run showed: the values that the contact sheet and the summary are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

JsonObject = dict[str, Any]

BarStage = Literal["accept", "upload", "submit", "pipeline", "collect", "announce"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """An image beside the contact sheet. Width and height are pixels."""

    file: str
    """Path relative to the sheet, with forward slashes."""
    caption: str
    note: str = ""
    width: int
    height: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """One piece of a row of the timeline; seconds since the request was sent."""

    start_s: float
    end_s: float
    text: str
    is_wait: bool = False
    """Nothing was done: an end that nobody had looked at yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One line of the timeline."""

    stage: BarStage
    label: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Moment:
    """One thing that happened; seconds since the request was sent."""

    at_s: float
    subject: str
    change: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class JobReport:
    """One job of the demo, from request to event."""

    title: str
    explanation: str
    request: JsonObject
    event: JsonObject | None
    """None: no event came in time."""
    plainly: tuple[str, str] | None = None
    """What happened and what to do about it, in words for people, if it failed and was told so."""
    unseen: tuple[str, ...] = ()
    """Photos that went in and that no browser can show, by name."""
    inputs: tuple[Picture, ...] = ()
    outputs: tuple[Picture, ...] = ()
    rows: tuple[Row, ...] = ()
    moments: tuple[Moment, ...] = ()
    duration_s: float
    """From sending the request to the end of the announcement."""

    @property
    def request_id(self) -> str:
        """Its id."""
        return str(self.request["requestId"])

    @property
    def status(self) -> str:
        """`succeeded`, `failed`, or `unfinished`."""
        return str(self._data["status"]) if self.event else "unfinished"

    @property
    def results(self) -> Mapping[str, Any]:
        """Ids that it gave beside pictures."""
        return dict(self._data.get("result") or {})

    @property
    def error(self) -> Mapping[str, Any] | None:
        """Why it failed."""
        return self._data.get("error")

    @property
    def pipelines(self) -> list[JsonObject]:
        """What was paid for: `step`, `pipelineId`, `credits`."""
        return list(self._data.get("pipelines") or [])

    @property
    def credits(self) -> Decimal:
        """What it cost."""
        return sum((Decimal(one.get("credits") or 0) for one in self.pipelines), Decimal(0))

    @property
    def _data(self) -> JsonObject:
        data: JsonObject = (self.event or {}).get("data") or {}
        return data


@dataclass(frozen=True, slots=True)
class Note:
    """What became of something that is no job, and the reasons."""

    text: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoReport:
    """All jobs of a demo."""

    jobs: tuple[JobReport, ...]
    started_at: datetime
    duration_s: float
    """From the first request to the last event."""
    photos_are_drawn: bool = field(default=False)
    """The photos are our own drawings, not a person's."""
    name: str = "hautech-worker demo"
    headline: str = "Product photos in, model photos out."
    command: str = "make demo GARMENT=a.png POSE=b.png"
    """Makes such a page with a person's own photos."""
    notes: tuple[Note, ...] = ()
    """What is to be told beside the jobs."""

    @property
    def succeeded(self) -> int:
        """How many jobs succeeded."""
        return sum(job.status == "succeeded" for job in self.jobs)

    @property
    def failed(self) -> tuple[JobReport, ...]:
        """Those that failed."""
        return tuple(job for job in self.jobs if job.status == "failed")

    @property
    def figures(self) -> tuple[tuple[str, str], ...]:
        """The numbers of the summary, each with its word."""
        pipelines = sum(len(job.pipelines) for job in self.jobs)
        spent = sum((job.credits for job in self.jobs), Decimal(0))
        failed = len(self.failed)
        unfinished = len(self.jobs) - self.succeeded - failed
        return (
            (str(len(self.jobs)), "job" if len(self.jobs) == 1 else "jobs"),
            (str(self.succeeded), "succeeded"),
            *([(str(failed), "failed")] if failed else []),
            *([(str(unfinished), "unfinished")] if unfinished else []),
            (str(pipelines), "pipeline" if pipelines == 1 else "pipelines"),
            (plain_decimal(spent), "made-up credits"),
            (f"{self.duration_s:.1f}", "s"),
        )

    @property
    def summary(self) -> str:
        """One line, such as `4 jobs, 4 succeeded, 6 pipelines, 0.31 made-up credits, 9.8 s`."""
        return ", ".join(f"{number} {word}" for number, word in self.figures)


def plain_decimal(value: Decimal) -> str:
    """Without exponent and trailing zeros: `0.04375`, `1`, `0`."""
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
