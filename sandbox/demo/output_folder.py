"""The demo's folder changes all at once, at the end: until then the page of last time stays true.

The new page and its pictures are made in a hidden folder beside it:

    .demo-output.unfinished-4711/   photos/  pictures/  index.html
    demo-output/                    untouched until the new one is complete

A run that is interrupted removes its hidden folder; one that was killed cannot, so the next run
does. Files in the target that are not the demo's are never touched.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from sandbox.interruption import SIGNALS

SHEET = "index.html"
_UNFINISHED = ".unfinished-"


@contextmanager
def output_folder(target: Path) -> Iterator[Path]:
    """An empty folder to write into; its files are in `target` after a block without an error.

    Raises:
        OSError: target is no folder or cannot be written; told before the block begins.
    """
    target = target.resolve()  # beside the real one, if it is a link
    _check(target)
    target.parent.mkdir(parents=True, exist_ok=True)
    _remove_leftovers(target)
    unfinished = target.with_name(f".{target.name}{_UNFINISHED}{os.getpid()}")
    unfinished.mkdir()
    try:
        yield unfinished
        _swap_in(unfinished, target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _check(target: Path) -> None:
    """Says now what would otherwise be found after the whole run."""
    if not target.exists():
        return
    if not target.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(target))
    if not os.access(target, os.W_OK | os.X_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(target))


def _swap_in(unfinished: Path, target: Path) -> None:
    """Moves everything; the page goes first and comes last, so that it never shows a mixture."""
    # It takes milliseconds, and a signal meanwhile would leave no page at all.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        if not target.exists():
            unfinished.rename(target)
            return
        (target / SHEET).unlink(missing_ok=True)
        for file in sorted(unfinished.rglob("*"), key=lambda file: file.name == SHEET):
            if file.is_file():
                place = target / file.relative_to(unfinished)
                place.parent.mkdir(parents=True, exist_ok=True)
                shutil.move(file, place)  # copies, should the target be another disk
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _remove_leftovers(target: Path) -> None:
    """Removes what runs that were killed left; those that still run keep theirs."""
    for folder in target.parent.glob(f".{target.name}{_UNFINISHED}*"):
        number = folder.name.rpartition("-")[2]
        if number.isdecimal() and not _is_running(int(number)):
            shutil.rmtree(folder, ignore_errors=True)


def _is_running(pid: int) -> bool:
    if pid == os.getpid():
        return False  # ours has not been made yet
    with suppress(PermissionError):  # somebody else's, so it runs
        try:
            os.kill(pid, 0)
        except (ProcessLookupError, OverflowError):
            return False
    return True
