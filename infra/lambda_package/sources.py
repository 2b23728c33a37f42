"""Which modules of the worker the functions import, and what they need from outside."""

from __future__ import annotations

import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import grimp

ENTRY_MODULE: Final = "worker.runtime.aws_lambda"
"""Has the handlers; from it the rest follows."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What a module imports, at its start or later, itself or by what it imports.

    Attributes:
        modules: of the worker, with the packages they are in.
        packages: from outside, by top-level name, without the standard library.
    """

    modules: frozenset[str]
    packages: frozenset[str]


def imported_by(*entries: str) -> Imported:
    """What these modules of the worker import. Nothing is executed; imports in functions count."""
    graph = grimp.build_graph(
        "worker",
        include_external_packages=True,
        exclude_type_checking_imports=True,
        cache_dir=None,
    )
    found: set[str] = set()
    waiting = list(entries)
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += graph.find_modules_directly_imported_by(module)
            if "." in module:  # Python imports the package of a module first
                waiting.append(module.rpartition(".")[0])
    ours = frozenset(name for name in found if name.partition(".")[0] == "worker")
    return Imported(ours, frozenset(found - ours - sys.stdlib_module_names))


def copy_modules(root: Path, into: Path, modules: frozenset[str]) -> None:
    """Copies these modules from the folder that has `worker/`."""
    for module in sorted(modules):
        path = Path(*module.split("."))
        is_package = (root / path).is_dir()
        path = path / "__init__.py" if is_package else path.with_suffix(".py")
        (into / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / path, into / path)
