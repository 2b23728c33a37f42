"""What the worker reckons with before it decodes is more than a conversion then takes."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench import photos

pytestmark = pytest.mark.skipif(
    not Path("/proc/self/status").exists(), reason="reads the peak from /proc"
)


@pytest.mark.parametrize(
    "name", ["JPEG on its side, Display P3", "progressive JPEG on its side", "PNG with alpha"]
)
def test_a_conversion_takes_less_memory_than_is_reckoned(name: str, tmp_path: Path) -> None:
    path = tmp_path / "photo"
    photos.write(name, photos.draw(8), path)
    command = [sys.executable, "-m", "bench.photos", "--one", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert 8 * 8 * 0.9 < found["peak_mb"] <= found["reckoned_mb"], "two pictures of 4 bytes a pixel"
