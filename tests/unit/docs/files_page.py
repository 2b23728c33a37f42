"""Writes docs/reference/files.md: every file of the worker with the first sentence of its docstring.

`python -m tests.unit.docs.files_page` writes the page; a test compares it with the tree, so a new
file cannot go unlisted and a promise is written once, in the file itself.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
PAGE = ROOT / "docs" / "reference" / "files.md"

_HEAD = """\
# The files of the worker

Each file has one concern, and its first sentence says what it promises. Those sentences are listed
here, the folders in the order in which they may import each other: downwards only.
`python -m tests.unit.docs.files_page` writes this page.
"""

_ORDER = (
    *("", "runtime", "settings", "engine", "adapters", "ports"),
    *("drops", "batches", "jobs", "contracts", "hautech"),
)
"""Folders below `worker/`, the highest layer first; `runtime/commands` follows its parent."""


def worker_files() -> list[str]:
    """Paths of all source files of the worker, relative to `worker/`, sorted."""
    worker = ROOT / "worker"
    return sorted(str(path.relative_to(worker).as_posix()) for path in worker.rglob("*.py"))


def first_sentence(path: str) -> str:
    """What the file promises: the first paragraph of its docstring, on one line.

    Raises ValueError for a file without one.
    """
    source = (ROOT / "worker" / path).read_text(encoding="utf-8")
    docstring = ast.get_docstring(ast.parse(source))
    if not docstring:
        raise ValueError(f"worker/{path}: begin it with a docstring that says what it promises")
    return " ".join(docstring.split("\n\n")[0].split())


def render() -> str:
    """The page as it should be."""
    lines = [_HEAD]
    for folder, files in _by_folder():
        package = f"{folder}/__init__.py" if folder else "__init__.py"
        lines.append(f"## worker/{folder}{'/' if folder else ''}\n")
        if package in files:
            lines.append(f"{first_sentence(package)}\n")
        lines += ["| file | |", "| --- | --- |"]
        for path in files:
            name = path.rpartition("/")[2]
            if path != package:
                lines.append(f"| [`{name}`](../../worker/{path}) | {_cell(first_sentence(path))} |")
        lines.append("")
    return "\n".join(lines)


def _by_folder() -> Iterator[tuple[str, list[str]]]:
    folders: dict[str, list[str]] = {}
    for path in worker_files():
        folders.setdefault(path.rpartition("/")[0], []).append(path)
    rank = {name: number for number, name in enumerate(_ORDER)}
    yield from sorted(
        folders.items(),
        key=lambda item: (rank.get(item[0].partition("/")[0], len(rank)), item[0]),
    )


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(render(), encoding="utf-8")
