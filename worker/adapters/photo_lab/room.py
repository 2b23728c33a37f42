"""How much memory this process may take, has taken, and could still get."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final

_GROUP_FILES: Final = (
    "sys/fs/cgroup/memory.max",
    "sys/fs/cgroup/memory/memory.limit_in_bytes",
)
"""Of the container, in versions 2 and 1 (Source: Linux, admin-guide/cgroup-v2, memory.max)."""


def memory_limit_bytes(environ: Mapping[str, str], root: Path = Path("/")) -> int | None:
    """The least of what the machine has, the container may use and Lambda gives; None: not known.

    Source: Lambda guide, "Defined runtime environment variables" (MB of the function).
    """
    limits = [_machine_bytes()]
    function_mb = environ.get("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "")
    if function_mb.isdecimal():
        limits.append(int(function_mb) * 1024 * 1024)
    limits += [_number(root / name) for name in _GROUP_FILES]
    known = [limit for limit in limits if limit]
    return min(known, default=None)


def own_bytes(root: Path = Path("/")) -> int:
    """Resident memory of this process; 0 where it cannot be read."""
    try:
        pages = int((root / "proc/self/statm").read_text(encoding="ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


def free_bytes(root: Path = Path("/")) -> int | None:
    """What the machine could give now without swapping; None where it does not say."""
    try:
        lines = (root / "proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def _machine_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError):
        return None


def _number(path: Path) -> int | None:
    """`max`, and whatever else is no number, is no limit."""
    try:
        text = path.read_text(encoding="ascii").strip()
    except OSError:
        return None
    return int(text) if text.isdecimal() else None
