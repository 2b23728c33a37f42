"""A redrive on real queues and a real table: the job is open again, and nothing else is lost."""

from __future__ import annotations

import json
import math
import random

from tests.adapters.clients import clients_for
from tests.builders import INPUT_BUCKETS, OUTPUT_BUCKETS, at, running_job
from tests.support.aws import DeployedAws
from worker.adapters.aws.dynamodb import DynamoJobStore
from worker.adapters.aws.sqs import SqsQueue, SqsWorkQueue
from worker.adapters.memory import ManualClock
from worker.adapters.memory.batches import MemoryBatchStore
from worker.contracts.dead_letter import DeadLetterReason
from worker.contracts.poll import parse_poll
from worker.engine.redrive import Action
from worker.engine.rules import EngineRules
from worker.engine.world import RecordWorld
from worker.jobs import transitions
from worker.jobs.job import Failure, Job, JobState
from worker.runtime.commands.letters import Reading
from worker.runtime.redriving import Redriving

REASON = DeadLetterReason(
    error_code="pipeline.timeout",
    error_message="still pending",
    error_stage="poll",
    request_id="sku-1042-front",
    event_id="e" * 40,
    failed_at=at(9),
)


class Endless:
    def remaining_s(self) -> float:
        return math.inf


def failed_job() -> Job:
    failure = Failure(code="pipeline.timeout", message="late", stage="poll", retryable=True)
    job = transitions.settle(running_job(), event={"id": "e"}, failure=failure, at=at(9))
    return transitions.finish(job, at=at(10))


def test_a_dead_letter_is_redriven_and_the_one_beside_it_stays_visible(aws: DeployedAws) -> None:
    clients = clients_for(aws)
    store = DynamoJobStore(clients.dynamodb, aws.outputs.job_table_name)
    polls = SqsQueue(clients.sqs, aws.outputs.poll_queue_url)
    requests = SqsQueue(clients.sqs, aws.outputs.request_queue_url)
    dead_letters = SqsQueue(clients.sqs, aws.outputs.dead_letter_queue_url)
    work = SqsWorkQueue(requests=requests, polls=polls, dead_letters=dead_letters)
    store.create(failed_job())
    work.send_dead_letter(json.dumps(failed_job().request), REASON)
    dead_letters.send("x" * 200_000, attributes={"tenant": "shop-7"})
    world = RecordWorld(
        store=store,
        batches=MemoryBatchStore(),
        queue=work,
        clock=ManualClock(),
        rules=EngineRules(input_buckets=INPUT_BUCKETS, output_buckets=OUTPUT_BUCKETS),
        random=random.Random(7),
        new_token=lambda: "a-person",
    )
    desk = Redriving(world, requests=requests, dead_letters=dead_letters)

    with Reading(dead_letters) as reading:
        for message in reading:
            if desk.judge(message).action is Action.REOPEN:
                desk.redrive(message, Endless())
                reading.forget(message)

    job = store.load("sku-1042-front")
    assert job is not None
    assert (job.state, job.redrives, job.lease) == (JobState.RUNNING, 1, None)
    (poll,) = polls.receive(wait_s=5, visibility_s=30)
    assert parse_poll(poll.body).ticket == job.poll_ticket
    (other,) = dead_letters.receive(wait_s=5, visibility_s=30)
    assert other.body == "x" * 200_000

    desk.redrive(other, Endless())

    (again,) = requests.receive(wait_s=5, visibility_s=30)
    assert (again.body, dict(again.attributes)) == ("x" * 200_000, {"tenant": "shop-7"})
    for queue in (polls, requests, dead_letters):
        queue.close()
