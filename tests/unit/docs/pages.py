"""What the tests of the docs read: pages, fenced blocks, marked parts, links and anchors."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]

_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
_INLINE_CODE = re.compile(r"`[^`\n]*`")


def pages() -> list[Path]:
    """Every page that people read: README, CHANGELOG and all of docs but the plans."""
    docs = [path for path in (ROOT / "docs").rglob("*.md") if "plans" not in path.parts]
    return [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted(docs)]


def read(path: str | Path) -> str:
    """The text of a page, given relative to the repository."""
    return (ROOT / path).read_text(encoding="utf-8")


def blocks(text: str, language: str) -> list[str]:
    """The contents of the fenced blocks in that language ("" is none), without indentation."""
    found = []
    for indent, name, body in _FENCE.findall(text):
        if name == language:
            found.append("".join(line.removeprefix(indent) for line in body.splitlines(True)))
    return found


def marked(text: str, name: str) -> str:
    """What stands between `<!-- name -->` and `<!-- /name -->`."""
    match = re.search(rf"<!-- {name} -->\n(.*?)\n<!-- /{name} -->", text, re.DOTALL)
    if match is None:
        raise AssertionError(f"no part marked <!-- {name} --> … <!-- /{name} -->")
    return match[1]


def without_blocks(text: str) -> str:
    """The prose: no fenced blocks."""
    return _FENCE.sub("", text)


def links(text: str) -> list[str]:
    """The targets of all links in the prose."""
    return _LINK.findall(_INLINE_CODE.sub("`code`", without_blocks(text)))


def anchors(text: str) -> set[str]:
    """The anchors of the headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", without_blocks(text), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


def table_column(text: str, column: int = 0) -> list[str]:
    """The code in that column of every row of every table, one entry per row that has some."""
    found = []
    for line in without_blocks(text).splitlines():
        cells = re.split(r"(?<!\\)\|", line.strip().strip("|")) if line.startswith("|") else []
        if len(cells) > column and (code := re.search(r"`([^`]+)`", cells[column])):
            found.append(code[1].replace("\\|", "|"))
    return found
