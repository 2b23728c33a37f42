"""`python -m infra.lambda_package`: makes the zip for Lambda, and prints its size and hash."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from infra.lambda_package.build import ROOT, build_package
from infra.lambda_package.errors import PackageError
from infra.lambda_package.target import ARCHITECTURES, DEFAULT_ARCHITECTURE, target_of


def main() -> int:
    """Makes the package; the exit code."""
    arguments = _arguments()
    try:
        target = target_of(arguments.arch, arguments.python)
        package = build_package(target, arguments.out, compiled=arguments.pycs)
    except PackageError as error:
        print(f"no package was made: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; no package was made", file=sys.stderr)
        return 130
    path = package.path
    shown = path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
    print(
        f"{shown}: {package.size_bytes:,} bytes, {package.unpacked_bytes:,} unpacked\n"
        f"sha256 {package.sha256}"
    )
    return 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m infra.lambda_package", description=__doc__)
    parser.add_argument(
        "--arch",
        default=DEFAULT_ARCHITECTURE,
        help=f"one of {', '.join(ARCHITECTURES)} (default: %(default)s)",
    )
    parser.add_argument("--python", metavar="3.x", help="3.13, or this one for native")
    parser.add_argument("--out", type=Path, default=ROOT / "build", help="folder for the zip")
    parser.add_argument(
        "--no-pycs", dest="pycs", action="store_false", help="do not byte-compile it"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
