"""moto, the second AWS emulator: what both agree on is likelier to be what AWS does."""

import sys
from pathlib import Path

from sandbox.aws.clients import LocalAws
from sandbox.aws.emulator import Emulator
from sandbox.aws.processes import GuardedProcess

_SCRIPT = Path(__file__).resolve().with_name("moto_process.py")


class MotoServer(Emulator):
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
