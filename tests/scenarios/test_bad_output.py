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
