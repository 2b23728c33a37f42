"""Builds images with buildah and knows what is in them. All of it lies in one folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from tests.image.commands import run

_BUILD_DEADLINE_S: Final = 1200


@dataclass(frozen=True, slots=True)
class Images:
    """A place for images and containers, apart from those of the machine.

    Attributes:
        folder: removed by whoever made it.
    """

    folder: Path

    def build(
        self,
        context: Path,
        name: str,
        *,
        target: str | None = None,
        arguments: Mapping[str, str] | None = None,
        timestamp_s: int | None = None,
    ) -> None:
        """Builds the Dockerfile of a folder, without anything kept from an earlier build.

        Args:
            context: has the Dockerfile.
            name: of the image.
            target: the stage to build; None for the last one.
            arguments: of the build.
            timestamp_s: Unix time that everything in it is said to be from.
        """
        # docker: the OCI format has no HEALTHCHECK.
        command = ["bud", "--isolation", "chroot", "--network", "host", "--format", "docker"]
        command += ["--no-cache", "--tag", name]
        command += [] if target is None else ["--target", target]
        command += [] if timestamp_s is None else ["--timestamp", str(timestamp_s)]
        for key, value in (arguments or {}).items():
            command += ["--build-arg", f"{key}={value}"]
        run(["buildah", *self.storage(), *command, "."], deadline_s=_BUILD_DEADLINE_S, cwd=context)

    def inspect(self, name: str) -> dict[str, Any]:
        """All that is known about an image, as podman says it."""
        answer = run(["podman", *self.storage(), "image", "inspect", name])
        document: dict[str, Any] = json.loads(answer)[0]
        return document

    def storage(self) -> list[str]:
        """The options of buildah and podman that make them work here."""
        # vfs: works on every file system, at the price of a copy per layer.
        folders = ["--root", str(self.folder / "root"), "--runroot", str(self.folder / "run")]
        return ["--storage-driver", "vfs", *folders]
