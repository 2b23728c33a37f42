"""What a package is made for: an architecture and a version of Python."""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from typing import Final, Literal, cast, get_args

from infra.lambda_package.errors import PackageError

Architecture = Literal["arm64", "x86_64", "native"]
ARCHITECTURES: Final[tuple[str, ...]] = get_args(Architecture)
DEFAULT_ARCHITECTURE: Final = "arm64"
DEFAULT_PYTHON: Final = "3.13"

# Lambda's Python 3.12 and later run on Amazon Linux 2023 with glibc 2.34, the versions before on
# Amazon Linux 2 with glibc 2.26 (Source: Lambda guide, "Lambda runtimes"; AL2023 release notes).
# Not manylinux2014, which is older still: Pillow has no wheels for it any more.
_LIBC: Final = "manylinux_2_28"
_PLATFORMS: Final = {"arm64": f"aarch64-{_LIBC}", "x86_64": f"x86_64-{_LIBC}"}
_OLDEST_ON_LAMBDA: Final = (3, 12)


@dataclass(frozen=True, slots=True)
class Target:
    """Where a package runs.

    Attributes:
        architecture: of the function; `native` is this machine, for emulators that run here.
        python: such as 3.13.
    """

    architecture: Architecture
    python: str

    @property
    def platform(self) -> str | None:
        """What uv calls it; None is this machine."""
        return _PLATFORMS.get(self.architecture)

    @property
    def file_name(self) -> str:
        """Of the zip."""
        return f"hautech-worker-{self.architecture}-py{self.python}.zip"


def target_of(architecture: str, python: str | None) -> Target:
    """The target with these names; without a Python it is Lambda's, or this one for `native`.

    Raises:
        PackageError: there is no such architecture, or Lambda would not run the package.
    """
    if architecture not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise PackageError(f"ARCH: {architecture!r} is none of {known}")
    here = f"{sys.version_info.major}.{sys.version_info.minor}"
    wanted = python or (here if architecture == "native" else DEFAULT_PYTHON)
    if not re.fullmatch(r"3\.[0-9]{1,2}", wanted):
        raise PackageError(f"PY: {wanted!r} is not a version such as {DEFAULT_PYTHON}")
    if architecture == "native" and wanted != here:
        raise PackageError(
            f"PY: a native package is for the Python that makes it, which is {here}, not {wanted}; "
            "leave PY out, or set the virtual environment up with the other one"
        )
    version = (3, int(wanted.removeprefix("3.")))
    if architecture != "native" and version < _OLDEST_ON_LAMBDA:
        raise PackageError(
            f"PY: on Lambda, Python {wanted} runs on Amazon Linux 2, whose glibc is too old for the "
            "wheels we use; take 3.12 or newer"
        )
    return Target(cast("Architecture", architecture), wanted)
