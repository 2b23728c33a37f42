"""What the numbers were measured on: without it they cannot be compared with others."""

from __future__ import annotations

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import psutil

from worker import __version__

_PACKAGES = ("boto3", "botocore", "urllib3", "requests", "pydantic", "structlog", "pillow")


def machine_facts() -> dict[str, Any]:
    """Processor, memory, load, Python and versions, ready for JSON."""
    return {
        "system": f"{platform.system()} {platform.release()}",
        "processor": _processor(),
        "cores": psutil.cpu_count() or 0,
        "memoryBytes": psutil.virtual_memory().total,
        # Others at work on the same cores make every number worse, the floor's as well.
        "loadAverageBefore": round(os.getloadavg()[0], 2),
        "python": platform.python_version(),
        "worker": __version__,
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def _processor() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(encoding="utf-8", errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
