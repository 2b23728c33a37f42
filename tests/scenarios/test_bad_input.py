"""Each kind of bad input: one failed event, one dead letter with the reason, nothing paid."""

import io
import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image

from tests.builders import FULL_NAOMI_INPUT, body, message
from tests.scenarios.harness import Service
from worker.adapters.memory.clock import START
from worker.adapters.memory.pictures import draw_png
from worker.contracts.dead_letter import DeadLetterReason
from worker.contracts.readable import readable_batch_row
from worker.contracts.s3_uri import S3Uri
from worker.errors import UnavailableError
from worker.jobs.job import Job, JobState

REFUSED = [
    ("not json", "{", "request.malformed"),
    ("unknown workflow", body("full-naomy"), "request.invalid"),
    ("unknown field", body(colour="red"), "request.invalid"),
    ("wrong type", body(input={**FULL_NAOMI_INPUT, "seed": "42"}), "request.invalid"),
    ("no input", body(input=None), "request.invalid"),
    ("foreign input bucket", body(input={**FULL_NAOMI_INPUT, "imageId": "s3://other/x.png"}), "request.invalid"),
    ("foreign output bucket", body(output="s3://other/"), "request.invalid"),
    ("expired", body(expiresAt="2020-01-01T00:00:00Z"), "request.expired"),
]  # fmt: skip


def reason_of_only_dead_letter(service: Service) -> DeadLetterReason:
    (sent,) = service.world.dead_letters.sent
    reason = DeadLetterReason.from_attributes(sent.attributes)
    assert reason is not None
    return reason


def assert_nothing_was_paid_and_nothing_is_left(service: Service) -> None:
    assert service.world.hautech.runs == []
    assert (len(service.world.requests), len(service.world.polls)) == (0, 0)


@pytest.mark.parametrize(("_what", "text", "code"), REFUSED, ids=[one[0] for one in REFUSED])
def test_a_refused_message_is_announced_and_dead_lettered_and_leaves_no_record(
    _what: str, text: str, code: str
) -> None:
    service = Service()
    service.send(text)
    service.run()
    error = service.event.data.error
    assert error is not None
    assert (error.code, error.stage) == (code, "accept")
    assert len(service.events) == 1
    reason = reason_of_only_dead_letter(service)
    assert (reason.error_code, reason.event_id) == (code, service.event.id)
    assert service.world.dead_letters.bodies() == [text]
    assert service.world.store.all_jobs() == []
    assert_nothing_was_paid_and_nothing_is_left(service)


def test_all_problems_of_a_message_are_told_at_once() -> None:
    service = Service()
    wrong = {**FULL_NAOMI_INPUT, "aspectRatio": "1:2", "seed": -1, "colour": "red"}
    service.send(body(input=wrong, output="s3://other/", workflow="full-naomi"))
    service.run()
    error = service.event.data.error
    assert error is not None
    for part in ("input.aspectRatio", "input.seed", "input.colour", 'bucket "other"'):
        assert part in error.message


def test_a_corrected_request_may_use_the_same_id() -> None:
    service = Service()
    service.send(body(colour="red"))
    service.run()
    service.send(body())
    service.run()
    assert service.job.state is JobState.SUCCEEDED


def missing(service: Service) -> None:
    service.world.objects.remove(S3Uri("catalog", "raw/jacket.png"))


def too_many_bytes(service: Service) -> None:
    service.change_rules(source_max_bytes=1_000)
    data = draw_png("raw/jacket.png") + bytes(1_000)
    service.world.objects.add(S3Uri("catalog", "raw/jacket.png"), data)


def too_many_pixels(service: Service) -> None:
    service.change_rules(source_max_pixels=8192)
    picture = io.BytesIO()
    Image.new("L", (8193, 1)).save(picture, "PNG")
    service.world.objects.add(S3Uri("catalog", "raw/jacket.png"), picture.getvalue())


def not_an_image(service: Service) -> None:
    service.world.objects.add(S3Uri("catalog", "raw/jacket.png"), b"<html>not found</html>")


def empty(service: Service) -> None:
    service.world.objects.add(S3Uri("catalog", "raw/jacket.png"), b"")


def cut_header(service: Service) -> None:
    service.world.objects.add(S3Uri("catalog", "raw/jacket.png"), b"\xff\xd8\xff\xe0\x00\x10JFIF")


def closed_bucket(service: Service) -> None:
    service.world.objects.forbidden.add("catalog")


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (missing, "image.missing"),
        (too_many_bytes, "image.too_large"),
        (too_many_pixels, "image.too_large"),
        (not_an_image, "image.unreadable"),
        (empty, "image.unreadable"),
        (cut_header, "image.unreadable"),
        (closed_bucket, "image.forbidden"),
    ],
)
def test_a_bad_image_fails_the_job_unpaid_with_the_reason(
    spoil: Callable[[Service], None], code: str
) -> None:
    service = Service()
    spoil(service)
    service.send(body())
    service.run()
    assert service.job.state is JobState.FAILED
    error = service.event.data.error
    assert error is not None
    assert (error.code, error.stage) == (code, "upload")
    assert "s3://catalog/" in error.message
    assert reason_of_only_dead_letter(service).error_code == code
    assert json.loads(service.world.dead_letters.bodies()[0]) == message()
    assert service.document("generated/sku-1042/sku-1042-front.json")["status"] == "failed"
    assert_nothing_was_paid_and_nothing_is_left(service)


def test_an_id_that_is_used_again_with_other_content_is_a_conflict() -> None:
    service = Service()
    service.send(body())
    service.run()
    service.send(body(metadata={"sku": "other"}))
    service.run()
    succeeded, refused = service.events
    assert refused.data.error is not None
    assert refused.data.error.code == "request.conflict"
    assert succeeded.id != refused.id
    assert service.job.metadata == {"sku": "1042"}
    assert service.job.state is JobState.SUCCEEDED
    assert len(service.world.hautech.runs) == 1


def test_bad_messages_leave_the_others_of_their_batch_alone() -> None:
    service = Service()
    for number in range(9):
        service.send(body(requestId=f"good-{number}"))
        service.send(body(requestId=f"bad-{number}", colour="red"))
    service.run()
    assert len(service.world.hautech.runs) == 9
    assert {event.subject for event in service.events if event.data.status == "failed"} == {
        f"bad-{number}" for number in range(9)
    }


def test_a_request_that_expires_in_the_queue_is_not_paid_for() -> None:
    service = Service(systemic_wait_s=600)
    soon = START + timedelta(seconds=60)
    service.world.hautech.balance -= service.world.hautech.balance
    service.send(body(expiresAt=soon.isoformat()))
    service.run()
    error = service.event.data.error
    assert error is not None
    assert error.code == "request.expired"
    assert_nothing_was_paid_and_nothing_is_left(service)


def test_a_request_refused_as_too_late_and_then_for_its_id_is_one_event() -> None:
    service = Service()
    late = body(output="s3://shop/elsewhere/", expiresAt="2020-01-01T00:00:00Z")
    service.handle_request(late)
    service.send(body())
    service.run()
    service.handle_request(late)
    too_late, _done, conflict = service.events
    assert [one.data.error and one.data.error.code for one in (too_late, conflict)] == [
        "request.expired",
        "request.conflict",
    ]
    assert too_late.id == conflict.id


def test_a_record_that_appears_after_its_request_expired_announces_the_same_event_again() -> None:
    service = Service()
    store, late = service.world.store, []
    creates = store.create

    def create(job: Job) -> Job | None:
        late.append(job)
        raise UnavailableError("no answer; it takes effect later")

    store.create = create  # type: ignore[method-assign]  # -- the fault to test
    service.send(body(expiresAt=(START + timedelta(seconds=1)).isoformat()))
    service.step()
    service.world.clock.advance(60)
    service.step()
    (refused,) = service.events
    creates(late[0])
    service.world.clock.advance(7_200)
    service.reconcile()
    service.run()

    assert service.job.state is JobState.FAILED
    _, told_again = service.events
    assert told_again.id == refused.id
    assert told_again.data.error is not None
    assert told_again.data.error.code == "request.expired"
    assert_nothing_was_paid_and_nothing_is_left(service)


def test_a_stray_message_on_the_polls_queue_is_dead_lettered() -> None:
    service = Service()
    service.world.polls.send('{"hello": "world"}')
    service.run()
    assert reason_of_only_dead_letter(service).error_code == "poll.malformed"
    assert len(service.world.polls) == 0


CUSTOM = "0b8b5a1c-1111-4222-8333-444455556666"


def many_images(service: Service, *, count: int) -> str:
    """A request of so many images, whose keys have 900 characters, and which are there."""
    keys = [f"raw/{number:04}-{'k' * 891}" for number in range(count)]
    for key in keys:
        service.world.objects.add(S3Uri("catalog", key), draw_png("a"))
    return body(CUSTOM, input={"imageIds": [f"s3://catalog/{key}" for key in keys]})


def test_a_request_whose_record_would_become_too_large_on_the_way_is_refused_unpaid() -> None:
    service = Service()
    service.send(many_images(service, count=100))
    service.run()
    assert_nothing_was_paid_and_nothing_is_left(service)
    assert service.world.hautech.uploads == 0
    reason = reason_of_only_dead_letter(service)
    assert (reason.error_code, reason.error_stage) == ("record.too_large", "accept")


def test_the_most_images_that_are_taken_end_in_a_picture() -> None:
    service = Service()
    service.send(many_images(service, count=80))
    service.run()
    assert service.job.state is JobState.SUCCEEDED
    # All are the same picture, in 80 places.
    assert (service.world.hautech.uploads, len(service.world.hautech.runs)) == (1, 1)


def test_a_job_whose_record_became_too_large_fails_with_a_reason(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    service = Service()
    monkeypatch.setattr(service.world.hautech, "_new_id", lambda kind: kind + "x" * 400_000)
    service.send(body())
    service.run()
    assert service.job.failure is not None
    assert "record cannot be written" in service.job.failure.message
    assert_nothing_was_paid_and_nothing_is_left(service)
    assert reason_of_only_dead_letter(service).error_code == "attempts.exhausted"


@pytest.mark.parametrize("is_wrapped", [False, True])
def test_a_result_event_that_comes_back_as_a_request_is_not_announced(*, is_wrapped: bool) -> None:
    service = Service()
    service.send(body())
    service.run()
    (event,) = service.world.topic.events
    notification = json.dumps({"Type": "Notification", "Message": event.text})
    service.send(notification if is_wrapped else event.text)
    service.run()
    assert service.world.topic.events == [event]
    reason = reason_of_only_dead_letter(service)
    assert reason.error_code == "request.malformed"
    assert "end that subscription" in reason.error_message
    assert reason.event_id is None


@pytest.mark.parametrize(
    "row",
    [
        {"id": "spring-24", "row": True},
        {"id": "spring-24", "row": 10**40},
        {"id": "x" * 3_000, "row": 1},
        {"id": "", "row": 1},
    ],
    ids=["no number", "a huge number", "a huge id", "no id"],
)
def test_a_refused_request_of_a_row_that_cannot_be_is_dead_lettered_once(
    row: dict[str, Any],
) -> None:
    service = Service()
    service.send(body(workflow="none", origin={"batch": row}))
    service.run()
    assert len(service.world.queue.sent_dead_letters) == 1
    assert readable_batch_row(body(workflow="none", origin={"batch": row})) is None
