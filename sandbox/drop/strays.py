"""Photos that lie in the demo's folder itself, where nobody looks."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from worker.drops.rule_shapes import IMAGE_EXTENSIONS, MANIFEST_EXTENSIONS
from worker.runtime.commands.wording import count

_KINDS: Final = frozenset(f".{name}" for name in (*IMAGE_EXTENSIONS, *MANIFEST_EXTENSIONS))


def strays_note(folder: Path, inbox: Path) -> str:
    """What to do with the photos and lists that lie beside the inbox; "" if there are none.

    Raises OSError when the folder cannot be read.
    """
    if not folder.is_dir():
        return ""
    strays = sum(
        path.suffix.lower() in _KINDS and not path.name.startswith(".") and path.is_file()
        for path in folder.iterdir()
    )
    if not strays:
        return ""
    verb, them = ("lies", "it") if strays == 1 else ("lie", "them")
    files = count(strays, "file")
    return f"{files} {verb} in {folder} itself, where nobody looks: put {them} into {inbox}"
