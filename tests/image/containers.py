"""Runs an image as hardened as people are told to: read-only, no capabilities, no new privileges."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import psutil

from tests.image.commands import ImageCheckError, run
from tests.image.images import Images

STOP_S: Final = 30
"""What the documentation says to give a worker."""

_HARDENED: Final = (
    "--read-only",
    # podman would put writable folders where the image names none.
    "--read-only-tmpfs=false",
    "--cap-drop=all",
    "--security-opt=no-new-privileges",
)
# The limits of the machine's own processes may be lower than podman's defaults.
_HERE: Final = (
    "--network=host",
    "--ulimit=nofile=1024:1024",
    "--ulimit=nproc=1024:1024",
    # Its timer would be systemd's; here the check runs when asked for.
    "--health-interval=disable",
)


@dataclass(frozen=True, slots=True)
class Container:
    """A container that was started."""

    images: Images
    name: str

    @property
    def pid(self) -> int:
        """Of its process 1, as the machine counts."""
        return int(self.state()["Pid"])

    @property
    def exit_code(self) -> int | None:
        """None while it runs."""
        state = self.state()
        return None if state["Running"] else int(state["ExitCode"])

    @property
    def log_text(self) -> str:
        """What it wrote."""
        done = self._try("logs", self.name)
        return done.stdout + done.stderr

    def state(self) -> dict[str, Any]:
        """As podman tells it."""
        told = run([*podman(self.images), "inspect", "--format", "{{json .State}}", self.name])
        state: dict[str, Any] = json.loads(told)
        return state

    def is_healthy(self) -> bool:
        """Runs the HEALTHCHECK of the image once."""
        return self._try("healthcheck", "run", self.name).returncode == 0

    def execute(self, *command: str) -> tuple[int, str]:
        """The exit code and output of a command in it."""
        done = self._try("exec", self.name, *command)
        return done.returncode, done.stdout + done.stderr

    def processes(self) -> list[psutil.Process]:
        """Process 1 and all below it."""
        first = psutil.Process(self.pid)
        return [first, *first.children(recursive=True)]

    def stop(self) -> float:
        """Sends the image's stop signal; the seconds until it had ended. Killed after 30 s."""
        began = time.monotonic()
        run(
            [*podman(self.images), "stop", "--time", str(STOP_S), self.name], deadline_s=STOP_S + 30
        )
        return time.monotonic() - began

    def _try(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [*podman(self.images), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


@contextmanager
def started(
    images: Images,
    image: str,
    name: str,
    environment: Mapping[str, str],
    *,
    command: Sequence[str] = (),
) -> Iterator[Container]:
    """A container of an image, gone after the block; its log is shown if the block fails."""
    container = Container(images, name)
    with tempfile.TemporaryDirectory() as folder:
        # Secrets are among them, and command lines can be read by everybody.
        settings = Path(folder, "environment")
        settings.touch(mode=0o600)
        settings.write_text("".join(f"{key}={value}\n" for key, value in environment.items()))
        options = ["--detach", "--name", name, "--env-file", str(settings), *_HARDENED, *_HERE]
        run([*podman(images), "run", *options, image, *command])
    try:
        yield container
    except ImageCheckError as error:
        raise ImageCheckError(f"{error}\n--- {name} ---\n{container.log_text}") from error
    finally:
        run([*podman(images), "rm", "--force", "--time", "0", "--volumes", name])


def podman(images: Images) -> list[str]:
    """How podman is called here."""
    # runc: crun fails where both kinds of control groups are mounted. No systemd, no journal.
    own = ["--cgroup-manager", "cgroupfs", "--events-backend", "file", "--runtime", "runc"]
    return ["podman", *images.storage(), *own]
