"""The lists of files name every file of the worker and none that is not there."""

import re

from tests.unit.docs.files_page import PAGE, render, worker_files
from tests.unit.docs.pages import blocks, marked, read


def test_the_page_of_files_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), (
        "docs/reference/files.md is old: python -m tests.unit.docs.files_page writes it"
    )


def map_of_the_readme() -> set[str]:
    """Paths relative to `worker/`: a file belongs to the nearest folder above that is less indented."""
    (text,) = blocks(marked(read("README.md"), "map") + "\n", "")
    folders: list[tuple[int, str]] = []
    found = set()
    for line in text.splitlines():
        words = line.split()
        if not words:
            continue
        indent = len(line) - len(line.lstrip())
        if words[0].endswith("/"):
            folders = [known for known in folders if known[0] < indent]
            name = "" if words[0] == "worker/" else words[0]
            folders.append((indent, folders[-1][1] + name if folders else ""))
        parent = [path for at, path in folders if at < indent or words[0].endswith("/")][-1]
        found |= {parent + name for name in re.findall(r"\b\w+\.py\b", line)}
    return found


def test_the_map_of_the_readme_names_every_file() -> None:
    there = {path for path in worker_files() if not path.endswith("__init__.py")}
    # Where the words about one file name another one, the name is of the same folder.
    named = map_of_the_readme()

    assert sorted(there - named) == [], "add these to the map in README.md"
    assert sorted(named - there) == [], "the map in README.md names files that are not there"
