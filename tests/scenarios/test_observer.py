"""What the observer hears of whole stories."""

from tests.builders import body
from tests.scenarios.harness import Service
from tests.scenarios.test_trouble import failing
from worker.errors import ThrottledError


def test_a_job_is_counted_once_with_its_calls_and_messages() -> None:
    service = Service()
    failing(service.world.hautech, "upload", iter([ThrottledError("429")]))
    service.send(body())
    service.run()
    service.send(body())
    service.run()
    calls = service.tally.calls()
    assert calls["upload", "ThrottledError"] == 1
    assert {call: calls[call, "ok"] for call in ("upload", "run", "download")} == {
        "upload": 2,
        "run": 1,
        "download": 1,
    }
    assert service.tally.jobs() == {("succeeded", ""): 1}
    messages = service.tally.messages()
    assert messages["requests", "retry_later"] >= 1
    assert messages["requests", "done"] == 2
    assert messages["polls", "done"] == 1


def test_a_failed_job_and_a_refused_request_are_counted_by_their_codes() -> None:
    service = Service()
    missing = {"imageId": "s3://catalog/none.png", "label": "a jacket"}
    service.send(body("prepare-image", input=missing))
    service.send(body(requestId="bad", workflow="nonsense"))
    service.run()
    assert service.tally.jobs() == {("failed", "image.missing"): 1}
    assert service.tally.refusals() == {("request.invalid",): 1}


def test_a_poll_message_that_no_job_needs_is_counted_by_what_became_of_its_job() -> None:
    service = Service()
    service.world.hautech.duration_s = 60
    service.send(body())
    service.step()
    (replaced,) = service.world.polls.bodies()
    service.send(body())
    service.run()
    service.world.polls.send(replaced)
    service.run()
    service.world.store.forget("sku-1042-front")
    service.world.polls.send(replaced)
    service.run()
    assert service.tally.drops() == {("replaced",): 1, ("over",): 1, ("no_job",): 1}


def test_a_period_has_the_times_and_the_credits_of_what_ended() -> None:
    service = Service()
    service.send(body())
    service.run()
    missing = {"imageId": "s3://catalog/none.png", "label": "a jacket"}
    service.send(body("prepare-image", requestId="missing", input=missing))
    service.run()
    period = service.period.take()
    assert (period.succeeded, period.failed) == (1, 1)
    assert period.credits > 0
    assert len(period.jobs_s) == 2
    assert period.pipelines_s == [service.world.hautech.duration_s]
    assert period.jobs_s[0] >= service.world.hautech.duration_s
    assert service.period.take().calls == 0
