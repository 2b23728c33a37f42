"""One run of chaos: a storm of requests, signals and broken connections, then calm, then checks.

    requests ────────────────►|
    signals, proxies hostile  ════════════════════►| calm ──► drained ──► workers stop ──► checks
                              0        …       storm         within `drain_s`

The harness talks to the services directly; only the workers go through the proxies:

    worker ─► proxy ─► AWS emulator          worker ─► proxy ─► stand-in API
                                             worker ─► proxy ─► its upload and picture links
"""

from __future__ import annotations

import secrets
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Self

from sandbox.local import LocalStack
from sandbox.proxy import HOSTILE, Mood, TcpProxy
from sandbox.proxy.tcp_proxy import all_counts, calm_down
from sandbox.samples import write_samples
from tests.chaos import checks
from tests.chaos.collector import Collector
from tests.chaos.crew import Crew
from tests.chaos.evidence import Evidence, depths, gather, keep
from tests.chaos.monkey import Monkey
from tests.chaos.orders import DOOMED, Ending, Order, Places, make_orders
from tests.chaos.producer import PollCopies, Producer
from tests.chaos.result import ChaosResult

_START_S = 300.0
_TICK_S = 0.03
_LOOK_EVERY_S = 0.5

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weather:
    """How long and how hard; times in seconds.

    Attributes:
        request_every_s: between two requests, so that the storm lasts as long as the work.
        storm_share: the storm ends when so many of the requests have their event …
        storm_most_s: … or at this time after the last message was sent.
        drain_s: within so long all must be done after the storm. A condition, not a measurement.
        pipeline_s: how long pipelines take, at least and at most.
        longest_freeze_s: of a SIGSTOP.
        visibility_s: of the workers; also the life of their leases.
        mood: of the proxies in the storm.
    """

    request_every_s: float = 0.4
    storm_share: float = 0.9
    storm_most_s: float = 120.0
    drain_s: float = 600.0
    pipeline_s: tuple[float, float] = (0.3, 4.0)
    longest_freeze_s: float = 30.0
    visibility_s: int = 10
    mood: Mood = HOSTILE


def run_chaos(
    jobs: int = 300,
    workers: int = 8,
    seed: int = 1,
    *,
    weather: Weather | None = None,
    folder: Path | None = None,
    tell: Tell = lambda _: None,
) -> ChaosResult:
    """Runs it, and returns what came of it; violations are in the result, not raised.

    Args:
        jobs: requests.
        workers: processes at a time.
        seed: of all dice. It repeats what is asked for, not what the machine makes of it.
        weather: how hard it is.
        folder: where logs and evidence are kept; a new temporary one by default.
        tell: hears what happens next.

    Raises:
        EmulatorError, DeployError: the sandbox could not be started.
    """
    folder = folder or Path(tempfile.mkdtemp(prefix="hautech-chaos-"))
    (folder / "logs").mkdir(parents=True, exist_ok=True)
    (folder / "seed").write_text(f"{seed}\n", encoding="utf-8")
    with _Scene(weather or Weather(), seed, folder) as scene:
        return scene.play(jobs, workers, tell)


class _Scene:
    """Sandbox and proxies of one run, and the run itself."""

    def __init__(self, weather: Weather, seed: int, folder: Path) -> None:
        self._weather = weather
        self._seed = seed
        self._folder = folder
        self._open = ExitStack()
        self._canary = f"canary-{secrets.token_hex(16)}"

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:  # also Ctrl-C while it starts
            self._open.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def play(self, jobs: int, workers: int, tell: Tell) -> ChaosResult:
        orders = make_orders(jobs, self._places(), self._dice("orders"))
        crew = Crew(
            self._stack, size=workers, logs=self._folder / "logs", environment=self._environment
        )
        self._open.callback(crew.abandon)
        self._stack.wait_for(lambda: 2 * len(crew.working()) >= workers, deadline_s=_START_S)
        tell(f"{jobs} requests, {workers} workers, seed {self._seed}: the storm begins")
        begun_s = time.monotonic()
        storm = _Storm(self._stack, crew, orders, self._weather, self._dice)
        for proxy in self._proxies:
            proxy.set_mood(self._weather.mood)
        storm.rage()
        storm_s = time.monotonic() - begun_s
        calm_down(*self._proxies)
        tell(f"calm after {storm_s:.0f} s; {storm.over} of {jobs} requests are over")
        drain_s = storm.drain()
        crew.dismiss()
        storm.collector.act(float("inf"))
        evidence = gather(
            self._stack,
            orders=orders,
            events=storm.collector.events,
            ends=crew.ends,
            secrets=self._secrets(),
        )
        keep(evidence, self._folder)
        result = self._result(evidence, storm, workers, storm_s, drain_s, begun_s)
        (self._folder / "result.md").write_text(result.to_markdown(), encoding="utf-8")
        return result

    def _result(
        self,
        evidence: Evidence,
        storm: _Storm,
        workers: int,
        storm_s: float,
        drain_s: float | None,
        begun_s: float,
    ) -> ChaosResult:
        found = [*storm.collector.early, *checks.violations(evidence)]
        if drain_s is None:
            found.insert(0, f"not all was over {self._weather.drain_s:g} s after the storm")
        return ChaosResult(
            seed=self._seed,
            jobs=len(evidence.orders),
            workers=workers,
            took_s=time.monotonic() - begun_s,
            storm_s=storm_s,
            drain_s=self._weather.drain_s if drain_s is None else drain_s,
            messages_sent=storm.producer.sent,
            poll_copies=storm.poll_copies.sent,
            processes=len(evidence.ends),
            signals=storm.monkey.counts,
            mischief=all_counts(*self._proxies),
            endings=Counter(str(order.ending) for order in evidence.orders),
            runs=len(evidence.runs),
            events=len(evidence.events),
            given_up=len(checks.given_up(evidence)),
            adopted=checks.actions(evidence)["pipeline_adopted"],
            stop_s=[end.after_s for end in evidence.ends if end.code == 0 and not end.was_frozen],
            violations=found,
            folder=self._folder,
        )

    def _start(self) -> None:
        aws, api, media = (
            self._open.enter_context(TcpProxy(seed=self._seed * 3 + number)) for number in range(3)
        )
        self._proxies = (aws, api, media)
        self._stack = self._open.enter_context(
            LocalStack(
                workers=0,
                standin_options={
                    "durationSeconds": list(self._weather.pipeline_s),
                    "drawing": "flat",
                    "flatPadBytes": 60_000,
                    "balance": "1000000",
                    "seed": self._seed,
                },
                worker_env={
                    "AWS_ENDPOINT_URL": aws.url,
                    "AWS_SECRET_ACCESS_KEY": self._canary,
                    "HAUTECH_API_URL": api.url,
                    "WORKER_CONCURRENCY": "6",
                    # The checks count each job's own preparations.
                    "WORKER_REUSE": "off",
                    "WORKER_LOG_FORMAT": "json",
                    "WORKER_POLL_MAX_SECONDS": "5",
                    "WORKER_VISIBILITY_SECONDS": str(self._weather.visibility_s),
                },
                media_url=media.url,
            )
        )
        aws.aim_at(self._stack.aws.endpoint_url)
        api.aim_at(self._stack.api_url)
        media.aim_at(self._stack.media_url)
        self._stack.standin.add_fault(
            {"route": "workflows.run", "kind": "fail_run", "times": -1, "bodyContains": DOOMED}
        )

    def _places(self) -> Places:
        stack = self._stack
        with tempfile.TemporaryDirectory(prefix="hautech-chaos-samples-") as folder:
            samples = write_samples(Path(folder))
            page = Path(folder) / "page.png"
            page.write_bytes(b"<html></html>")
            return Places(
                garment=stack.upload(samples.garment, "raw/garment.png"),
                pose=stack.upload(samples.pose, "poses/pose.png"),
                page=stack.upload(page, "raw/page.png"),
                output=f"s3://{stack.outputs.output_bucket_name}/chaos/",
            )

    def _environment(self, number: int) -> Mapping[str, str]:
        # Both ways to sign in, so that both kinds of secret are in play.
        return {"HAUTECH_API_TOKEN": self._stack.credentials.api_token} if number % 2 else {}

    def _secrets(self) -> dict[str, str]:
        credentials = self._stack.credentials
        return {
            "the API token": credentials.api_token,
            "the application key": credentials.key_secret[100:164],
            "the AWS secret key": self._canary,
        }

    def _dice(self, name: str) -> Random:
        return Random(f"{self._seed}/{name}")


class _Storm:
    """Everything that happens at once, in turns of one thread."""

    def __init__(
        self,
        stack: LocalStack,
        crew: Crew,
        orders: list[Order],
        weather: Weather,
        dice: Callable[[str], Random],
    ) -> None:
        self._stack = stack
        self._crew = crew
        self._orders = orders
        self._weather = weather
        self.producer = Producer(
            stack, orders, dice("producer"), within_s=len(orders) * weather.request_every_s
        )
        self.poll_copies = PollCopies(stack, dice("polls"))
        self.monkey = Monkey(crew, dice("monkey"), longest_freeze_s=weather.longest_freeze_s)
        self.collector = Collector(stack)

    @property
    def over(self) -> int:
        """Requests whose event has come."""
        return len(self.collector.subjects)

    def rage(self) -> None:
        """Until all has been sent and most is over, or it has lasted long enough."""
        begun_s, sent_at_s = time.monotonic(), None
        while True:
            now_s = time.monotonic() - begun_s
            for part in (self.producer, self.poll_copies, self.monkey, self.collector):
                part.act(now_s)
            self._crew.bury()
            if self.producer.is_done:
                sent_at_s = sent_at_s or now_s
                is_old = now_s - sent_at_s > self._weather.storm_most_s
                if is_old or self.over >= self._weather.storm_share * len(self._orders):
                    break
            time.sleep(_TICK_S)
        self.monkey.rest()

    def drain(self) -> float | None:
        """Waits until nothing is left to do. Seconds; None when that took too long."""
        begun_s, looked_at_s = time.monotonic(), 0.0
        while (now_s := time.monotonic() - begun_s) < self._weather.drain_s:
            self.collector.act(time.monotonic())
            self._crew.bury()
            if now_s - looked_at_s > _LOOK_EVERY_S:
                looked_at_s = now_s
                if self._is_drained():
                    return now_s
            time.sleep(_TICK_S)
        return None

    def _is_drained(self) -> bool:
        if self.over < len(self._orders) or any(depths(self._stack).values()):
            return False
        jobs = (self._stack.job(order.request_id) for order in self._orders if order.has_record)
        return all(job is not None and job.state.is_final for job in jobs)


__all__ = ["Ending", "Weather", "run_chaos"]
