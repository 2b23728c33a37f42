"""The eleven aspect ratios of the Naomi workflows and the picture size each one gives.

Source: Hautech docs, available workflows. Two of the sizes only come near their ratio (7:10 is
832 x 1200), so sizes are looked up, never computed.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

AspectRatio = Literal[
    "1:1", "9:7", "7:9", "7:10", "10:7", "13:19", "19:13", "7:4", "4:7", "12:5", "5:12"
]
"""A ratio, width first, as it stands in a request."""

ASPECT_RATIO_SIZES: Mapping[AspectRatio, tuple[int, int]] = MappingProxyType(
    {
        "1:1": (1024, 1024),
        "9:7": (1152, 896),
        "7:9": (896, 1152),
        "7:10": (832, 1200),
        "10:7": (1200, 832),
        "13:19": (832, 1216),
        "19:13": (1216, 832),
        "7:4": (1344, 768),
        "4:7": (768, 1344),
        "12:5": (1536, 640),
        "5:12": (640, 1536),
    }
)
"""(width, height) in pixels of the pictures made for each ratio."""
