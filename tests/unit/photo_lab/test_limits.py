"""What is sent keeps to the limits; what cannot be made to is refused, and says which limit it was."""

import hashlib
import random
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from tests.unit.photo_lab.pictures import GREEN, LIMITS, RED, develop, differs, encoded, made, plain
from worker.adapters.photo_lab.lab import PillowPhotoLab
from worker.adapters.photo_lab.room import free_bytes, memory_limit_bytes, own_bytes
from worker.errors import (
    HeldBackError,
    ImageTooLargeError,
    ImageUnreadableError,
    UnavailableError,
)

MB = 1024 * 1024


def noise(width: int, height: int) -> Image.Image:
    """What compresses badly."""
    return Image.frombytes("RGB", (width, height), random.Random(5).randbytes(width * height * 3))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "HEIF"])
def test_a_large_photo_is_scaled_down_to_the_longest_side(kind: str) -> None:
    large = plain(RED, size=(1200, 300))
    large.paste(GREEN, (600, 0, 1200, 300))
    photo, image = made(encoded(large, kind))
    assert image.size == (512, 128)
    assert "scaled down from 1200 × 300 to 512 × 128 px" in photo.changes
    assert differs(image.getpixel((20, 60)), RED) <= 12
    assert differs(image.getpixel((490, 60)), GREEN) <= 12


def test_a_large_heic_is_not_read_from_its_thumbnail(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pillow_heif.options.THUMBNAILS", True)
    data = encoded(noise(1024, 256), "HEIF", quality=90, thumbnails=[64])
    with monkeypatch.context() as patch:
        patch.setattr("pillow_heif.HeifImageFile.draft", _never)
        _, image = made(data)
    assert image.size == (512, 128)


def _never(*_: object) -> None:
    raise AssertionError("it would decode the thumbnail instead")


def test_a_line_stays_a_line() -> None:
    _, image = made(encoded(plain(size=(5000, 1)), "PNG"))
    assert image.size == (512, 1)


def test_fine_lines_are_averaged_and_not_picked() -> None:
    stripes = Image.new("L", (2048, 64), 0)
    for x in range(0, 2048, 2):
        stripes.paste(255, (x, 0, x + 1, 64))
    _, image = made(encoded(stripes, "PNG"))
    counts = image.crop((8, 2, 500, 14)).histogram()
    assert sum(counts[120:137]) == sum(counts)


def test_a_photo_with_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    small = replace(LIMITS, max_source_pixels=47 * 32)
    with pytest.raises(ImageTooLargeError, match=r"48 × 32 px.*1,504.*WORKER_SOURCE_MAX_PIXELS"):
        develop(encoded(plain(), "TIFF"), small)


def test_a_decompression_bomb_is_refused_for_its_pixels() -> None:
    header = encoded(Image.new("1", (60_000, 60_000)), "PNG")
    with pytest.raises(ImageTooLargeError, match="60000 × 60000 px"):
        develop(header)


def test_a_png_with_too_many_bytes_becomes_a_jpeg() -> None:
    limits = replace(LIMITS, max_bytes=100_000)
    photo, _ = made(encoded(noise(200, 180), "PNG"), limits)
    assert photo.content_type == "image/jpeg"
    assert photo.size_bytes <= 100_000
    assert photo.changes == ("saved as JPEG, since a PNG has more than 100,000 bytes",)


def test_a_jpeg_with_too_many_bytes_gets_a_lower_quality_and_that_is_said() -> None:
    data = encoded(noise(200, 180), "JPEG", quality=99)
    photo, _ = made(data, replace(LIMITS, max_bytes=60_000))
    assert photo.size_bytes <= 60_000
    (change,) = photo.changes
    assert change.startswith("saved with quality ")
    assert change.endswith("for at most 60,000 bytes")


def test_what_no_quality_makes_small_enough_is_refused() -> None:
    with pytest.raises(ImageTooLargeError, match=r"quality 80.*WORKER_IMAGE_MAX_BYTES"):
        develop(encoded(noise(200, 180), "PNG"), replace(LIMITS, max_bytes=2_000))


def test_a_photo_for_which_there_never_is_memory_is_refused_with_the_figures() -> None:
    lab = PillowPhotoLab(memory_bytes=own_bytes() + 49 * MB)
    with pytest.raises(ImageTooLargeError, match=r"takes about \d+ MB of memory.*memoryMb"):
        develop(encoded(plain(), "TIFF"), lab=lab)


def test_a_photo_for_which_there_is_no_memory_now_comes_back() -> None:
    lab = PillowPhotoLab(memory_bytes=None, free_bytes=lambda: 10 * MB)
    with pytest.raises(UnavailableError, match="10 MB are free on this machine at the moment"):
        develop(encoded(plain(), "TIFF"), lab=lab)


def test_memory_that_suffices_is_enough() -> None:
    lab = PillowPhotoLab(memory_bytes=own_bytes() + 120 * MB, free_bytes=lambda: 90 * MB)
    photo = develop(encoded(plain(), "TIFF"), lab=lab)
    assert photo is not None
    photo.body.close()


def test_an_allocation_that_fails_is_told_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    def load(self: Image.Image) -> None:
        raise MemoryError

    monkeypatch.setattr("PIL.TiffImagePlugin.TiffImageFile.load", load)
    with pytest.raises(ImageTooLargeError, match="more memory than the worker has"):
        develop(encoded(plain(), "TIFF"))


def test_one_photo_at_a_time() -> None:
    lab = PillowPhotoLab(memory_bytes=None, turn_s=0.01)
    with lab.turn():
        found: list[BaseException] = []

        def another() -> None:
            try:
                with lab.turn():
                    pass
            except HeldBackError as error:
                found.append(error)

        thread = threading.Thread(target=another)
        thread.start()
        thread.join()
    assert [type(error) for error in found] == [HeldBackError]
    with lab.turn():
        pass  # it is free again


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP", "AVIF", "HEIF", "GIF"])
def test_a_cut_photo_is_refused_with_the_reason(kind: str) -> None:
    data = encoded(noise(64, 64), kind, **({"exif": b""} if kind == "JPEG" else {}))
    with pytest.raises(ImageUnreadableError, match="cut short, damaged") as raised:
        develop(data[: len(data) * 2 // 3])
    assert " object at " not in raised.value.message
    assert "<" not in raised.value.message


def test_what_only_begins_like_a_photo_is_refused_without_a_word_about_our_objects() -> None:
    with pytest.raises(ImageUnreadableError, match=r"\(UnidentifiedImageError\)"):
        develop(b"II*\0" + bytes(100))


def test_the_digest_is_that_of_what_is_sent() -> None:
    photo = develop(encoded(plain(), "TIFF"))
    assert photo is not None
    with photo.body as body:
        body.seek(0)
        assert hashlib.sha256(body.read()).hexdigest() == photo.sha256


def test_the_same_photo_gives_the_same_bytes() -> None:
    data = encoded(plain((200, 30, 60)), "HEIF")
    one, other = develop(data), develop(data)
    assert one is not None
    assert other is not None
    with one.body, other.body:
        assert one.sha256 == other.sha256


def test_the_least_memory_that_anybody_gives_counts(tmp_path: Path) -> None:
    group = tmp_path / "sys/fs/cgroup"
    group.mkdir(parents=True)
    (group / "memory.max").write_text("max\n")
    whole = memory_limit_bytes({}, tmp_path)
    assert whole is not None
    assert memory_limit_bytes({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"}, tmp_path) == 512 * MB
    (group / "memory.max").write_text(f"{300 * MB}\n")
    assert memory_limit_bytes({"AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"}, tmp_path) == 300 * MB
    (group / "memory").mkdir()
    (group / "memory/memory.limit_in_bytes").write_text(f"{200 * MB}\n")
    assert memory_limit_bytes({}, tmp_path) == 200 * MB


def test_what_the_machine_has_free_is_read_or_not_known(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    assert free_bytes(tmp_path) is None
    assert own_bytes(tmp_path) == 0
    (tmp_path / "proc/meminfo").write_text("MemTotal: 9 kB\nMemAvailable:   2048 kB\n")
    assert free_bytes(tmp_path) == 2 * MB
