"""One message in, one outcome out: the engine advances a job as far as it goes without waiting.

    request message ─► request_messages ─► accept ─┐
                                                   ├─► story
    poll message ────► poll_messages ──────────────┘

It never sleeps and never raises: every error becomes an outcome, by the table in `classify`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import TYPE_CHECKING

import structlog

from worker.contracts.trace import clean_trace
from worker.engine import late_parts, trouble
from worker.engine.circuit import Circuit
from worker.engine.drop_rules import DropRules
from worker.engine.guarded_hautech import GuardedHautech
from worker.engine.hearsay import Hearsay
from worker.engine.in_flight import InFlight
from worker.engine.intake import Intake, IntakeGate
from worker.engine.limits import Limits
from worker.engine.notices import Notices
from worker.engine.observing import NoObserver
from worker.engine.pace import Pace
from worker.engine.poll_messages import PollMessages
from worker.engine.request_messages import RequestMessages
from worker.engine.rules import EngineRules
from worker.engine.shared_durations import SharedDurations
from worker.engine.spool import SpoolRoom
from worker.engine.story import Story
from worker.engine.trouble import Carrier, Delivery
from worker.engine.world import World
from worker.jobs.document import JobDocumentError
from worker.jobs.outcomes import Outcome, RetryLater
from worker.ports.assets import AssetCache
from worker.ports.batches import BatchStore
from worker.ports.clock import Clock, WorkBudget
from worker.ports.durations import DurationBoard
from worker.ports.generation import ImageGeneration
from worker.ports.jobs import JobStore
from worker.ports.notices import NoticeBoard
from worker.ports.objects import ObjectStore
from worker.ports.observer import Observer
from worker.ports.queues import ReceivedMessage, WorkQueue
from worker.ports.rules import RulesShelf
from worker.ports.topic import ResultTopic

if TYPE_CHECKING:  # see `late_parts`
    from worker.engine.reconcile import ReconcileReport
    from worker.ports.photos import PhotoLab

log = structlog.get_logger(__name__)

_SHARING_S = 10.0
"""Time that must be left to share what was learned: it can wait, and a message cannot."""


class Engine:
    """Handles messages; safe to call from several threads at once."""

    def __init__(
        self,
        *,
        store: JobStore,
        batches: BatchStore,
        queue: WorkQueue,
        objects: ObjectStore,
        lab: PhotoLab,
        topic: ResultTopic,
        hautech: ImageGeneration,
        assets: AssetCache,
        clock: Clock,
        rules: EngineRules,
        random: random.Random,
        new_token: Callable[[], str],
        board: NoticeBoard | None = None,
        duration_board: DurationBoard | None = None,
        shelf: RulesShelf | None = None,
        observer: Observer | None = None,
    ) -> None:
        self._observer = observer or NoObserver()
        self._notices = Notices(board)
        self._circuit = Circuit(clock=clock, rules=rules, random=random, tell=self._notices.note)
        self._hearsay = Hearsay(self._notices, circuit=self._circuit, clock=clock)
        most_per_s = rules.hautech_requests_per_s
        self._pace = Pace(clock=clock, random=random, most_per_s=most_per_s)
        self._in_flight = InFlight(queue, clock=clock, random=random, most=rules.in_flight_most)
        guarded = GuardedHautech(
            hautech,
            circuit=self._circuit,
            pace=self._pace,
            in_flight=self._in_flight,
            observer=self._observer,
        )
        self._world = World(
            store=store,
            batches=batches,
            queue=queue,
            objects=objects,
            lab=lab,
            assets=assets,
            topic=topic,
            hautech=guarded,
            observer=self._observer,
            clock=clock,
            rules=rules,
            random=random,
            new_token=new_token,
            # The largest single piece of work always finds room once it is alone.
            spools=SpoolRoom(
                max(
                    rules.spool_max_bytes,
                    rules.output_max_bytes,
                    rules.source_max_bytes + rules.image_max_bytes,
                )
            ),
            drops=DropRules(rules, objects=objects, shelf=shelf, clock=clock),
        )
        self._durations = SharedDurations(self._world.durations, duration_board)
        self._gate = IntakeGate(
            self._world, circuit=self._circuit, pace=self._pace, in_flight=self._in_flight
        )
        story = Story(self._world, hautech=guarded, gate=self._gate)
        self._requests = RequestMessages(self._world, gate=self._gate, story=story)
        self._polls = PollMessages(
            self._world, gate=self._gate, in_flight=self._in_flight, story=story
        )

    def resume(self) -> None:
        """Begin as the workers left off, if they hold requests back. Asks the board; never raises.

        For processes that live shortly: each would need failures of its own to find that out.
        """
        self._hearsay.begin()

    def intake(self) -> Intake:
        """Whether new requests are taken now; polls always are."""
        return self._gate.intake()

    def limits(self) -> Limits:
        """What limits new work now. Asks nobody."""
        return Limits(
            circuit=self._circuit.state,
            pace=self._pace.state(),
            in_flight=self._in_flight.state(),
        )

    @property
    def rules_are_broken(self) -> bool:
        """Whether the rules file could not be used when this process last looked at it."""
        return self._world.drops.are_broken

    def handle_request(self, message: ReceivedMessage, budget: WorkBudget) -> Outcome:
        """What to do with a message of the requests queue, after doing what it asks for."""
        self._hear(budget)
        trace = clean_trace(message.trace)
        delivery = Delivery(Carrier.REQUEST, message.receive_count, trace=trace)
        outcome = self._answer(self._requests.handle, message.body, delivery, budget)
        self._tell(budget)
        self._observer.handled("requests", outcome)
        return outcome

    def handle_poll(self, message: ReceivedMessage, budget: WorkBudget) -> Outcome:
        """What to do with a message of the polls queue, after following the job it names."""
        self._hear(budget)
        delivery = Delivery(Carrier.POLL, message.receive_count)
        outcome = self._answer(self._polls.handle, message.body, delivery, budget)
        self._tell(budget)
        self._observer.handled("polls", outcome)
        return outcome

    def reconcile(self, budget: WorkBudget) -> ReconcileReport:
        """Wake open jobs that nothing may wake any more. To be called every few minutes.

        Raises errors of the store and of the queue; the next call finds what is left.
        """
        return late_parts.reconcile(self._world, budget)

    def _hear(self, budget: WorkBudget) -> None:
        """Before a message: what other processes found out. The time of the message comes first."""
        self._hearsay.ask_again()
        if budget.remaining_s() > _SHARING_S:
            self._durations.refresh(at=self._world.now())

    def _tell(self, budget: WorkBudget) -> None:
        """After a message, when all is recorded: what this process found out meanwhile."""
        self._notices.post()
        if budget.remaining_s() > _SHARING_S:
            self._durations.share(at=self._world.now())

    def _answer(
        self,
        handle: Callable[[str, Delivery, WorkBudget], Outcome],
        body: str,
        delivery: Delivery,
        budget: WorkBudget,
    ) -> Outcome:
        """Errors that met no held job: nothing is recorded, the message comes back."""
        structlog.contextvars.clear_contextvars()
        try:
            return handle(body, delivery, budget)
        except JobDocumentError as error:
            # Whatever the message asks for, only a release that knows the whole job can answer.
            log.warning(error.message, action="record_unreadable")
            return RetryLater(trouble.NOT_UNDERSTOOD_S, error.message)
        except Exception as error:  # noqa: BLE001 -- a driver must get an outcome, whatever happened
            return trouble.retry(self._world, error, delivery, failures=delivery.count)
        finally:
            # The thread's next message, or next log line, has nothing to do with this job.
            structlog.contextvars.clear_contextvars()
