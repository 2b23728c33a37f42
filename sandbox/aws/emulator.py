"""What both AWS emulators are: a guarded process with an address, stopped by its `with` block."""

from typing import Self

from sandbox.aws.clients import LocalAws
from sandbox.aws.processes import GuardedProcess


class Emulator:
    """A running emulator. Subclasses start `_process` and set `aws` in their constructors."""

    aws: LocalAws
    _process: GuardedProcess

    @property
    def endpoint_url(self) -> str:
        """Where all its services listen: `http://127.0.0.1:PORT`."""
        return self.aws.endpoint_url

    @property
    def pid(self) -> int:
        """Process id of the emulator itself."""
        return self._process.pid

    def log(self) -> str:
        """All that it wrote; empty once it is stopped."""
        return self._process.log()

    def log_tail(self) -> str:
        """The last lines of it."""
        return self._process.log_tail()

    def __enter__(self) -> Self:
        """Itself, running."""
        return self

    def __exit__(self, *_: object) -> None:
        """Stops it."""
        self.stop()

    def stop(self) -> None:
        """Ends it and all it started, and removes its folder; nothing if already done."""
        self._process.stop()
