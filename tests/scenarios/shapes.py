"""Every shape that a request can have, each with what its end has to look like.

A shape is prepared on a new service, disturbed by a test in whatever way, and then
`assert_promises_kept` says whether the end is the one and only end that the shape may have.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from tests.builders import FULL_NAOMI_INPUT, NAOMI_INPUT, body
from tests.scenarios.harness import Service
from worker.adapters.memory.hautech import PICTURE_HOST
from worker.adapters.memory.pictures import draw_png
from worker.contracts.dead_letter import DeadLetterReason
from worker.contracts.s3_uri import S3Uri
from worker.contracts.workflows import WORKFLOWS
from worker.jobs.job import JobState

CUSTOM = "11111111-2222-4333-8444-555555555555"
_DOCUMENT = "generated/sku-1042/sku-1042-front.json"

_ONE_PENDING_POLL_S = 1.5
"""So a pipeline is seen pending once and ended once: more polls would be the same again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A request and its end, however often the service is disturbed on the way."""

    name: str
    ask: Callable[[Service], str]
    """Puts what the request needs into the world and returns the message."""
    steps: tuple[str, ...] = ()
    """The steps that are paid for, each exactly once."""
    outputs: tuple[str, ...] = ("sku-1042-front.png",)
    error: str | None = None
    """The code of the failure that it ends with."""
    is_job: bool = True
    """Whether it gets as far as a record."""
    copies: int = 1
    """How many times the producer sends it."""

    def service(self, **rules: Any) -> Service:
        """A new service with the request waiting in its queue."""
        service = Service(**rules)
        service.world.hautech.duration_s = _ONE_PENDING_POLL_S
        message = self.ask(service)
        for _ in range(self.copies):
            service.send(message)
        return service

    def __str__(self) -> str:
        return self.name


def assert_promises_kept(service: Service, shape: Shape) -> None:
    """Paid once per step, one outcome, complete outputs, and nothing left anywhere."""
    paid = Counter(run.metadata["hautechWorker"]["step"] for run in service.world.hautech.runs)
    assert paid == Counter(shape.steps), f"paid {paid}"
    assert (len(service.world.requests), len(service.world.polls)) == (0, 0), "messages are left"
    assert len({event.id for event in service.events}) == 1, "not exactly one outcome"
    data = service.event.data
    assert (data.status, data.error and data.error.code) == (
        "failed" if shape.error else "succeeded",
        shape.error,
    )
    _assert_outputs(service, shape)
    _assert_dead_letters(service, shape)
    _assert_record(service, shape)


def complaints_of(service: Service, shape: Shape, about: str) -> list[str]:
    """What `assert_promises_kept` complains of, for tests that try many things and then tell all."""
    try:
        assert_promises_kept(service, shape)
    except AssertionError as error:
        return [f"{about}: {error}"]
    return []


def _assert_outputs(service: Service, shape: Shape) -> None:
    outputs = service.event.data.outputs
    names = () if shape.error else shape.outputs
    assert tuple(one.uri.rsplit("/", 1)[-1] for one in outputs) == names
    for output in outputs:
        stored = service.world.objects.stored(S3Uri.parse(output.uri))
        assert stored is not None
        assert hashlib.sha256(stored.data).hexdigest() == output.sha256
        assert len(stored.data) == output.bytes


def _assert_dead_letters(service: Service, shape: Shape) -> None:
    """A failed request lies there with one reason; twice at most if a kill came in between."""
    letters = service.world.dead_letters.sent
    assert service.world.dead_letters.bodies() == [one.body for one in letters], "moved by a queue"
    reasons = [DeadLetterReason.from_attributes(one.attributes) for one in letters]
    if shape.error is None:
        assert reasons == []
        return
    named = {(reason.error_code, reason.event_id) for reason in reasons if reason}
    assert named == {(shape.error, service.event.id)}
    asked = json.loads(shape.ask(Service()))
    assert all(json.loads(letter.body) == asked for letter in letters)


def _assert_record(service: Service, shape: Shape) -> None:
    if not shape.is_job:
        assert service.world.store.all_jobs() == []
        return
    assert service.job.state is (JobState.FAILED if shape.error else JobState.SUCCEEDED)
    assert service.job.lease is None, "a lease is left"
    assert service.document(_DOCUMENT)["status"] == service.event.data.status


def _plain(workflow: str = "full-naomi", **changes: Any) -> Callable[[Service], str]:
    return lambda _service: body(workflow, **changes)


def _naomi_ready(service: Service) -> str:
    hautech = service.world.hautech
    ready = {"poseId": hautech.add_pose(), "imageId": hautech.add_image(draw_png("ready"))}
    return body("naomi", input={"prompt": "a woman in a white jacket", **ready})


def _naomi_raw_pose(service: Service) -> str:
    ready = service.world.hautech.add_image(draw_png("ready"))
    return body("naomi", input={**NAOMI_INPUT, "imageId": ready})


def _naomi_raw_garment(service: Service) -> str:
    ready = service.world.hautech.add_pose()
    given = {name: value for name, value in NAOMI_INPUT.items() if name != "aspectRatio"}
    return body("naomi", input={**given, "poseId": ready})


def _naomi_reused(service: Service) -> str:
    """Everything was brought and prepared for another job, which has left no other trace."""
    world = service.world
    donor = Service(world=world)
    donor.send(body("naomi", requestId="donor", output="s3://shop/donor/"))
    donor.run()
    world.store.forget("donor")
    world.topic.events.clear()
    world.hautech.runs.clear()
    return body("naomi")


def _pose_vanished(service: Service) -> str:
    asked = _naomi_reused(service)
    service.world.hautech.forget_poses()
    return asked


def _custom(_service: Service) -> str:
    uri = "s3://catalog/raw/jacket.png"
    return body(CUSTOM, input={"garment": {"imageId": uri}, "refIds": [uri], "strength": 1})


def _two_outputs(service: Service) -> str:
    second = service.world.hautech.add_image(draw_png("second"))
    service.world.hautech.output_of = partial(_both, second)
    return body()


def _both(second: str, _given: Any, output: Any) -> Any:
    return {"imageIds": [output["imageId"], second]}


def _link(service: Service) -> str:
    service.world.hautech.output_of = _as_link
    return body()


def _as_link(_given: Any, output: Any) -> Any:
    return {"imageUrl": f"{PICTURE_HOST}/{output['imageId']}.png"}


def _variants(*failing: int) -> Callable[[Service], str]:
    def ask(service: Service) -> str:
        service.world.hautech.failing_seeds.update(failing)
        return body(input={**FULL_NAOMI_INPUT, "seed": [7, 8]})

    return ask


def _variant_unknown(service: Service) -> str:
    """Nobody ever learns whether the first one was started; in truth it was not."""
    service.world.hautech.unanswered_seeds.add(7)
    return body(input={**FULL_NAOMI_INPUT, "seed": [7, 8]})


def _failing(step: str) -> Callable[[Service], str]:
    def ask(service: Service) -> str:
        failure = ("LABEL_NOT_FOUND", "nothing in the picture matches the label")
        service.world.hautech.failures[WORKFLOWS[step].workflow_id] = failure
        return body("full-naomi" if step == "full-naomi" else "naomi")

    return ask


_MISSING = {**FULL_NAOMI_INPUT, "imageId": "s3://catalog/raw/nobody-sent-it.png"}
_PREPARED = ("prepare-pose", "prepare-image")

SHAPES = (
    Shape(name="full-naomi", ask=_plain(), steps=("full-naomi",)),
    Shape(name="naomi", ask=_plain("naomi"), steps=(*_PREPARED, "naomi")),
    Shape(name="naomi-raw-pose", ask=_naomi_raw_pose, steps=("prepare-pose", "naomi")),
    Shape(name="naomi-raw-garment", ask=_naomi_raw_garment, steps=("prepare-image", "naomi")),
    Shape(name="naomi-ready", ask=_naomi_ready, steps=("naomi",)),
    Shape(name="prepare-image", ask=_plain("prepare-image"), steps=("prepare-image",)),
    Shape(name="prepare-pose", ask=_plain("prepare-pose"), steps=("prepare-pose",), outputs=()),
    Shape(name="custom", ask=_custom, steps=("workflow",)),
    Shape(name="two-outputs", ask=_two_outputs, steps=("full-naomi",),
          outputs=("sku-1042-front-1.png", "sku-1042-front-2.png")),
    Shape(name="link", ask=_link, steps=("full-naomi",)),
    Shape(name="sent-twice", ask=_plain(), steps=("full-naomi",), copies=2),
    Shape(name="pipeline-fails", ask=_failing("full-naomi"), steps=("full-naomi",), error="pipeline.failed"),
    Shape(name="preparation-fails", ask=_failing("prepare-pose"), steps=_PREPARED, error="pipeline.failed"),
    Shape(name="variants", ask=_variants(), steps=("full-naomi-1", "full-naomi-2"),
          outputs=("sku-1042-front-1.png", "sku-1042-front-2.png")),
    Shape(name="variant-fails", ask=_variants(7), steps=("full-naomi-1", "full-naomi-2"),
          outputs=("sku-1042-front-2.png",)),
    Shape(name="variants-fail", ask=_variants(7, 8), steps=("full-naomi-1", "full-naomi-2"),
          error="pipeline.failed"),
    Shape(name="variant-unknown", ask=_variant_unknown, steps=("full-naomi-2",),
          outputs=("sku-1042-front-2.png",)),
    Shape(name="naomi-reused", ask=_naomi_reused, steps=("naomi",)),
    Shape(name="pose-vanished", ask=_pose_vanished, steps=("prepare-pose", "naomi", "naomi")),
    Shape(name="image-missing", ask=_plain(input=_MISSING), error="image.missing"),
    Shape(name="refused", ask=_plain(colour="red"), error="request.invalid", is_job=False),
)  # fmt: skip
