"""The demo's folder changes all at once, or not at all."""

import os
from pathlib import Path

import pytest

from sandbox.demo.output_folder import output_folder


class _CutShortError(Exception):
    pass


def fill(folder: Path, word: str) -> None:
    (folder / "photos").mkdir()
    (folder / "photos" / "garment.png").write_text(word)
    (folder / "index.html").write_text(word)


def contents(folder: Path) -> dict[str, str]:
    return {
        str(file.relative_to(folder)): file.read_text()
        for file in folder.rglob("*")
        if file.is_file()
    }


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """A folder with the demo of last time."""
    folder = tmp_path / "demo-output"
    folder.mkdir()
    fill(folder, "old")
    return folder


def test_the_old_page_stands_until_the_new_one_is_complete(target: Path) -> None:
    with output_folder(target) as folder:
        fill(folder, "new")
        assert contents(target) == {"photos/garment.png": "old", "index.html": "old"}

    assert contents(target) == {"photos/garment.png": "new", "index.html": "new"}
    assert list(target.parent.iterdir()) == [target]


def test_an_interrupted_run_leaves_the_old_output_and_nothing_else(target: Path) -> None:
    def cut_short() -> None:
        with output_folder(target) as folder:
            fill(folder, "new")
            raise _CutShortError

    with pytest.raises(_CutShortError):
        cut_short()

    assert contents(target) == {"photos/garment.png": "old", "index.html": "old"}
    assert list(target.parent.iterdir()) == [target]


def test_an_interrupted_first_run_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(_CutShortError), output_folder(tmp_path / "demo-output"):
        raise _CutShortError

    assert list(tmp_path.iterdir()) == []


def test_a_first_run_makes_the_folder_and_those_above_it(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b"

    with output_folder(target) as folder:
        fill(folder, "new")

    assert contents(target) == {"photos/garment.png": "new", "index.html": "new"}


def test_files_that_are_not_of_the_demo_stay(target: Path) -> None:
    (target / "photos" / "holiday.png").write_text("precious")
    (target / "notes.txt").write_text("mine")

    with output_folder(target) as folder:
        fill(folder, "new")

    assert contents(target)["photos/holiday.png"] == "precious"
    assert contents(target)["notes.txt"] == "mine"


def test_a_swap_that_fails_half_way_shows_no_page_rather_than_a_mixture(target: Path) -> None:
    (target / "photos" / "garment.png").unlink()
    (target / "photos" / "garment.png" / "in-the-way").mkdir(parents=True)
    (target / "photos" / "garment.png" / "garment.png").mkdir()

    with pytest.raises(OSError, match=r"garment\.png"), output_folder(target) as folder:
        fill(folder, "new")

    assert not (target / "index.html").exists()


def test_what_a_killed_run_left_is_removed_and_what_a_running_one_makes_is_not(
    target: Path,
) -> None:
    killed = target.with_name(".demo-output.unfinished-2147483646")
    running = target.with_name(f".demo-output.unfinished-{os.getppid()}")
    for folder in (killed, running):
        folder.mkdir()

    with output_folder(target):
        assert not killed.exists()
        assert running.exists()


def test_a_link_to_a_folder_is_followed(target: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(target)

    with output_folder(link) as folder:
        fill(folder, "new")

    assert link.is_symlink()
    assert contents(target)["index.html"] == "new"


def test_a_file_in_the_way_is_told_before_anything_is_made(tmp_path: Path) -> None:
    occupied = tmp_path / "occupied"
    occupied.write_text("a file")

    with pytest.raises(NotADirectoryError) as told, output_folder(occupied):
        pytest.fail("must not begin")

    assert told.value.filename == str(occupied)
    assert list(tmp_path.iterdir()) == [occupied]
