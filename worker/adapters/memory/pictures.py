"""Small real pictures: each a PNG of one colour that its name decides."""

from __future__ import annotations

import hashlib
import io
from functools import lru_cache

from PIL import Image

SIZE_PX = (8, 6)
"""Width and height, in pixels."""


@lru_cache(maxsize=256)
def draw_png(name: str) -> bytes:
    """The PNG of that name: the same bytes each time, others for another name."""
    red, green, blue = hashlib.sha256(name.encode()).digest()[:3]
    file = io.BytesIO()
    Image.new("RGB", SIZE_PX, (red, green, blue)).save(file, format="PNG")
    return file.getvalue()
