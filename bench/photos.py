"""What converting a photo takes, each kind in a process of its own: `python -m bench.photos [MP]`.

The peak is that of the whole process less what it had before; beside it stands what the worker
reckons with (`worker.adapters.photo_lab.memory`), which has to be more. Linux only.
"""

from __future__ import annotations

import json
import re
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, BinaryIO, cast

from PIL import Image, ImageFilter

from worker.adapters.photo_lab.lab import PillowPhotoLab
from worker.adapters.photo_lab.matrix_profile import P3, matrix_profile
from worker.jobs.images import GrowingHead
from worker.jobs.jpeg_marks import is_in_one_scan
from worker.jobs.photo_look import look_at
from worker.ports.photos import PhotoLimits

_LIMITS = PhotoLimits(max_bytes=20 * 2**20, max_side_px=8192, max_source_pixels=10**9)
_SIDEWAYS = b"Exif\0\0MM\0*" + struct.pack(">IHHHIHHI", 8, 1, 0x0112, 3, 1, 6, 0, 0)
"""An EXIF block with the orientation of a phone that was held upright, and nothing else."""

KINDS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "JPEG on its side, Display P3": ("RGB", "JPEG", {"quality": 92, "exif": _SIDEWAYS}),
    "progressive JPEG on its side": (
        "RGB",
        "JPEG",
        {"quality": 92, "exif": _SIDEWAYS, "progressive": True, "subsampling": 0},
    ),
    "CMYK JPEG": ("CMYK", "JPEG", {"quality": 92}),
    "HEIC on its side, Display P3": ("RGB", "HEIF", {"quality": 70, "exif": _SIDEWAYS}),
    "AVIF on its side": ("RGB", "AVIF", {"quality": 80, "speed": 10, "exif": _SIDEWAYS}),
    "WebP, lossy": ("RGB", "WEBP", {"quality": 90, "method": 0}),
    "TIFF, LZW, Display P3": ("RGB", "TIFF", {"compression": "tiff_lzw"}),
    "PNG with alpha": ("RGBA", "PNG", {"compress_level": 1}),
    "PNG on its side": ("RGB", "PNG", {"compress_level": 1, "exif": _SIDEWAYS}),
}


def draw(megapixels: float) -> Image.Image:
    """A picture about as smooth as a photo, with grain, of 3:2."""
    height = round((megapixels * 1e6 / 1.5) ** 0.5)
    size = (round(height * 1.5), height)
    parts = [
        Image.effect_noise((size[0] // 4, size[1] // 4), spread)
        .filter(ImageFilter.GaussianBlur(3))
        .resize(size, Image.Resampling.BICUBIC)
        for spread in (90, 60, 120)
    ]
    grain = Image.effect_noise(size, 6)
    return Image.merge("RGB", [Image.blend(part, grain, 0.1) for part in parts])


def write(name: str, picture: Image.Image, path: Path) -> None:
    """A file of that kind."""
    mode, kind, options = KINDS[name]
    image = picture.convert(mode)
    if mode == "RGBA":
        image.putalpha(image.getchannel("R"))
    if "P3" in name:
        options = {**options, "icc_profile": matrix_profile(P3)}
    if kind == "HEIF":
        import pillow_heif  # noqa: PLC0415 -- registered by the lab, in the other processes

        pillow_heif.register_heif_opener()
    image.save(path, kind, **options)


def measure(path: Path) -> dict[str, float]:
    """Develops one file; to be called in a process of its own."""
    from worker.adapters.photo_lab import memory  # noqa: PLC0415 -- not counted

    lab = PillowPhotoLab(memory_bytes=None)
    before_kb = _peak_kb()
    begin_s = time.process_time()
    with path.open("rb") as source, tempfile.TemporaryFile() as sink:
        look = look_at(source.read)
        photo = lab.develop(source, look.content_type, _LIMITS, cast("BinaryIO", sink))
    after_kb = _peak_kb()
    with Image.open(path) as image, path.open("rb") as source:
        reckoned_bytes = memory.needed_bytes(
            image,
            size_bytes=path.stat().st_size,
            stored_pixels=image.width * image.height,
            is_in_one_scan=image.format != "JPEG" or is_in_one_scan(GrowingHead(source.read)),
        )
    return {
        "file_mb": path.stat().st_size / 1e6,
        "peak_mb": (after_kb - before_kb) / 1024,
        "reckoned_mb": reckoned_bytes / 2**20,
        "cpu_s": time.process_time() - begin_s,
        "sent_mb": photo.size_bytes / 1e6 if photo else 0.0,
    }


def _peak_kb() -> int:
    """Of this process since it began (Source: proc(5), VmHWM)."""
    text = Path("/proc/self/status").read_text(encoding="ascii")
    found = re.search(r"VmHWM:\s+(\d+) kB", text)
    return int(found[1]) if found else 0


def main(megapixels: float) -> None:
    """Prints the table."""
    picture = draw(megapixels)
    print(f"| {picture.width} × {picture.height} px | file | peak | reckoned | CPU | sent |")
    print("| --- | --- | --- | --- | --- | --- |")
    for name in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "photo"
            write(name, picture, path)
            command = [sys.executable, "-m", "bench.photos", "--one", str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        found = json.loads(done.stdout)
        print(
            f"| {name} | {found['file_mb']:.1f} MB | {found['peak_mb']:.0f} MB | "
            f"{found['reckoned_mb']:.0f} MB | {found['cpu_s']:.1f} s | {found['sent_mb']:.1f} MB |"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure(Path(sys.argv[2]))))
    else:
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 24.0)
