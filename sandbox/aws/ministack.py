"""MiniStack, the AWS emulator of the sandbox: one instance on a free loopback port, gone after use."""

import http.client
import json
import os
import secrets
import socket
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from sandbox.aws.clients import REGION, LocalAws
from sandbox.aws.emulator import Emulator
from sandbox.aws.processes import EmulatorEndedError, EmulatorError, GuardedProcess

EXECUTABLE_VARIABLE = "SANDBOX_MINISTACK"
"""Environment variable with the path of another `ministack` command than the one we set up."""

_OUR_EXECUTABLE = Path(__file__).resolve().parents[2] / ".venv-emulator" / "bin" / "ministack"
_PORTS_TRIED = 5


class EmulatorMissingError(EmulatorError):
    """The emulator is not installed: "no MiniStack at .venv-emulator/bin/ministack: run make setup"."""


class MiniStack(Emulator):
    """A running MiniStack; a context manager that stops it.

    Example:
        with MiniStack() as ministack:
            outputs = deploy(ministack.aws, "demo")
    """

    def __init__(
        self,
        *,
        executable: Path | None = None,
        enforce_iam: bool = False,
        find_port: Callable[[], int] | None = None,
    ) -> None:
        """Starts it and returns when it answers.

        Args:
            executable: the `ministack` command; else `SANDBOX_MINISTACK`, else the one that
                `make setup` installs.
            enforce_iam: check signatures and policies. It then also enforces the TLS rules of the
                template, so deploy with `RequireTls=false`.
            find_port: supplies a free port; called again if somebody took it meanwhile.

        Raises:
            EmulatorMissingError: there is no such command.
            EmulatorError: it did not start.
        """
        command = find_executable(executable)
        for port_attempt in range(1, _PORTS_TRIED + 1):
            self.port = (find_port or free_loopback_port)()
            try:
                self._process = _start(command, self.port, enforce_iam=enforce_iam)
            except EmulatorEndedError as error:
                # The port cannot be handed over open, so between our look and MiniStack's own
                # somebody else may have taken it: parallel test workers do.
                if port_attempt == _PORTS_TRIED or "already in use" not in error.log.lower():
                    raise
            else:
                break
        self.aws = LocalAws(f"http://127.0.0.1:{self.port}")

    @property
    def folder(self) -> Path:
        """Its temporary folder; it exists while the emulator runs."""
        return self._process.folder


def find_executable(executable: Path | None = None) -> Path:
    """Absolute path of the `ministack` command: the argument, `SANDBOX_MINISTACK`, or our own.

    Raises:
        EmulatorMissingError: it is not there.
    """
    named = executable or Path(os.environ.get(EXECUTABLE_VARIABLE) or _OUR_EXECUTABLE)
    if not os.access(named, os.X_OK) or named.is_dir():
        raise EmulatorMissingError(
            f"no MiniStack command at {named}: run `make setup`, or name another one in "
            f"{EXECUTABLE_VARIABLE}"
        )
    return named.absolute()


def free_loopback_port() -> int:
    """A TCP port of 127.0.0.1 on which nobody listens at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _start(command: Path, port: int, *, enforce_iam: bool) -> GuardedProcess:
    nonce = secrets.token_hex(8)
    process = GuardedProcess(
        "MiniStack",
        [str(command)],
        {
            "GATEWAY_PORT": str(port),
            "BIND_HOST": "127.0.0.1",  # the default is every interface of the machine
            "MINISTACK_HOST": "127.0.0.1",  # queue URLs say so too: localhost may mean ::1
            "MINISTACK_REGION": REGION,
            "MINISTACK_EDITION": nonce,
            "AUTH": str(enforce_iam).lower(),
            "LOG_LEVEL": "WARNING",
            # It looks for a Docker daemon and removes containers that other instances left there.
            "DOCKER_HOST": "unix:///nonexistent/docker.sock",
            # Listeners on fixed ports for services that we do not use.
            "IOT_MTLS_ENABLED": "0",
            "SFTP_ENABLED": "0",
        },
    )
    try:
        process.wait_until(lambda: _health(port).get("edition") == nonce)
    except BaseException:  # also Ctrl-C while it starts
        process.stop()
        raise
    return process


def _health(port: int) -> dict[str, object]:
    """What the server on this port says of itself; empty if there is none, or not one like that.

    The edition tells our instance from one of a neighbour who got the port before us.
    """
    # http.client rather than urllib: proxies of the environment do not concern us.
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=5)) as connection:
        try:
            connection.request("GET", "/_ministack/health")
            document = json.loads(connection.getresponse().read())
        except (OSError, http.client.HTTPException, ValueError):
            return {}
    return document if isinstance(document, dict) else {}
