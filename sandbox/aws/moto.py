"""moto, the second AWS emulator: what both agree on is likelier to be what AWS does."""

import sys
from pathlib import Path
from typing import Self

from sandbox.aws.clients import LocalAws
from sandbox.aws.processes import GuardedProcess

_SCRIPT = Path(__file__).resolve().with_name("moto_process.py")


class MotoServer:
    """A running moto server; a context manager that stops it.

    A process of its own rather than a thread: moto warns about every resource type it does not
    know, and where warnings are errors (our tests) that would break the request instead.
    """

    def __init__(self) -> None:
        """Starts it and returns when it listens.

        Raises:
            EmulatorError: it did not start.
        """
        # Isolated: otherwise the script's folder comes first and this file hides the real moto.
        self._process = GuardedProcess("moto", [sys.executable, "-I", str(_SCRIPT)], {})
        port_file = self._process.folder / "port"
        try:
            self._process.wait_until(port_file.exists)
            self.aws = LocalAws(f"http://127.0.0.1:{port_file.read_text(encoding='ascii')}")
        except BaseException:  # also Ctrl-C while it starts
            self._process.stop()
            raise

    @property
    def endpoint_url(self) -> str:
        """Where all its services listen: `http://127.0.0.1:PORT`."""
        return self.aws.endpoint_url

    @property
    def pid(self) -> int:
        """Process id of the emulator itself."""
        return self._process.pid

    def __enter__(self) -> Self:
        """Itself, running."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stops it."""
        self.stop()

    def stop(self) -> None:
        """Ends it and removes its folder; nothing if already done."""
        self._process.stop()
