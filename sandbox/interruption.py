"""Ctrl-C, SIGTERM and SIGHUP end a sandbox program in order, with one line and no stack trace.

    interrupts_end_at_once()     nothing is running yet: a signal ends the process there and then
    … slow imports …
    interrupts_raise()           from here on a signal unwinds the stack, so that all is stopped
    with LocalStack(): …

Imports the standard library only, so that a program can call it before anything slow.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import NoReturn

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(BaseException):
    """A signal asks us to stop; like KeyboardInterrupt, no `except Exception` holds it up."""

    def __init__(self, signal_number: int) -> None:
        super().__init__(signal_number)
        self.signal_number = signal_number

    @property
    def exit_code(self) -> int:
        """What a shell reports of a program that such a signal ended: 130 after Ctrl-C."""
        return 128 + self.signal_number


def interrupts_end_at_once() -> None:
    """A signal prints "stopped" and ends the process: for as long as nothing was started."""
    _handle_with(_end)


def interrupts_raise() -> None:
    """The first signal raises Interrupted in the main thread, a second one ends the process.

    What is still running then ends by itself: nobody holds its guard's stdin any more.
    """
    _handle_with(_raise)


def _end(signal_number: int, _frame: object) -> NoReturn:
    # Not an exception: raised in the middle of an import, it may be swallowed or told at length.
    os.write(2, b"stopped\n")
    os._exit(128 + signal_number)


def _raise(signal_number: int, _frame: object) -> NoReturn:
    for name in SIGNALS:
        signal.signal(name, signal.SIG_DFL)
    raise Interrupted(signal_number)


def _handle_with(handler: Callable[[int, object], object]) -> None:
    for name in SIGNALS:
        signal.signal(name, handler)
