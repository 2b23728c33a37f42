"""Remembers which files a run brought, so that the next one takes them away and nothing of a person's.

Every run starts with empty buckets and makes all its pictures anew, under other names.
"""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Final

_NAME: Final = ".results.json"


class BroughtFiles:
    """The files that were brought into a folder, in a list beside it.

    Args:
        folder: of the results.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._list = folder.with_name(_NAME)
        self._known: dict[str, list[int]] = {}

    def take_away(self) -> None:
        """Remove what the run before brought, unless somebody changed it since.

        Raises OSError when it cannot be removed.
        """
        for name, state in self._read().items():
            file = self._folder / name
            if self._state(file) == state:
                file.unlink(missing_ok=True)
                with suppress(OSError):  # not empty: something else lies there
                    file.parent.rmdir()
        self._list.unlink(missing_ok=True)

    def note(self, file: Path) -> None:
        """Remember a file, as it is now; `file` is relative to the folder."""
        state = self._state(self._folder / file)
        if state is not None:
            self._known[file.as_posix()] = state

    def save(self) -> None:
        """Write the list. Raises OSError when it cannot be written."""
        unfinished = self._list.with_name(f"{_NAME}.unfinished")
        unfinished.write_text(json.dumps(self._known), encoding="utf-8", errors="surrogatepass")
        unfinished.replace(self._list)

    def _read(self) -> dict[str, list[int]]:
        try:
            found = json.loads(self._list.read_text(encoding="utf-8", errors="surrogatepass"))
        except (OSError, ValueError):  # none yet, or somebody else's
            return {}
        if not isinstance(found, dict):
            return {}
        # A list that somebody wrote leads nowhere else.
        return {
            name: state
            for name, state in found.items()
            if not Path(name).is_absolute() and ".." not in Path(name).parts
        }

    @staticmethod
    def _state(file: Path) -> list[int] | None:
        try:
            told = file.stat()
        except OSError:
            return None
        return [told.st_size, told.st_mtime_ns]
