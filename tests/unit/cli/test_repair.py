"""`replay` publishes what was published; `reconcile` wakes what is silent."""

from __future__ import annotations

import json

from tests.builders import body
from worker.jobs.job import JobState


def test_the_same_event_goes_out_again_and_nothing_else(invoke, service) -> None:
    service.send(body(requestId="sku-1"))
    service.run()
    (first,) = service.world.topic.events

    done = invoke("replay", "sku-1")

    assert done.exit_code == 0
    assert "1 event published again." in done.stderr
    assert service.world.topic.events == [first, first]
    assert len(service.world.hautech.runs) == 1


def test_a_failed_job_is_told_again_without_a_second_dead_letter(invoke, service) -> None:
    service.send(body("prepare-image", requestId="bad", input={"imageId": "s3://catalog/no.png"}))
    service.run()

    done = invoke("replay", "bad", "--json")

    assert json.loads(done.stdout)["replayed"][0]["status"] == "failed"
    assert len({one.text for one in service.world.topic.events}) == 1
    assert len(service.world.topic.events) == 2
    assert len(service.world.dead_letters) == 1


def test_a_job_without_an_event_and_an_unknown_one_are_refused(invoke, service) -> None:
    service.send(body(requestId="sku-1"))
    service.step()

    done = invoke("replay", "sku-1", "sku-9")

    assert done.exit_code == 1
    assert '"sku-1" is running: it has no event yet' in done.stderr
    assert 'there is no job "sku-9"' in done.stderr
    assert service.world.topic.events == []


def test_a_silent_job_is_woken_by_hand(invoke, service) -> None:
    service.send(body(requestId="sku-1"))
    service.step()
    service.world.polls.purge()
    service.world.clock.advance(2_000)

    done = invoke("reconcile")

    assert done.exit_code == 0
    assert "sku-1  running  last change 33 min ago" in done.stdout
    assert "1 silent job woken." in done.stderr
    service.run()
    assert service.job.state is JobState.SUCCEEDED


def test_a_dry_run_of_reconcile_wakes_nobody(invoke, service) -> None:
    service.send(body(requestId="sku-1"))
    service.step()
    service.world.clock.advance(2_000)
    version = service.job.version

    done = invoke("reconcile", "--dry-run", "--json")

    assert [one["requestId"] for one in json.loads(done.stdout)["woken"]] == ["sku-1"]
    assert service.job.version == version
    service.hold(service.job)
    document = json.loads(invoke("reconcile", "--dry-run", "--json").stdout)
    assert (document["woken"], document["leftAlone"]) == ([], 1)


def test_nothing_silent_is_good_news(invoke) -> None:
    done = invoke("reconcile")

    assert (done.exit_code, done.stdout) == (0, "")
    assert "No silent jobs." in done.stderr
