"""What producers send in one run: a handful of requests of every shape, good and bad, some twice."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, cast

from tests.builders import INPUTS, message
from worker.adapters.memory.clock import START
from worker.contracts.fields import rfc3339

CUSTOM_WORKFLOW = "5b0e1b5e-6f0f-4c3e-9b0a-0d6a4b7c9d10"

GARMENTS = ("raw/jacket.png", "raw/coat.png")
POSES = ("poses/standing.png", "poses/walking.png")
BROKEN = "raw/broken.png"
"""An object that is no image."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A message of a producer, as it is put on the requests queue."""

    at_s: float
    body: str


def draw_workload(rng: random.Random, *, pose_id: str, image_id: str) -> list[Sent]:
    """The messages of a seed, in order. `pose_id` and `image_id` are known at Hautech."""
    requests = rng.choice((1, 1, 1, 2, 2, 3, 4, 6))
    span_s = rng.choice((0.0, 5.0, 60.0, 400.0))
    sent: list[Sent] = []
    for number in range(requests):
        document = _document(rng, f"sku-{number}", pose_id=pose_id, image_id=image_id)
        at_s = rng.uniform(0.0, span_s)
        bodies = [json.dumps(document)]
        if rng.random() < 0.15:
            bodies[0] = _spoilt(rng, document, at_s)
        while rng.random() < 0.3:
            bodies.append(bodies[0])
        if rng.random() < 0.1:
            other = {**document, "metadata": {"sku": "another"}, "output": "s3://shop/elsewhere/"}
            bodies.append(json.dumps(other))  # the same id for other content
        sent += [Sent(at_s + rng.choice((0.0, 0.5, 40.0)), body) for body in bodies]
    return sorted(sent, key=lambda one: one.at_s)


def _document(
    rng: random.Random, request_id: str, *, pose_id: str, image_id: str
) -> dict[str, Any]:
    workflow = rng.choice(
        ("full-naomi", "full-naomi", "naomi", "naomi", "prepare-image", "prepare-pose", "custom")
    )
    changes: dict[str, Any] = {
        "requestId": request_id,
        "output": rng.choice(("s3://shop/made/", f"s3://shop/exact/{request_id}.png")),
    }
    given = dict(cast("dict[str, Any]", INPUTS.get(workflow, {})))
    garment = f"s3://catalog/{rng.choice(GARMENTS)}"
    if "imageId" in given:
        given["imageId"] = garment
    for name in ("poseId", "poseImageId"):
        if name in given:
            given[name] = f"s3://catalog/{rng.choice(POSES)}"
    if workflow == "naomi" and rng.random() < 0.4:
        given["poseId"] = pose_id
        given.pop("aspectRatio", None)
    if workflow == "naomi" and rng.random() < 0.3:
        given["imageId"] = image_id
    if workflow in {"full-naomi", "naomi"} and rng.random() < 0.3:
        changes["output"] = "s3://shop/made/"
        if rng.random() < 0.5:
            changes["variants"] = rng.choice((1, 2, 3, 5))
        else:
            given["seed"] = rng.sample(range(100), k=rng.choice((1, 2, 4)))
    if workflow == "custom":
        workflow = CUSTOM_WORKFLOW
        given = rng.choice(({"imageId": garment, "strength": 3}, {"imageId": image_id}))
    return message(workflow, input=given, **changes)


def _spoilt(rng: random.Random, document: dict[str, Any], at_s: float) -> str:
    kind = rng.choice(("malformed", "invalid", "missing image", "no image", "expires", "bucket"))
    given = dict(document["input"])
    if kind == "malformed":
        return rng.choice(("", "{", "[]", '{"requestId": "sku-0"', "\x00", "null"))
    if kind == "invalid":
        document = {**document, "seeed": 1}
    elif kind == "missing image":
        document = {**document, "input": {**given, "imageId": "s3://catalog/raw/none.png"}}
    elif kind == "no image":
        document = {**document, "input": {**given, "imageId": f"s3://catalog/{BROKEN}"}}
    elif kind == "bucket":
        document = {**document, "output": "s3://elsewhere/"}
    else:
        expires_at = START + timedelta(seconds=at_s + rng.choice((-10.0, 1.0, 20.0)))
        document = {**document, "expiresAt": rfc3339(expires_at)}
    return json.dumps(document)
