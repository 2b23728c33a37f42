"""`dead-letters`: reasons are told and nothing is consumed."""

import json

import pytest

from tests.builders import body, message
from worker.adapters.memory import MemoryQueue
from worker.errors import UnavailableError
from worker.runtime.commands.letters import HIDDEN_S


@pytest.fixture
def refused(service):
    """Two dead letters with a reason and, a minute later, one that the queue moved itself."""
    service.send(body("prepare-image", requestId="bad", input={"imageId": "s3://catalog/no.png"}))
    service.send('{"requestId": "sku-2", "seed":')
    service.run()
    service.world.clock.advance(60)
    service.world.dead_letters.move_in(json.dumps(message(requestId="poison")), {})
    return service


def test_reasons_are_told_newest_first(invoke, refused) -> None:
    done = invoke("dead-letters")

    assert done.exit_code == 0
    heads = [line for line in done.stdout.splitlines() if line and not line.startswith(" ")]
    assert heads[0].startswith("poison  no reason given  sent now")
    assert {line.split("  ")[0]: line.split("  ")[1] for line in heads[1:]} == {
        "bad": "image.missing",
        "sku-2": "request.malformed",
    }
    assert "in upload, 1 min ago" in done.stdout
    assert "s3://catalog/no.png: there is no such object" in done.stdout
    assert "SQS moved it by itself after too many receives" in done.stdout
    assert "3 dead letters." in done.stderr


def test_dead_letters_stay_and_are_visible_to_the_next_one(invoke, refused) -> None:
    first = invoke("dead-letters", "--json")
    second = invoke("dead-letters", "--json")

    def ids(done):
        return {one["messageId"] for one in json.loads(done.stdout)["deadLetters"]}

    assert len(ids(first)) == 3
    assert ids(first) == ids(second)
    assert len(refused.world.dead_letters) == 3


def test_they_are_shown_again_even_if_a_later_receive_fails(invoke, refused, monkeypatch) -> None:
    real, calls = MemoryQueue.receive, []

    def receive(queue, **more):
        calls.append(more)
        if len(calls) == 2:
            raise UnavailableError("SQS ReceiveMessage: no usable answer")
        return real(queue, **more)

    monkeypatch.setattr(MemoryQueue, "receive", receive)

    assert invoke("dead-letters").exit_code == 1
    assert calls[0]["visibility_s"] == HIDDEN_S
    assert len(json.loads(invoke("dead-letters", "--json").stdout)["deadLetters"]) == 3


def test_those_that_stay_hidden_for_a_while_are_told(invoke, refused, monkeypatch) -> None:
    def refuse(*_: object) -> bool:
        raise UnavailableError("SQS ChangeMessageVisibilityBatch: no usable answer")

    monkeypatch.setattr(MemoryQueue, "change_visibility", refuse)

    done = invoke("dead-letters")

    assert done.exit_code == 0
    assert f"3 dead letters will be hidden for {HIDDEN_S} s more." in done.stderr


def test_the_limit_counts_and_is_told(invoke, refused) -> None:
    done = invoke("dead-letters", "--limit", "2")

    heads = [line for line in done.stdout.splitlines() if line and not line.startswith(" ")]
    assert len(heads) == 2
    assert "there may be more" in done.stderr


def test_more_than_one_receive_is_made(invoke, service) -> None:
    for number in range(25):
        service.world.dead_letters.send(json.dumps(message(requestId=f"sku-{number}")))

    document = json.loads(invoke("dead-letters", "--limit", "100", "--json").stdout)

    assert len(document["deadLetters"]) == 25
    assert document["deadLetters"][0]["body"].startswith("{")


def test_a_body_without_an_id_is_shown_without_its_secrets(invoke, service) -> None:
    text = "see https://u.example/a.png?X-Amz-Signature=abcdef0123 \x1b[31m"
    service.world.dead_letters.send(text)

    done = invoke("dead-letters")

    assert "(no readable requestId)" in done.stdout
    assert "https://u.example/a.png?…" in done.stdout
    assert "abcdef0123" not in done.stdout
    assert "\x1b" not in done.stdout


def test_no_dead_letters_is_good_news(invoke) -> None:
    done = invoke("dead-letters")

    assert (done.exit_code, done.stdout) == (0, "")
    assert "No dead letters" in done.stderr
