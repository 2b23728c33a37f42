"""Runs one variant of one cell: a scene, the fault, and whoever takes over, until nothing is left."""

from __future__ import annotations

import secrets
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final
from unittest.mock import patch

from sandbox.aws import StackOutputs
from sandbox.hautech.faults import FaultRule
from tests.faults.catalogue import BATCHES, ENDS_FAILED, Call
from tests.faults.findings import Findings, read_findings
from tests.faults.moments import Ambush
from tests.faults.plan import Variant
from tests.faults.rig import Rig
from tests.faults.scenes import Scene, Stage
from tests.faults.strikes import Blow, Strike
from tests.faults.worker_process import VISIBILITY_S, Notes, WorkerProcess
from tests.faults.world import WorkerClock
from tests.scenarios.crash import Killed
from worker.engine import batch_report

SKEW_S: Final = 600.0
REST_S: Final = 60.0
"""A message that rests does so for this long at least, by the skipped clock."""

_TURNS_MAX: Final = 80
"""A job that needs more does not end."""


class NeverStruckError(AssertionError):
    """The job never came to the call, so the cell proves nothing."""


class Experiment:
    """One job on a stack of its own.

    Args:
        rig: started.
        call: the row; its flow says which job it is.
        variant: what happens to the call; None: nothing, to see what an undisturbed job does.
    """

    def __init__(self, rig: Rig, call: Call, variant: Variant | None) -> None:
        self.rig = rig
        self.call = call
        self.variant = variant
        self.notes = Notes()
        self.deaths = 0
        self.request_id = f"cell-{secrets.token_hex(6)}"
        self.outputs: StackOutputs
        self.outputs, self.events_url = rig.new_stack()
        stage = Stage(rig, self.outputs, self.request_id)
        self._settings = rig.settings(self.outputs, stage.environment(call.flow))
        self.scene: Scene = stage.set_up(call.flow)
        self._clock = WorkerClock(rig.world)
        self._sqs: Any = rig.aws.client("sqs")

    def run(self) -> Findings:
        """Lets the job run to its end and says what was found.

        Raises:
            NeverStruckError: the fault did not occur.
            AssertionError: messages are left after many turns.
        """
        rig = self.rig
        rig.logs.seek(0)
        rig.logs.truncate()
        rig.gateway.receipts.clear()
        rig.moments.arm(None)
        rig.moments.lookups.arm(())
        self._set_up_flow()
        strikes = [*self._flow_strikes(), *self._variant_strikes()]
        rig.gateway.strikes.arm(strikes)
        rig.gateway.is_forgetful = self.variant is not None and self.variant.inside == "dns"
        self._arm_inside()
        self._sqs.send_message(QueueUrl=self.outputs.request_queue_url, MessageBody=self.scene.body)
        with self._short_parts():
            self._run_until_quiet()
            if rig.gateway.release_late():
                self._run_until_quiet()
        self._check_struck()
        return read_findings(self, dict(rig.gateway.strikes.seen))

    # -- the fault ---------------------------------------------------------------------------

    def _flow_strikes(self) -> list[Strike]:
        if self.call.flow in {"answer lost", "key lost"}:
            return [Strike(call="hautech.run", blow=Blow.DROP_AFTER)]
        return []

    def _variant_strikes(self) -> list[Strike]:
        variant = self.variant
        if variant is None or variant.blow is None:
            return []
        call = variant.struck or self.call.wire
        nth = 1 if variant.struck else self.call.nth
        return [Strike(call=call, blow=variant.blow, nth=nth, times=variant.times)]

    def _arm_inside(self) -> None:
        variant = self.variant
        if variant is None or variant.inside is None:
            return
        call, nth = self.call.wire, self.call.nth
        if variant.inside == "dns":
            # The blow does not matter: any makes the look-up fail.
            strike = Strike(call=call, blow=Blow.DROP, nth=nth, times=variant.times)
            self.rig.moments.lookups.arm([strike])
            return
        is_receive = call.startswith("sqs.receive")
        actions: dict[str, tuple[str, Callable[[], None]]] = {
            "kill before": ("before", self._die),
            "kill after": ("after", self._die),
            # A message can only come twice once it has come.
            "duplicate": ("after" if is_receive else "before", self._deliver_twice),
            "ahead": ("before", lambda: self._skew(SKEW_S)),
            "behind": ("before", lambda: self._skew(-SKEW_S)),
        }
        when, action = actions[variant.inside]
        self.rig.moments.arm(
            Ambush(
                call=call,
                when="before" if when == "before" else "after",
                action=action,
                nth=nth,
            )
        )

    def _die(self) -> None:
        raise Killed(f"at {self.call.name}")

    def _skew(self, seconds: float) -> None:
        self._clock.skew_s = seconds

    def _deliver_twice(self) -> None:
        """The message in hand is delivered to a second worker, which deals with it meanwhile."""
        self.rig.gateway.receipts.make_visible(self._sqs)
        # No time passes for the first worker, so what the second one lays to rest stays there.
        second = self._new_worker(rests_end=False)
        second.turn()
        second.end()

    def _check_struck(self) -> None:
        variant = self.variant
        if variant is None:
            return
        rig = self.rig
        if variant.blow is not None:
            hits: Counter[Strike] = rig.gateway.strikes.hits
            happened = all(hits[strike] for strike in self._variant_strikes())
        elif variant.inside == "dns":
            happened = bool(rig.moments.lookups.hits)
        else:
            happened = rig.moments.is_sprung
        if not happened:
            raise NeverStruckError(f"{self.call.name}: the job never came to it")

    @contextmanager
    def _short_parts(self) -> Iterator[None]:
        """Each row of a long list is a part of its own; the emulator takes parts of any size."""
        with ExitStack() as changed:
            if self.call.flow == "long list":
                changed.enter_context(patch.multiple(batch_report, PART_BYTES=1, GROUP_ROWS=1))
            yield

    # -- the job -----------------------------------------------------------------------------

    def _set_up_flow(self) -> None:
        stand_in = self.rig.stand_in
        stand_in.clear_faults()
        stand_in.set_options(dropMetadata=self.call.flow == "key lost")
        if self.call.flow in ENDS_FAILED:
            stand_in.add_fault(FaultRule(route="workflows.run", kind="fail_run"))

    def _new_worker(self, *, rests_end: bool = True) -> WorkerProcess:
        # Where several messages rest, one that came back at once would always be the first.
        is_shared = self.call.flow in BATCHES
        return WorkerProcess(
            settings=self._settings,
            make_clients=lambda clock: self.rig.new_clients(self.outputs, clock),
            moments=self.rig.moments,
            world=self.rig.world,
            clock=self._clock,
            notes=self.notes,
            let_rest_end=self._let_rest_end if rests_end and not is_shared else None,
        )

    def _run_until_quiet(self) -> None:
        worker = self._new_worker()
        try:
            for _ in range(_TURNS_MAX):
                try:
                    if worker.turn():
                        continue
                except Killed:
                    self.deaths += 1
                    worker.end()
                    worker = self._new_worker()
                if not self._messages_left():
                    return
                self._let_rest_end(VISIBILITY_S)
        finally:
            worker.end()
        raise AssertionError(f"messages are left after {_TURNS_MAX} turns")

    def _let_rest_end(self, seconds: float) -> None:
        self.rig.world.skip(max(seconds, REST_S))
        self.rig.gateway.receipts.make_visible(self._sqs)

    def _messages_left(self) -> int:
        names = [
            "ApproximateNumberOfMessages",
            "ApproximateNumberOfMessagesNotVisible",
            "ApproximateNumberOfMessagesDelayed",
        ]
        count = 0
        for url in (self.outputs.request_queue_url, self.outputs.poll_queue_url):
            answer = self._sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)
            count += sum(int(answer["Attributes"][name]) for name in names)
        return count
