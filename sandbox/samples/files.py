"""Writes the drawn samples as PNG files, which are then photos like any other."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from sandbox.samples.garment import draw_garment
from sandbox.samples.pose import draw_pose


@dataclass(frozen=True, slots=True)
class SampleFiles:
    """Where the samples were written."""

    garment: Path
    pose: Path


def write_samples(folder: Path) -> SampleFiles:
    """Draws `garment.png` and `pose.png` into the folder, which is made if need be.

    Raises:
        OSError: the folder or a file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = SampleFiles(garment=folder / "garment.png", pose=folder / "pose.png")
    draw_garment().save(files.garment)
    draw_pose().save(files.pose)
    return files
