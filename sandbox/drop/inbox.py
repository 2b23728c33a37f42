"""Watches a local folder: which files have stopped growing, each once for every change of it.

Looked at again and again instead of being told by the system: a file counts when two looks have
found it the same, which no notification says, and shared folders and containers send none.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STILL_S = 1.0
"""A file that has not changed for so long has been copied whole."""

_UNFINISHED = (".crdownload", ".download", ".part", ".partial", ".tmp", "~")
"""What browsers and copying programs call a file that is not whole yet."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look found; paths are relative to the folder, in order."""

    ready: tuple[Path, ...] = ()
    """Whole, and not given out before in this state."""
    growing: tuple[Path, ...] = ()
    """Still being copied."""
    empty: tuple[Path, ...] = ()
    """Without a single byte: nothing for now, but it may still be filled."""


@dataclass(frozen=True, slots=True)
class _State:
    size_bytes: int
    changed_ns: int


class Inbox:
    """One folder with its sub-folders. Hidden files and half-copied ones are passed over."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: dict[Path, tuple[_State, float]] = {}
        self._given: dict[Path, _State] = {}

    def look(self, now_s: float) -> Look:
        """What has become ready since the last look. `now_s` is the time of any steady clock."""
        ready, growing, empty = [], [], []
        found = dict(sorted(self._files()))
        for path, state in found.items():
            if self._given.get(path) == state:
                continue
            before, since_s = self._seen.get(path, (None, now_s))
            if before != state:
                since_s = now_s
            self._seen[path] = (state, since_s)
            if now_s - since_s < STILL_S:
                growing.append(path)
            elif state.size_bytes == 0:
                empty.append(path)
            else:
                self._given[path] = state
                ready.append(path)
        # A file that was taken away and comes back is another one.
        for gone in self._seen.keys() - found.keys():
            del self._seen[gone]
            self._given.pop(gone, None)
        return Look(tuple(ready), tuple(growing), tuple(empty))

    def _files(self) -> Iterator[tuple[Path, _State]]:
        for folder, folders, names in os.walk(self._folder):
            folders[:] = [name for name in folders if not name.startswith(".")]
            for name in names:
                if name.startswith(".") or name.endswith(_UNFINISHED):
                    continue
                path = Path(folder, name)
                try:
                    told = path.stat()
                except OSError:  # taken away meanwhile, or a link to nowhere
                    continue
                yield path.relative_to(self._folder), _State(told.st_size, told.st_mtime_ns)
