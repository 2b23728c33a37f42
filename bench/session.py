"""One stack with one worker at a time: measures loads on it, and the floor in between."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from bench.arrivals import Arrival, Arrivals
from bench.counted_process import CountedWorker
from bench.figures import FloorObserved, InFlight, Observed, difference, lags_s
from bench.load import FloorLoad, Load, Photos
from bench.watching import ProcessWatch
from sandbox.children import WorkerProcess
from sandbox.local import WORKER_START_S, LocalStack
from sandbox.samples import write_samples

OUTPUT_BYTES = 200_000
"""Size of each output picture. The stand-in draws one colour and pads it: drawing takes CPU."""

_JOB_DEADLINE_S = 1.5
_LONGEST_PIPELINE_S = 60.0
_DRAIN_DEADLINE_S = 60.0
_LEARNED_S = 240.0
"""Duration of the pipelines that stay in flight. The warm-up teaches it to the worker, so it does
not poll before; the load must be in by then."""


@contextmanager
def bench_session(*, duration_s: float) -> Iterator[BenchSession]:
    """A new stack whose pipelines take `duration_s`; gone after the block.

    New for each kind of load: the emulator keeps all it has seen in memory and gets slower.
    """
    options = {
        "durationSeconds": duration_s,
        "drawing": "flat",
        "flatPadBytes": OUTPUT_BYTES,
        "balance": "1000000",
    }
    with (
        LocalStack(
            workers=0,
            standin_options=options,
            worker_env={"WORKER_LOG_FORMAT": "json", "WORKER_REUSE": "off"},
        ) as stack,
        Arrivals(stack.aws.client("sqs"), stack.events_queue_url) as arrivals,
        tempfile.TemporaryDirectory(prefix="hautech-bench-") as folder,
    ):
        yield BenchSession(stack, arrivals, Path(folder), (duration_s, duration_s))


class BenchSession:
    """See `bench_session`."""

    def __init__(
        self, stack: LocalStack, arrivals: Arrivals, folder: Path, duration_s: tuple[float, float]
    ) -> None:
        self._stack = stack
        self._arrivals = arrivals
        self._folder = folder
        self._duration_s = duration_s
        samples = write_samples(folder)
        self.photos = Photos(
            pose_uri=stack.upload(samples.pose),
            garment_uri=stack.upload(samples.garment),
            pose_bytes=samples.pose.stat().st_size,
            garment_bytes=samples.garment.stat().st_size,
        )
        self._load = Load(stack, self.photos)
        self._floor = FloorLoad(stack, self._load)
        self._worker: WorkerProcess | None = None

    def start_worker(self, *, is_counted: bool = False, warm_up: int = 20) -> int:
        """Starts a worker, instead of the one that runs, and does `warm_up` jobs. Its process id."""
        if self._worker is not None:
            self._worker.stop()
            self._worker = None
        if is_counted:
            number = len(self._stack.workers) + 1
            worker: WorkerProcess = CountedWorker(
                number,
                self._stack.worker_environment(),
                counts_file=self._folder / f"counts-{number}.json",
            )
            self._stack.workers.append(worker)
        else:
            worker = self._stack.add_worker()
        # Of this one only: it looks at the end of the log, and those before it wrote a lot.
        self._stack.wait_for(lambda: worker.is_receiving, deadline_s=WORKER_START_S)
        self._worker = worker
        # It opens its connections, starts its threads and learns how long pipelines take.
        self._through(self._load.requests(warm_up), per_s=None)
        self._wait_until_drained()
        return worker.pid

    def take(self, least_s: float, most_s: float) -> None:
        """From now on, new pipelines take between `least_s` and `most_s`."""
        self._duration_s = (least_s, most_s)
        self._stack.standin.set_options(durationSeconds=list(self._duration_s))

    def floor(self, *, jobs: int) -> FloorObserved:
        """The bare calls, on pipelines that take no time: one who waits would sleep."""
        standin = self._stack.standin
        standin.set_options(durationSeconds=0)
        observed = self._floor.measure(warm_up=5, jobs=jobs)
        standin.set_options(durationSeconds=list(self._duration_s))
        return observed

    def measure(self, jobs: int, *, per_s: float | None = None) -> Observed:
        """Sends so many requests, all at once or at a rate, and waits until all is quiet again."""
        worker = self._running()
        hautech_before, aws_before = self._hautech_calls(), _aws_calls(worker)
        requests = self._load.requests(jobs)
        with ProcessWatch(worker.pid) as watch:
            cpu_s, begun_s = watch.cpu_s(), time.monotonic()
            arrived = self._through(requests, per_s=per_s)
            wall_s = time.monotonic() - begun_s
            self._wait_until_drained()
            cpu_s = watch.cpu_s() - cpu_s
            peak_rss_bytes, peak_threads = watch.peaks()
        aws_after = _aws_calls(worker)
        is_counted = aws_before is not None and aws_after is not None
        return Observed(
            jobs=jobs,
            wall_s=wall_s,
            cpu_s=None if is_counted else cpu_s,
            peak_rss_bytes=peak_rss_bytes,
            peak_threads=peak_threads,
            hautech_calls=difference(hautech_before, self._hautech_calls()),
            aws_calls=difference(aws_before or {}, aws_after or {}) if is_counted else None,
            lags_s=self._lags_s(arrived),
        )

    def measure_in_flight(self, jobs: int) -> InFlight:
        """Starts so many pipelines that stay pending, and looks at the worker's memory."""
        self.take(_LEARNED_S, _LEARNED_S)
        self._teach(_LEARNED_S)
        worker = self._running()
        runs_before = self._stack.standin.counters()["runs"]
        with ProcessWatch(worker.pid) as watch:
            rss_before_bytes = watch.rss_bytes()
            begun_s = time.monotonic()
            self._load.send_at_once(self._load.requests(jobs))
            self._stack.wait_for(
                lambda: self._stack.standin.counters()["runs"] - runs_before >= jobs,
                deadline_s=_LEARNED_S,
            )
            intake_s = time.monotonic() - begun_s
            pending = sum(run["status"] == "pending" for run in self._stack.standin.runs())
            peak_rss_bytes, peak_threads = watch.peaks()
        return InFlight(
            wanted=jobs,
            pending=pending,
            peak_rss_bytes=peak_rss_bytes,
            peak_threads=peak_threads,
            rss_before_bytes=rss_before_bytes,
            intake_s=intake_s,
        )

    def _teach(self, duration_s: float) -> None:
        """Lets the worker see a pipeline of that duration, without waiting for it."""
        runs_before = self._stack.standin.counters()["runs"]
        requests = self._load.requests(10)
        self._load.send_at_once(requests)
        self._stack.wait_for(
            lambda: self._stack.standin.counters()["runs"] - runs_before >= len(requests),
            deadline_s=_JOB_DEADLINE_S * 20,
        )
        self._stack.standin.advance(duration_s)
        self._arrivals.wait_for(
            [request["requestId"] for request in requests],
            deadline_s=_LONGEST_PIPELINE_S,
            check=self._stack.check,
        )

    def _through(
        self, requests: list[dict[str, Any]], *, per_s: float | None
    ) -> dict[str, Arrival]:
        if per_s is None:
            self._load.send_at_once(requests)
        else:
            self._load.send_steadily(requests, per_s=per_s)
        return self._arrivals.wait_for(
            [request["requestId"] for request in requests],
            deadline_s=_LONGEST_PIPELINE_S + _JOB_DEADLINE_S * len(requests),
            check=self._stack.check,
        )

    def _wait_until_drained(self) -> None:
        self._stack.wait_for(self._load.is_drained, deadline_s=_DRAIN_DEADLINE_S)

    def _hautech_calls(self) -> dict[str, int]:
        routes = self._stack.standin.counters()["routes"]
        return {name: int(counts["total"]) for name, counts in routes.items()}

    def _lags_s(self, arrived: dict[str, Arrival]) -> list[float]:
        ended_at = {
            run["pipelineId"]: datetime.fromisoformat(run["updatedAt"])
            for run in self._stack.standin.runs()
        }
        return lags_s(
            {one.request_id: one.pipeline_ids for one in arrived.values()},
            {one.request_id: one.at for one in arrived.values()},
            ended_at,
        )

    def _running(self) -> WorkerProcess:
        if self._worker is None:
            raise RuntimeError("no worker runs: call start_worker first")
        return self._worker


def _aws_calls(worker: WorkerProcess) -> dict[str, int] | None:
    return worker.calls() if isinstance(worker, CountedWorker) else None
