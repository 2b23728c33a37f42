"""Photos that were put beside the inbox are told of: nobody looks there."""

from pathlib import Path

import pytest

from sandbox.drop.strays import strays_note


def note_of(folder: Path) -> str:
    return strays_note(folder, folder / "inbox")


def test_photos_and_lists_beside_the_inbox_are_told_of(tmp_path: Path) -> None:
    for name in ("a.JPG", "b.heic", "spring.csv", ".hidden.jpg", "rules.yaml", "notes.txt"):
        (tmp_path / name).touch()

    assert note_of(tmp_path) == (
        f"3 files lie in {tmp_path} itself, where nobody looks: put them into {tmp_path}/inbox"
    )


def test_one_photo_is_one(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()

    assert "1 file lies in" in note_of(tmp_path)


@pytest.mark.parametrize("name", ["inbox/a.jpg", "results/a.jpg", "sub.jpg/x"])
def test_photos_where_they_belong_are_no_news(tmp_path: Path, name: str) -> None:
    place = tmp_path / name
    place.parent.mkdir()
    place.touch()

    assert note_of(tmp_path) == ""


def test_a_folder_that_is_not_there_yet_has_none(tmp_path: Path) -> None:
    assert note_of(tmp_path / "new") == ""
