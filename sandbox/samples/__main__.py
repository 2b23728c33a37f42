"""Writes the samples for looking at: python -m sandbox.samples [FOLDER]."""

from __future__ import annotations

import sys
from pathlib import Path

from sandbox.samples.files import write_samples

if __name__ == "__main__":
    written = write_samples(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
    print(f"{written.garment}\n{written.pose}")
