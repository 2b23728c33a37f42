"""The four requests of a demo: each named workflow once, `naomi` from raw photos."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from sandbox.demo.photos import Photos

Role = Literal["garment", "pose"]

PIPELINE_SECONDS = {"full-naomi": 6.0, "naomi": 4.5, "prepare-image": 3.5, "prepare-pose": 2.5}
"""How long the stand-in takes per workflow: enough to see something move."""

_ASPECT_RATIO = "7:10"


@dataclass(frozen=True, slots=True)
class DemoRequest:
    """A request message with what to say about it."""

    title: str
    explanation: str
    message: dict[str, Any]
    uses: tuple[Role, ...]

    @property
    def request_id(self) -> str:
        """Its id."""
        return str(self.message["requestId"])


def demo_requests(
    photos: Photos, *, garment_uri: str, pose_uri: str, output_uri: str
) -> tuple[DemoRequest, ...]:
    """The messages, ready to be sent.

    Args:
        photos: what the URIs show; a label is known for the drawn garment only.
        garment_uri: the garment photo in the input bucket.
        pose_uri: the pose photo in the input bucket.
        output_uri: a prefix in the output bucket, ending in `/`.
    """
    label = {"label": "a teal jacket"} if photos.garment_is_drawn else {}
    wearing = "the teal jacket" if photos.garment_is_drawn else "the garment of the photo"
    prompt = f"A confident model wearing {wearing}, standing upright, {{}}"

    def request(workflow: str, given: dict[str, Any]) -> dict[str, Any]:
        return {
            "requestId": f"demo-{workflow}",
            "workflow": workflow,
            "input": given,
            "output": output_uri,
            "metadata": {"campaign": "demo", "sku": "1042"},
        }

    return (
        DemoRequest(
            "Full Naomi",
            "One pipeline: a garment photo and a pose photo in, a model photo out.",
            request(
                "full-naomi",
                {
                    "poseImageId": pose_uri,
                    "imageId": garment_uri,
                    "aspectRatio": _ASPECT_RATIO,
                    "prompt": prompt.format("plain studio, soft daylight"),
                    **label,
                    "isHuman": False,
                    "enhancePrompt": True,
                    "seed": 42,
                },
            ),
            ("garment", "pose"),
        ),
        DemoRequest(
            "Naomi, from raw photos",
            "Three pipelines from one message: pose and garment are prepared side by side, then "
            "Naomi runs with what they gave.",
            request(
                "naomi",
                {
                    "poseId": pose_uri,
                    "imageId": garment_uri,
                    "aspectRatio": _ASPECT_RATIO,
                    "prompt": prompt.format("on a terrace in the evening sun"),
                    **label,
                    "isHuman": False,
                    "seed": 9,
                },
            ),
            ("garment", "pose"),
        ),
        DemoRequest(
            "Prepare image",
            "One pipeline: the garment is cut out once, to be used again with any pose.",
            request("prepare-image", {"imageId": garment_uri, **label, "isHuman": False}),
            ("garment",),
        ),
        DemoRequest(
            "Prepare pose",
            "One pipeline: the pose is read once, to be used again with any garment. Its result is "
            "an id; the picture is Hautech’s preview of it.",
            request("prepare-pose", {"poseImageId": pose_uri, "aspectRatio": _ASPECT_RATIO}),
            ("pose",),
        ),
    )
