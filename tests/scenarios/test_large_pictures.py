"""Many large pictures at once: what has no room comes back, and costs nothing but time."""

from __future__ import annotations

import io
import struct
from typing import Any

import pytest
from PIL import Image

from tests.builders import body
from tests.scenarios.harness import Service
from worker.contracts.s3_uri import S3Uri
from worker.jobs.job import JobState
from worker.jobs.outcomes import RetryLater

JACKET = S3Uri("catalog", "raw/jacket.png")
ROOM_BYTES = 5_000_000


def test_a_picture_without_room_is_fetched_again_and_no_attempt_is_spent() -> None:
    service = Service(
        spool_max_bytes=ROOM_BYTES,
        output_max_bytes=ROOM_BYTES,
        source_max_bytes=ROOM_BYTES // 2,
        image_max_bytes=ROOM_BYTES // 2,
    )
    service.send(body())
    service.step()
    with service._engine._world.spools.spool() as others:
        others.write(bytes(ROOM_BYTES))
        for _ in range(12):
            service.step()
        assert isinstance(service.outcomes[-1], RetryLater)
        assert "other pictures on their way" in service.outcomes[-1].because
        assert service.job.failures == 0
        assert service.intake.reason is None
        assert {outcome for call, outcome in service.tally.calls() if call == "download"} == set()
    service.run()
    assert service.job_is(JobState.SUCCEEDED)
    assert len(service.world.hautech.runs) == 1


@pytest.mark.parametrize(("segments", "opened"), [(4, 1), (40, 2)])
def test_a_photo_whose_size_stands_megabytes_behind_its_start_is_not_kept_in_memory(
    segments: int, opened: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = Service()
    photo = jpeg_with(segments)
    service.world.objects.add(JACKET, photo)
    opens: list[S3Uri] = []
    real = service.world.objects.open

    def counted(uri: S3Uri) -> Any:
        opens.append(uri)
        return real(uri)

    monkeypatch.setattr(service.world.objects, "open", counted)
    service.send(body("prepare-image"))
    service.run()
    assert service.job_is(JobState.SUCCEEDED)
    assert opens.count(JACKET) == opened
    assert [one.data for one in service.world.hautech._images.values()].count(photo) == 1


def jpeg_with(segments: int) -> bytes:
    """A JPEG of 64 × 48 pixels behind so many segments of 64 KiB."""
    filler = b"\xff\xe1" + struct.pack(">H", 65_535) + bytes(65_533)
    plain = io.BytesIO()
    Image.new("RGB", (64, 48), "navy").save(plain, "JPEG")
    return plain.getvalue()[:2] + filler * segments + plain.getvalue()[2:]
