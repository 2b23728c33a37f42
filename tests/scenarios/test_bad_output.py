"""A finished picture that is none, or that would blow up whoever opens it: one failed event."""

import struct
import zlib
from typing import Any

import pytest

from tests.builders import body
from tests.scenarios.harness import Service
from worker.adapters.memory.pictures import draw_png
from worker.jobs.job import JobState


def png_of_size(width_px: int, height_px: int) -> bytes:
    """A small PNG that says it is so large."""
    header = b"IHDR" + struct.pack(">II5B", width_px, height_px, 8, 2, 0, 0, 0)
    return draw_png("a")[:12] + header + struct.pack(">I", zlib.crc32(header)) + draw_png("a")[33:]


def finished_with(data: bytes) -> Service:
    """A service whose only job was given this picture."""
    service = Service()
    hautech = service.world.hautech

    def swap(_input: Any, _output: Any) -> dict[str, str]:
        # Hautech is asked for a picture with its lock held, so it is put there by hand.
        hautech._images["bad"] = type(next(iter(hautech._images.values())))(
            data=data, content_type="image/png"
        )
        return {"imageId": "bad"}

    hautech.output_of = swap
    service.send(body())
    service.run()
    return service


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (png_of_size(16_385, 16_384), "absurdly large: 16385 × 16384 px"),
        (png_of_size(2**31 - 1, 2**31 - 1), "absurdly large"),
        (png_of_size(0, 10), "is empty: 0 × 10 px"),
        (b"<html>no picture</html>", "is no image"),
    ],
)
def test_an_absurd_output_fails_the_job_before_anything_is_written(data: bytes, said: str) -> None:
    service = finished_with(data)
    assert service.job.state is JobState.FAILED
    error = service.event.data.error
    assert error is not None
    assert (error.code, error.stage) == ("output.unusable", "collect")
    assert said in error.message
    assert [uri.key for uri in service.world.objects.puts] == [
        "generated/sku-1042/sku-1042-front.json"
    ]
    assert len(service.world.hautech.runs) == 1


def test_the_largest_output_that_is_taken_is_announced_with_its_size() -> None:
    service = finished_with(png_of_size(16_384, 16_384))
    assert service.job.state is JobState.SUCCEEDED
    (output,) = service.event.data.outputs
    assert (output.width, output.height) == (16_384, 16_384)


def given(count: int, **changes: Any) -> Service:
    """A service whose only job ended with so many pictures."""
    service = Service()
    hautech = service.world.hautech
    new_id = hautech._new_id
    hautech._new_id = lambda kind: new_id(kind) + "-" * 160  # type: ignore[method-assign]
    ids = [hautech.add_image(draw_png(f"{number}")) for number in range(count)]
    hautech.output_of = lambda _input, _output: {"images": ids}
    service.send(body(**changes))
    service.run()
    return service


def test_more_pictures_than_any_workflow_gives_are_not_collected() -> None:
    service = given(101)
    error = service.event.data.error
    assert error is not None
    assert (error.code, error.stage) == ("output.unusable", "collect")
    assert [uri.key for uri in service.world.objects.puts] == [
        "generated/sku-1042/sku-1042-front.json"
    ]
    assert len(given(100).event.data.outputs) == 100


def test_an_event_that_sns_would_never_take_fails_the_job_with_a_reason() -> None:
    # A quote is two bytes in JSON, and the metadata are in the event and in its attributes.
    place = "s3://shop/" + '"' * 980 + "/"
    metadata = {f"note-{number}": "x" * 2_300 for number in range(7)}
    service = given(100, output=place, metadata=metadata)
    error = service.event.data.error
    assert error is not None
    assert error.code == "record.too_large"
    assert "SNS carries at most 262,144" in error.message
    assert len(service.event.dumps()) < 30_000
    assert given(100, output=place).event.data.error is None
