"""`dead-letters why`, `redrive` and `drop`: what a person decides with, and what then happens."""

from __future__ import annotations

import json

import pytest

from tests.builders import body, message
from worker.adapters.memory import MemoryQueue
from worker.contracts.workflows import WORKFLOWS
from worker.errors import UnavailableError
from worker.jobs.job import JobState
from worker.runtime.commands.advice import TO_DO, codes
from worker.runtime.commands.letters import HIDDEN_S, Reading
from worker.runtime.commands.redriving import one_of_each_job

FULL_NAOMI = WORKFLOWS["full-naomi"].workflow_id


@pytest.fixture
def mixed(service):
    """A job that failed at Hautech, one without its photo, a message that was never a job."""
    service.world.hautech.failures[FULL_NAOMI] = ("GPU_LOST", "try again")
    service.send(body(requestId="sku-1"))
    service.send(body("prepare-image", requestId="bad", input={"imageId": "s3://catalog/no.png"}))
    service.send('{"requestId": "sku-2", "seed":')
    service.run()
    service.world.hautech.failures.clear()
    assert len(service.world.dead_letters) == 3
    return service


def jobs(service):
    return {job.request_id: job for job in service.world.store.all_jobs()}


def redriven(done):
    return {one["requestId"]: one["action"] for one in json.loads(done.stdout)["redriven"]}


def test_why_tells_the_reason_the_cost_the_way_out_and_the_end_of_the_story(invoke, mixed) -> None:
    done = invoke("dead-letters", "why", "sku-1")

    assert done.exit_code == 0
    text = " ".join(done.stdout.split())
    pipeline = mixed.world.hautech.runs[0].pipeline_id
    assert text.startswith("sku-1 pipeline.failed in poll")
    assert "failed at Hautech: GPU_LOST: try again" in text
    assert "means Hautech reports that the pipeline failed." in text
    assert "to do Hautech could not do it with this input" in text
    assert f"paid full-naomi: pipeline {pipeline}, 0.04375 credits, failed at Hautech" in text
    assert "redrive would reopen the job: full-naomi is run again and PAID FOR again" in text
    assert "announcing → failed" in text


def test_why_of_a_message_that_never_was_a_job(invoke, mixed) -> None:
    document = json.loads(invoke("dead-letters", "why", "sku-2", "--json").stdout)

    assert (document["errorCode"], document["job"], document["paid"]) == (
        "request.malformed",
        None,
        [],
    )
    assert document["redrive"]["action"] == "send"
    assert document["body"] == '{"requestId": "sku-2", "seed":'


def test_why_takes_a_message_id_too(invoke, mixed) -> None:
    (first, *_) = json.loads(invoke("dead-letters", "--json").stdout)["deadLetters"]

    document = json.loads(invoke("dead-letters", "why", first["messageId"], "--json").stdout)

    assert document["requestId"] == first["requestId"]


def test_why_works_from_the_record_when_the_dead_letter_is_gone(invoke, mixed) -> None:
    mixed.world.dead_letters.purge()

    done = invoke("dead-letters", "why", "sku-1")

    assert done.exit_code == 0
    assert "no dead letter is left; a redrive works from the record" in " ".join(
        done.stdout.split()
    )


def test_why_of_a_job_that_succeeded_speaks_of_no_letter_to_drop(invoke, service) -> None:
    service.send(body(requestId="sku-1"))
    service.run()

    done = invoke("dead-letters", "why", "sku-1")

    assert "redrive would change nothing: the job has succeeded" in " ".join(done.stdout.split())


@pytest.mark.parametrize("command", ["why", "redrive", "drop"])
def test_an_unknown_id_is_named_with_the_way_to_find_the_right_one(invoke, mixed, command) -> None:
    done = invoke("dead-letters", command, "sku-9")

    assert done.exit_code == 1
    assert '"sku-9": no dead letter has this requestId or message id' in done.stderr
    assert "hautech-worker dead-letters --limit 1000" in done.stderr
    assert len(mixed.world.dead_letters) == 3


def test_one_job_is_redriven_and_the_others_stay_visible(invoke, mixed) -> None:
    done = invoke("dead-letters", "redrive", "sku-1")

    assert done.exit_code == 0
    assert "sku-1  reopened" in done.stdout
    assert jobs(mixed)["sku-1"].state is JobState.RUNNING
    assert len(mixed.world.dead_letters) == 2
    assert len(json.loads(invoke("dead-letters", "--json").stdout)["deadLetters"]) == 2
    mixed.run()
    assert jobs(mixed)["sku-1"].state is JobState.SUCCEEDED
    assert len(mixed.world.hautech.runs) == 2


def test_a_dry_run_tells_and_does_nothing(invoke, mixed) -> None:
    done = invoke("dead-letters", "redrive", "--all", "--dry-run")

    assert done.exit_code == 0
    assert "sku-1  to reopen" in done.stdout
    assert "PAID FOR again" in done.stdout
    assert jobs(mixed)["sku-1"].state is JobState.FAILED
    assert len(json.loads(invoke("dead-letters", "--json").stdout)["deadLetters"]) == 3


def test_all_are_redriven_each_in_its_way(invoke, mixed) -> None:
    done = invoke("dead-letters", "redrive", "--all", "--yes", "--json")

    assert done.exit_code == 0
    assert redriven(done) == {"sku-1": "reopen", "bad": "reopen", "sku-2": "send"}
    assert len(mixed.world.dead_letters) == 0
    assert mixed.world.requests.bodies() == ['{"requestId": "sku-2", "seed":']


def test_a_code_chooses(invoke, mixed) -> None:
    done = invoke("dead-letters", "redrive", "--code", "image.missing", "--yes", "--json")

    assert redriven(done) == {"bad": "reopen"}
    assert len(mixed.world.dead_letters) == 2


def test_those_without_a_reason_can_be_chosen(invoke, mixed) -> None:
    mixed.world.dead_letters.move_in(json.dumps(message(requestId="poison")), {})

    done = invoke("dead-letters", "redrive", "--code", "none", "--yes", "--json")

    assert redriven(done) == {"poison": "send"}


def test_a_refusal_keeps_the_dead_letter_and_fails_the_command(invoke, service) -> None:
    service.send(body())
    service.run()
    service.send(body(metadata={"sku": "other"}))
    service.run()

    done = invoke("dead-letters", "redrive", "--all", "--yes")

    assert done.exit_code == 1
    assert "refused" in done.stdout
    assert "send it under a new requestId, or drop it" in done.stdout
    assert len(service.world.dead_letters) == 1


def test_trouble_with_one_job_does_not_keep_the_others_waiting(invoke, mixed) -> None:
    mixed.hold(jobs(mixed)["bad"])

    done = invoke("dead-letters", "redrive", "--all", "--yes", "--json")

    assert done.exit_code == 1
    assert redriven(done) == {"sku-1": "reopen", "bad": None, "sku-2": "send"}
    errors = [one["error"] for one in json.loads(done.stdout)["redriven"] if one["error"]]
    assert errors[0].startswith("another worker holds the job until")
    assert len(json.loads(invoke("dead-letters", "--json").stdout)["deadLetters"]) == 1


def test_two_dead_letters_of_one_job_do_not_race_each_other(invoke, mixed) -> None:
    letter = next(one for one in mixed.world.dead_letters.sent if '"sku-1"' in one.body)
    for _ in range(3):
        mixed.world.dead_letters.move_in(letter.body, letter.attributes)

    done = invoke("dead-letters", "redrive", "--code", "pipeline.failed", "--yes", "--json")

    assert done.exit_code == 0
    document = json.loads(done.stdout)
    assert [one["action"] for one in document["redriven"]] == ["reopen"]
    assert document["left"] == {"sinceStart": 0, "sameRequest": 3}
    mixed.run()
    assert jobs(mixed)["sku-1"].state is JobState.SUCCEEDED
    assert len(mixed.world.hautech.runs) == 2


def workers_run_during(service, *, receives: int = 40) -> None:
    """Between two receives of a command everything that workers can do is done."""
    queue = service.world.dead_letters
    real, calls = queue.receive, [0]

    def receive(**more):
        calls[0] += 1
        assert calls[0] <= receives, "the command does not end"
        if calls[0] > 1:
            service.run()
        return real(**more)

    queue.receive = receive


def test_jobs_that_fail_again_while_all_are_redriven_are_paid_for_once(invoke, service) -> None:
    service.world.hautech.failures[FULL_NAOMI] = ("BAD_INPUT", "always")
    for number in range(25):
        service.send(body(requestId=f"sku-{number}"))
    service.run()
    workers_run_during(service)

    done = invoke("dead-letters", "redrive", "--all", "--yes")

    assert done.exit_code == 0
    assert "dead letters that came after the start." in done.stderr
    service.run()
    assert len(service.world.hautech.runs) == 2 * 25
    assert len(service.world.dead_letters) == 25


def test_an_older_dead_letter_of_a_job_that_failed_again_meanwhile_does_not_pay_again(
    invoke, service
) -> None:
    service.world.hautech.failures[FULL_NAOMI] = ("BAD_INPUT", "always")
    service.send(body(requestId="sku-1"))
    service.run()
    letter = service.world.dead_letters.sent[0]
    for _ in range(20):
        service.world.dead_letters.move_in(letter.body, letter.attributes)
    workers_run_during(service)

    done = invoke("dead-letters", "redrive", "--all", "--yes")

    service.run()
    assert len(service.world.hautech.runs) == 2
    assert "Left: 20 dead letters of a request that was redriven a moment ago." in done.stderr


def test_a_failure_that_comes_while_all_are_redriven_is_left(invoke, mixed) -> None:
    mixed.world.hautech.failures[FULL_NAOMI] = ("BAD_INPUT", "always")
    mixed.send(body(requestId="new"))
    workers_run_during(mixed)

    done = invoke("dead-letters", "redrive", "--all", "--yes")

    assert "sku-1  reopened" in done.stdout
    assert jobs(mixed)["new"].state is JobState.FAILED
    assert jobs(mixed)["new"].redrives == 0
    assert "that came after the start." in done.stderr


def test_a_poison_message_that_comes_while_all_are_redriven_is_left(invoke, mixed) -> None:
    queue = mixed.world.dead_letters
    real = queue.receive

    def receive(**more):
        received = real(**more)
        if not queue.bodies().count("poison"):
            mixed.world.clock.advance(1)
            queue.move_in("poison", {})
        return received

    queue.receive = receive
    done = invoke("dead-letters", "redrive", "--all", "--yes", "--json")

    assert set(redriven(done)) == {"sku-1", "bad", "sku-2"}
    assert queue.bodies() == ["poison"]


def test_a_refused_letter_does_not_keep_the_good_one_of_the_same_request(invoke, service) -> None:
    service.world.hautech.failures[FULL_NAOMI] = ("GPU_LOST", "try again")
    service.send(body())
    service.send(body(metadata={"sku": "other"}))
    service.run()

    done = invoke("dead-letters", "redrive", "--all", "--yes", "--json")

    actions = sorted(one["action"] for one in json.loads(done.stdout)["redriven"])
    assert actions == ["refuse", "reopen"]


def test_what_fails_while_dead_letters_are_dropped_by_code_stays(invoke, mixed) -> None:
    mixed.world.hautech.failures[FULL_NAOMI] = ("BAD_INPUT", "always")
    mixed.send(body(requestId="new"))
    workers_run_during(mixed)

    done = invoke("dead-letters", "drop", "--code", "pipeline.failed", "--yes")

    assert "sku-1  dropped" in done.stdout
    assert "Left: 1 dead letter that came after the start." in done.stderr
    assert any('"new"' in text for text in mixed.world.dead_letters.bodies())


def test_dead_letters_of_one_job_are_never_in_the_same_round(service) -> None:
    for request_id in ("a", "b", "a", "a", None, None):
        service.world.dead_letters.send(f'{{"requestId": "{request_id}"}}' if request_id else "?")
    letters = service.world.dead_letters.receive(visibility_s=1)

    rounds = list(one_of_each_job(letters))

    assert [len(letters) for letters in rounds] == [4, 1, 1]  # those without an id are no job
    assert sorted(one.message_id for letters in rounds for one in letters) == sorted(
        one.message_id for one in letters
    )


def test_a_dead_letter_of_a_job_that_a_worker_has_in_hand_is_not_needed(invoke, mixed) -> None:
    letter = next(one for one in mixed.world.dead_letters.sent if '"sku-1"' in one.body)
    invoke("dead-letters", "redrive", "sku-1")
    mixed.hold(jobs(mixed)["sku-1"])
    mixed.world.dead_letters.move_in(letter.body, letter.attributes)

    done = invoke("dead-letters", "redrive", "sku-1")

    assert done.exit_code == 0
    assert "a worker has the job in hand" in done.stdout
    assert len(mixed.world.dead_letters) == 2


def test_a_job_that_has_succeeded_is_left_as_it_is(invoke, service) -> None:
    service.send(body(requestId="sku-1"))
    service.run()

    done = invoke("dead-letters", "redrive", "sku-1")

    assert done.exit_code == 0
    assert "sku-1  left as it is" in done.stdout
    assert "1 job: 1 left as it is." in done.stderr


def test_a_job_whose_dead_letter_is_gone_is_redriven_from_its_record(invoke, mixed) -> None:
    mixed.world.dead_letters.purge()

    assert invoke("dead-letters", "redrive", "sku-1").exit_code == 0
    mixed.run()

    assert jobs(mixed)["sku-1"].state is JobState.SUCCEEDED


@pytest.mark.parametrize("words", [("redrive", "--all"), ("drop", "--code", "request.malformed")])
def test_many_are_asked_about_and_without_a_terminal_yes_must_be_said(invoke, mixed, words) -> None:
    done = invoke("dead-letters", *words)

    assert done.exit_code == 2
    assert "add --yes" in done.stderr
    assert len(json.loads(invoke("dead-letters", "--json").stdout)["deadLetters"]) == 3


@pytest.mark.parametrize(("answer", "left"), [("y", 0), ("n", 3)])
def test_the_question_says_what_would_be_done_and_what_is_paid(
    invoke, mixed, monkeypatch, answer, left
) -> None:
    monkeypatch.setattr("worker.runtime.commands.questions.is_terminal", lambda: True)

    done = invoke("dead-letters", "redrive", "--all", stdin=f"{answer}\n")

    assert done.exit_code == 0
    assert "3 dead letters: 2 to reopen, 1 to send; 1 of them pays again. Redrive?" in done.stderr
    assert len(mixed.world.dead_letters) == left


@pytest.mark.parametrize(
    "words",
    [
        ("redrive",),
        ("redrive", "sku-1", "--all"),
        ("redrive", "--all", "--code", "none"),
        ("drop",),
        ("drop", "sku-1", "--code", "none"),
    ],
)
def test_exactly_one_way_of_choosing_is_wanted(invoke, mixed, words) -> None:
    done = invoke("dead-letters", *words, "--yes")

    assert done.exit_code == 2
    assert "say which" in done.stderr


def test_a_code_that_does_not_exist_is_told_with_those_that_do(invoke, mixed) -> None:
    done = invoke("dead-letters", "redrive", "--code", "pipeline.fialed", "--yes")

    assert done.exit_code == 2
    assert "pipeline.failed" in done.stderr


def test_dropping_deletes_the_dead_letter_and_keeps_the_record(invoke, mixed) -> None:
    done = invoke("dead-letters", "drop", "sku-1")

    assert done.exit_code == 0
    assert "the records of jobs stay" in done.stderr
    assert len(mixed.world.dead_letters) == 2
    assert jobs(mixed)["sku-1"].state is JobState.FAILED
    assert len(json.loads(invoke("dead-letters", "--json").stdout)["deadLetters"]) == 2


def test_dropping_by_code(invoke, mixed) -> None:
    done = invoke("dead-letters", "drop", "--code", "request.malformed", "--yes", "--json")

    assert [one["requestId"] for one in json.loads(done.stdout)["dropped"]] == ["sku-2"]
    assert len(mixed.world.dead_letters) == 2


def test_a_thousand_dead_letters_are_each_read_once_and_are_visible_afterwards(service) -> None:
    queue = service.world.dead_letters
    for number in range(1_000):
        queue.send(f'{{"requestId": "sku-{number}"}}')

    with Reading(queue) as reading:
        names = [one.message_id for one in reading]

    assert len(names) == len(set(names)) == 1_000
    assert queue.next_visible_at() == service.world.clock.now()
    assert len(queue.receive(visibility_s=1)) == 10


def test_a_reader_that_meets_the_same_letters_again_and_again_ends_and_says_so(
    service, capsys
) -> None:
    """In a long queue the first letters are visible again before the last ones were read."""
    queue = service.world.dead_letters
    queue.send("one")
    real = queue.receive

    def receive(**more):
        service.world.clock.advance(HIDDEN_S)
        return real(**more)

    queue.receive = receive  # each receive comes when the letter is visible again
    with Reading(queue) as reading:
        assert len(list(reading)) == 1
    assert "There may be more dead letters" in capsys.readouterr().err


def test_a_reader_that_has_read_all_does_not_say_that_there_may_be_more(service, capsys) -> None:
    service.world.dead_letters.send("one")
    with Reading(service.world.dead_letters) as reading:
        assert len(list(reading)) == 1
    assert capsys.readouterr().err == ""


def test_what_others_can_see_by_now_is_not_shown_again_by_us(service) -> None:
    """Their receive would end early: a handle is ours for as long as the message was hidden."""
    queue = service.world.dead_letters
    queue.send("one")
    now_s = [0.0]
    shown: list[str] = []

    with Reading(queue, monotonic=lambda: now_s[0]) as reading:
        assert len(list(reading)) == 1
        queue.change_visibility = lambda handle, _: shown.append(handle)
        now_s[0] = HIDDEN_S + 1.0

    assert shown == []


def test_a_failed_send_keeps_the_dead_letter(invoke, mixed, monkeypatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise UnavailableError("SQS SendMessage: no usable answer")

    monkeypatch.setattr(MemoryQueue, "send_batched", refuse)

    done = invoke("dead-letters", "redrive", "sku-2")

    assert done.exit_code == 1
    assert "SQS SendMessage: no usable answer" in done.stdout
    assert len(mixed.world.dead_letters) == 3


def test_every_code_has_a_meaning_and_advice() -> None:
    assert set(TO_DO) == set(codes())
    assert all(codes().values())
