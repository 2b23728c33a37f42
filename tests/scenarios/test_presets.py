"""Requests that name a preset of the rules file."""

import json

from tests.builders import body
from tests.scenarios.harness import Service
from worker.contracts.s3_uri import S3Uri
from worker.jobs.job import JobState
from worker.jobs.outcomes import RetryLater

RULES = S3Uri("catalog", "rules.yaml")
STUDIO = """
version: 1
presets:
  studio:
    workflow: full-naomi
    input:
      poseImageId: s3://catalog/poses/standing.png
      aspectRatio: "7:10"
      prompt: {prompt}
      label: a white jacket
      isHuman: false
      enhancePrompt: true
      seed: 42
    metadata: {{brand: acme, sku: none}}
"""
SHORT = json.dumps(
    {
        "requestId": "sku-1",
        "preset": "studio",
        "input": {"imageId": "s3://catalog/raw/jacket.png", "seed": None},
        "output": "s3://shop/generated/",
        "metadata": {"sku": "1042"},
    }
)


def service_with(prompt: str = "a jacket") -> Service:
    service = Service(drop_rules=RULES)
    change(service, prompt)
    return service


def change(service: Service, prompt: str) -> None:
    service.world.objects.add(RULES, STUDIO.format(prompt=prompt).encode())
    service.world.clock.advance(31)


def test_a_preset_stands_below_the_request_and_the_record_has_the_result() -> None:
    service = service_with()
    service.send(SHORT)
    service.run()
    assert service.event.data.status == "succeeded"
    kept = service.job.request
    assert "preset" not in kept
    assert kept["workflow"] == "full-naomi"
    assert kept["metadata"] == {"brand": "acme", "sku": "1042"}
    assert kept["input"]["prompt"] == "a jacket"
    assert "seed" not in kept["input"]


def test_a_message_that_comes_again_goes_on_with_its_job_though_the_preset_changed() -> None:
    service = service_with("a jacket")
    service.send(SHORT)
    service.run()
    change(service, "a hat")
    service.send(SHORT)
    service.run()
    assert len(service.world.hautech.runs) == 1
    assert len(service.events) == 1
    assert service.job.request["input"]["prompt"] == "a jacket"


def test_another_message_with_the_id_is_a_conflict_once_the_preset_changed() -> None:
    service = service_with("a jacket")
    service.send(SHORT)
    service.run()
    change(service, "a hat")
    service.send(SHORT + " ")
    service.run()
    (letter,) = service.world.queue.sent_dead_letters
    assert letter[1].error_code == "request.conflict"


def test_an_unknown_preset_is_refused_with_those_there_are() -> None:
    service = service_with()
    service.send(SHORT.replace("studio", "stdio"))
    service.run()
    assert service.event.data.error is not None
    assert 'did you mean "studio"' in service.event.data.error.message


def test_without_a_rules_file_a_preset_is_refused_and_the_setting_named() -> None:
    service = Service()
    service.send(SHORT)
    service.run()
    assert service.event.data.error is not None
    assert "WORKER_DROP_RULES" in service.event.data.error.message


def test_a_request_with_a_preset_waits_while_no_rules_are_good() -> None:
    service = Service(drop_rules=RULES)
    assert isinstance(service.handle_request(SHORT), RetryLater)
    assert not service.events
    change(service, "a jacket")
    service.send(SHORT)
    service.run()
    assert service.job_is(JobState.SUCCEEDED)


def test_a_request_without_a_preset_does_not_wait_for_rules() -> None:
    service = Service(drop_rules=RULES)
    service.send(body())
    service.run()
    assert service.job_is(JobState.SUCCEEDED)
