"""What the producer asks for, and how each request must end. Pure; the same seed, the same orders."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Any

DOOMED = "doomed by order"
"""Words in a prompt at which the stand-in lets the pipeline fail."""

MOST_COPIES = 5


class Ending(StrEnum):
    """How a request ends: the status of its event, or the code of its error."""

    SUCCEEDED = "succeeded"
    PIPELINE_FAILED = "pipeline.failed"
    MALFORMED = "request.malformed"
    INVALID = "request.invalid"
    MISSING = "image.missing"
    UNREADABLE = "image.unreadable"


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One request message: its text, how often it is sent, and what must come of it.

    Attributes:
        request_id: stands in the text, also where that is no JSON.
        body: the message, the same each time.
        copies: how often it is sent, 1 to 5.
        ending: how it must end.
        has_record: whether it becomes a job with a record.
        steps: the pipelines that it must have paid for in the end, by step name.
    """

    request_id: str
    body: str
    copies: int
    ending: Ending
    has_record: bool = True
    steps: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where photos lie and pictures go, as `s3://` URIs; `output` ends in a slash."""

    garment: str
    pose: str
    page: str
    """An object that is no picture."""
    output: str


_THREE = ("prepare-pose", "prepare-image", "naomi")
_SHARES: Mapping[str, int] = {
    "full-naomi": 44,
    "naomi": 28,
    "prepare-image": 8,
    "prepare-pose": 8,
    "doomed": 4,
    "malformed": 2,
    "invalid": 2,
    "missing": 2,
    "unreadable": 2,
}
"""Percent of all orders by kind. Each kind comes once at least, when there is room for all."""


def make_orders(count: int, places: Places, random: Random) -> list[Order]:
    """So many orders of all kinds in random order, each with a request id of its own."""
    kinds = list(_SHARES)
    rest = count - len(kinds)
    kinds += random.choices(list(_SHARES), weights=list(_SHARES.values()), k=max(0, rest))
    del kinds[count:]
    random.shuffle(kinds)
    return [
        _MAKERS[kind](f"chaos-{number:04d}-{kind}", places, random.randint(1, MOST_COPIES))
        for number, kind in enumerate(kinds)
    ]


def _request(request_id: str, workflow: str, places: Places, **inputs: Any) -> dict[str, Any]:
    return {
        "requestId": request_id,
        "workflow": workflow,
        "input": inputs,
        "output": places.output,
        "metadata": {"sku": request_id},
    }


def _full_naomi(request_id: str, places: Places, **changes: Any) -> dict[str, Any]:
    inputs = {
        "poseImageId": places.pose,
        "imageId": places.garment,
        "aspectRatio": "7:10",
        "prompt": "a woman in a jacket",
    }
    return _request(request_id, "full-naomi", places, **(inputs | changes))


def _good(
    document: Callable[[str, Places], dict[str, Any]], *steps: str
) -> Callable[[str, Places, int], Order]:
    def make(request_id: str, places: Places, copies: int) -> Order:
        return Order(
            request_id=request_id,
            body=json.dumps(document(request_id, places)),
            copies=copies,
            ending=Ending.SUCCEEDED,
            steps=steps,
        )

    return make


def _naomi(request_id: str, places: Places) -> dict[str, Any]:
    return _request(
        request_id,
        "naomi",
        places,
        poseId=places.pose,
        imageId=places.garment,
        aspectRatio="1:1",
        prompt="a woman in a jacket",
    )


def _prepare_image(request_id: str, places: Places) -> dict[str, Any]:
    return _request(request_id, "prepare-image", places, imageId=places.garment)


def _prepare_pose(request_id: str, places: Places) -> dict[str, Any]:
    return _request(request_id, "prepare-pose", places, poseImageId=places.pose, aspectRatio="7:10")


def _doomed(request_id: str, places: Places, copies: int) -> Order:
    return Order(
        request_id=request_id,
        body=json.dumps(_full_naomi(request_id, places, prompt=DOOMED)),
        copies=copies,
        ending=Ending.PIPELINE_FAILED,
        steps=("full-naomi",),
    )


def _malformed(request_id: str, places: Places, copies: int) -> Order:
    text = json.dumps(_full_naomi(request_id, places)).removesuffix("}")
    return Order(
        request_id=request_id,
        body=text,
        copies=copies,
        ending=Ending.MALFORMED,
        has_record=False,
    )


def _invalid(request_id: str, places: Places, copies: int) -> Order:
    document = _full_naomi(request_id, places) | {"colour": "red"}
    return Order(
        request_id=request_id,
        body=json.dumps(document),
        copies=copies,
        ending=Ending.INVALID,
        has_record=False,
    )


def _with_image(uri: str, ending: Ending) -> Callable[[str, Places, int], Order]:
    def make(request_id: str, places: Places, copies: int) -> Order:
        image_uri = uri or places.page
        return Order(
            request_id=request_id,
            body=json.dumps(_full_naomi(request_id, places, imageId=image_uri)),
            copies=copies,
            ending=ending,
        )

    return make


def _missing(request_id: str, places: Places, copies: int) -> Order:
    uri = places.garment.rpartition("/")[0] + "/no-such-photo.png"
    return _with_image(uri, Ending.MISSING)(request_id, places, copies)


_MAKERS: Mapping[str, Callable[[str, Places, int], Order]] = {
    "full-naomi": _good(_full_naomi, "full-naomi"),
    "naomi": _good(_naomi, *_THREE),
    "prepare-image": _good(_prepare_image, "prepare-image"),
    "prepare-pose": _good(_prepare_pose, "prepare-pose"),
    "doomed": _doomed,
    "malformed": _malformed,
    "invalid": _invalid,
    "missing": _missing,
    "unreadable": _with_image("", Ending.UNREADABLE),
}
