"""How soon a job goes on after its worker was killed with SIGKILL, by where the job stood.

    worker A  ── works on the job ──╳ SIGKILL
    worker B                        |──── takeover_s ────► first change of the record
                                     at most the visibility time + 5 s

B receives before A is killed, but A has all messages by then. A pending job is in nobody's hands, and
B looks at it when its poll is due; unless A's long poll was open when A died: a queue may give the
message to that connection, where nobody hears of it until its visibility time is over.
"""

from __future__ import annotations

import signal
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sandbox.children import WorkerProcess
from tests.chaos.slow_stack import SlowStack, slow_stack
from worker.jobs.job import Job, JobState

VISIBILITY_S = 30
"""Above 25 s: a paid call is kept from others for so long, whatever the visibility (decision 7)."""

POLL_MAX_S = 5
MOST_S = VISIBILITY_S + 5.0
_JOBS = 4
_HELD_S = 120.0
_TAKEOVER_S = 150.0
_LOOK_EVERY_S = 0.05

PLACES: dict[str, tuple[str, dict[str, object]]] = {
    "upload": (
        "images.upload",
        {"route": "images.upload", "kind": "delay", "times": -1, "delaySeconds": 14},
    ),
    "the paid call": (
        "workflows.run",
        {"route": "workflows.run", "kind": "delay", "times": -1, "delaySeconds": 14},
    ),
    "collect": (
        "images.download",
        {"route": "images.download", "kind": "delay", "times": -1, "delaySeconds": 14},
    ),
}
"""Where jobs are held: the route of the stand-in, and the fault that makes it slow."""

PENDING = "pending"


@dataclass(frozen=True, slots=True, kw_only=True)
class Takeover:
    """One job whose worker was killed.

    Attributes:
        place: where the job stood.
        takeover_s: from the kill to the next step by another worker.
        runs: how often its pipeline was paid for in the end; must be 1.
    """

    place: str
    takeover_s: float
    runs: int


def measure_takeovers(
    repetitions: int, *, tell: Callable[[str], None] = lambda _: None
) -> list[Takeover]:
    """Kills so many workers for each place; each holds a few jobs there."""
    environment = {
        "WORKER_VISIBILITY_SECONDS": str(VISIBILITY_S),
        "WORKER_POLL_MAX_SECONDS": str(POLL_MAX_S),
        "WORKER_CONCURRENCY": "16",
    }
    found: list[Takeover] = []
    with slow_stack(environment) as slow:
        for number in range(repetitions):
            for place in (*PLACES, PENDING):
                found += _kill_one(slow, place)
                tell(f"takeovers, round {number + 1} of {repetitions}: {place}: {found[-_JOBS:]}")
    return found


def _kill_one(slow: SlowStack, place: str) -> list[Takeover]:
    slow.forget()
    standin = slow.stack.standin
    standin.set_options(durationSeconds=20 if place == PENDING else 0)
    ids = slow.submit(_JOBS)
    if place != PENDING:
        standin.add_fault(PLACES[place][1])
    victim = slow.start_worker()
    slow.stack.wait_for(lambda: _stands(slow, place), deadline_s=_HELD_S)
    heir = slow.start_worker()
    mark = standin.log()[-1]["number"]
    killed_s = time.monotonic()
    victim.kill(signal.SIGKILL)
    victim.wait(30)
    standin.clear_faults()
    before = {request_id: slow.stack.job(request_id) for request_id in ids}
    after_s = _progress(slow, before, killed_s, mark if place == PENDING else None)
    slow.stack.wait_for(lambda: _are_over(slow, ids), deadline_s=_TAKEOVER_S)
    for worker in (victim, heir):
        _end(slow, worker)
    runs = [run["metadata"]["hautechWorker"]["jobId"] for run in standin.runs()]
    return [
        Takeover(
            place=place,
            takeover_s=after_s[request_id],
            runs=runs.count(request_id),
        )
        for request_id in ids
    ]


def _stands(slow: SlowStack, place: str) -> bool:
    if place == PENDING:
        jobs = slow.jobs().values()
        return all(job is not None and job.state is JobState.RUNNING for job in jobs)
    return slow.under_way(PLACES[place][0]) >= _JOBS


def _progress(
    slow: SlowStack, before: dict[str, Job | None], killed_s: float, mark: int | None
) -> dict[str, float]:
    """Seconds from the kill until each job's record changed, or (`mark`) its pipeline was asked."""
    after_s: dict[str, float] = {}

    def look() -> bool:
        asked: list[str] = [] if mark is None else _asked(slow, mark)
        for request_id, job in before.items():
            if request_id in after_s:
                continue
            now = slow.stack.job(request_id)
            is_changed = _version(now) != _version(job)
            if is_changed or (job and any(_pipeline(job) in path for path in asked)):
                after_s[request_id] = time.monotonic() - killed_s
        time.sleep(_LOOK_EVERY_S)
        return len(after_s) == len(before)

    slow.stack.wait_for(look, deadline_s=_TAKEOVER_S)
    return after_s


def _asked(slow: SlowStack, mark: int) -> list[str]:
    return [str(entry["path"]) for entry in slow.stack.standin.log(after=mark)]


def _pipeline(job: Job) -> str:
    run = job.steps[0].pipeline
    return run.pipeline_id if run else "?"


def _version(job: Job | None) -> int:
    return job.version if job else 0


def _are_over(slow: SlowStack, ids: Sequence[str]) -> bool:
    return all((job := slow.stack.job(one)) is not None and job.state.is_final for one in ids)


def _end(slow: SlowStack, worker: WorkerProcess) -> None:
    worker.kill(signal.SIGKILL)
    worker.wait(30)
    worker.release()
    slow.stack.workers.remove(worker)


def takeovers_markdown(takeovers: Sequence[Takeover]) -> str:
    """One row per place for people."""
    settings = f"visibility {VISIBILITY_S} s, polls at most {POLL_MAX_S} s apart"
    lines = [
        f"| job goes on after SIGKILL ({settings}) | jobs | median | longest | at most | paid |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for place in (*PLACES, PENDING):
        here = [one for one in takeovers if one.place == place]
        if here:
            times_s = [one.takeover_s for one in here]
            lines.append(
                f"| {place} | {len(here)} | {statistics.median(times_s):.1f} s | "
                f"{max(times_s):.1f} s | {MOST_S:g} s | "
                f"{', '.join(sorted({f'{one.runs} ×' for one in here}))} |"
            )
    return "\n".join(lines) + "\n"
