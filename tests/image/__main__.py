"""`python -m tests.image`: builds both images and runs them; 1 if a promise does not hold, 2 without tools."""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from sandbox.aws.processes import EmulatorError
from sandbox.aws.stack import DeployError
from sandbox.local import LocalStackError
from tests.image.base import make_base
from tests.image.commands import ImageCheckError, require_tools, run
from tests.image.images import Images
from tests.image.lambda_image import check_lambda
from tests.image.worker_image import check_worker

ROOT: Final = Path(__file__).resolve().parents[2]
KEPT: Final = ROOT / "build" / "image-check"
MOST_ADDED_BYTES: Final = 120_000_000
_CHECKS: Final = {"worker": check_worker, "lambda": check_lambda}


def main() -> int:
    """Checks the images; the exit code."""
    arguments = _arguments()
    try:
        require_tools(with_base=arguments.base_image is None)
    except ImageCheckError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    folder = Path(tempfile.mkdtemp(prefix="hautech-images-"))
    try:
        images = Images(folder)
        base = arguments.base_image or make_base(images, KEPT, ca_bundle=arguments.ca_bundle)
        for target in arguments.only or _CHECKS:
            name = _build(images, base, target)
            for line in _CHECKS[target](images, name):
                print(f"{target}: {line}", flush=True)
    except (ImageCheckError, EmulatorError, DeployError, LocalStackError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except subprocess.TimeoutExpired as error:
        print(f"error: {error.cmd[0]} takes longer than {error.timeout:.0f} s", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 0


def _build(images: Images, base: str, target: str) -> str:
    """Builds a target of the Dockerfile, as old as its commit; its name."""
    revision, time_s = run(["git", "log", "-1", "--format=%H %ct"], cwd=ROOT).split()
    name = f"localhost/hautech-{target}:check"
    began = time.monotonic()
    images.build(
        ROOT,
        name,
        target=target,
        arguments={"BASE_IMAGE": base, "REVISION": revision},
        timestamp_s=int(time_s),
    )
    took_s = time.monotonic() - began
    told = images.inspect(name)
    if told["Labels"]["org.opencontainers.image.revision"] != revision:
        raise ImageCheckError(f"{name} does not say its revision: {told['Labels']}")
    added = told["Size"] - images.inspect(base)["Size"]
    print(f"{target}: {added / 1e6:.1f} MB on the base, built in {took_s:.0f} s", flush=True)
    print(f"{target}: layers {' '.join(told['RootFS']['Layers'])}", flush=True)
    if added > MOST_ADDED_BYTES:
        raise ImageCheckError(f"{name} adds more than {MOST_ADDED_BYTES / 1e6:.0f} MB to its base")
    return name


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.image", description=__doc__)
    parser.add_argument(
        "--base-image", help="from a registry; without it, Debian's Python stands in for it"
    )
    parser.add_argument(
        "--ca-bundle",
        type=Path,
        help="certificates for the stand-in to trust, where a proxy reads along",
    )
    parser.add_argument("--only", action="append", choices=_CHECKS, help="one of the targets")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
