"""Every link inside the repository leads somewhere."""

from pathlib import Path

import pytest

from tests.unit.docs.pages import ROOT, anchors, links, pages, read

NAMES = [str(path.relative_to(ROOT)) for path in pages()]


@pytest.mark.parametrize("name", NAMES)
def test_every_link_of_the_page_leads_to_a_file_and_a_heading(name: str) -> None:
    broken = []
    for link in links(read(name)):
        if link.startswith(("https://", "http://", "mailto:")):
            continue
        target, _, anchor = link.partition("#")
        path = (ROOT / name).parent / target if target else ROOT / name
        if not path.exists():
            broken.append(f"{link}: no such file")
        elif not path.resolve().is_relative_to(ROOT):
            broken.append(f"{link}: leaves the repository")
        elif anchor and anchor not in anchors(path.read_text(encoding="utf-8")):
            broken.append(f"{link}: no such heading")
    assert broken == []


def test_every_page_can_be_reached_from_the_readme() -> None:
    start = ROOT / "README.md"
    seen: set[Path] = {start}
    open_pages = [start]
    while open_pages:
        page = open_pages.pop()
        for link in links(page.read_text(encoding="utf-8")):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target.is_file() and target not in seen:
                seen.add(target)
                open_pages.append(target)

    # Decisions are read in their folder, whose own page is linked.
    wanted = [path for path in pages() if path.parent.name != "decisions"]
    unreachable = [str(path.relative_to(ROOT)) for path in wanted if path not in seen]

    assert unreachable == []
