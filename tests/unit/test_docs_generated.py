"""The reference pages say what the code does: run `make docs` after a change."""

from pathlib import Path

import pytest

from tests.docs.generate import BEGIN, END, _filled, generated_pages, main, settings_table_markdown
from worker import errors
from worker.settings import SETTINGS

PAGES = generated_pages()


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_page_is_what_the_code_makes_of_it(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == PAGES[path], "run `make docs`"


def test_there_is_nothing_to_write(capsys: pytest.CaptureFixture[str]) -> None:
    main()
    assert capsys.readouterr().out == ""


def test_every_setting_has_a_row() -> None:
    assert settings_table_markdown().count("\n") == len(SETTINGS) + 1


def test_every_code_is_one_and_is_explained() -> None:
    page = next(text for path, text in PAGES.items() if path.name == "errors.md")

    def leaves(kind: type[errors.PermanentError]) -> list[type[errors.PermanentError]]:
        below = [leaf for sub in kind.__subclasses__() for leaf in leaves(sub)]
        return below or [kind]

    codes = [
        kind.code for kind in leaves(errors.PermanentError) if kind.__module__ == errors.__name__
    ]
    assert len(set(codes)) == len(codes)
    for code in codes:
        assert f"| `{code}` | " in page


def test_a_page_without_its_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="1 pair"):
        _filled("no marks", "table")
    with pytest.raises(ValueError, match="1 pair"):
        _filled(f"{BEGIN} and no end", "table")
    assert _filled(f"a\n{BEGIN}\nold\n{END}\nb", "new") == f"a\n{BEGIN}\n\nnew\n\n{END}\nb"
