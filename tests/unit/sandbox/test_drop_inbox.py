"""The folder is watched by looking: a file counts once it has stopped growing, and once only."""

import os
from pathlib import Path

import pytest

from sandbox.drop.inbox import STILL_S, Inbox, Look


def test_a_file_is_taken_once_it_has_not_changed_for_a_while(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    (tmp_path / "coat.jpg").write_bytes(b"whole")

    first, second = inbox.look(100.0), inbox.look(100.0 + STILL_S)

    assert first == Look(growing=(Path("coat.jpg"),))
    assert second == Look(ready=(Path("coat.jpg"),))


def test_a_file_that_grows_is_waited_for(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    photo = tmp_path / "coat.jpg"
    taken: list[Path] = []
    for step in range(1, 5):
        photo.write_bytes(b"x" * step)
        taken += inbox.look(step * STILL_S).ready

    assert taken == []
    assert inbox.look(5 * STILL_S).ready == (Path("coat.jpg"),)


def test_a_file_that_was_taken_is_not_taken_again(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    (tmp_path / "coat.jpg").write_bytes(b"whole")
    inbox.look(0.0)
    inbox.look(STILL_S)

    assert inbox.look(2 * STILL_S) == inbox.look(9 * STILL_S) == Look()


def test_a_file_that_changed_or_came_back_is_taken_again(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    photo = tmp_path / "coat.jpg"
    photo.write_bytes(b"whole")
    inbox.look(0.0)
    inbox.look(STILL_S)

    photo.write_bytes(b"another one")
    inbox.look(10.0)
    assert inbox.look(10.0 + STILL_S).ready == (Path("coat.jpg"),)

    told = photo.stat()
    photo.unlink()
    inbox.look(20.0)
    photo.write_bytes(b"another one")
    os.utime(photo, ns=(told.st_atime_ns, told.st_mtime_ns))
    inbox.look(30.0)
    assert inbox.look(30.0 + STILL_S).ready == (Path("coat.jpg"),)


def test_an_empty_file_is_not_taken_until_it_is_filled(tmp_path: Path) -> None:
    inbox = Inbox(tmp_path)
    (tmp_path / "coat.jpg").touch()
    inbox.look(0.0)

    assert inbox.look(100.0) == Look(empty=(Path("coat.jpg"),))
    (tmp_path / "coat.jpg").write_bytes(b"whole")
    inbox.look(200.0)
    assert inbox.look(200.0 + STILL_S) == Look(ready=(Path("coat.jpg"),))


def test_sub_folders_are_watched_and_hidden_ones_are_not(tmp_path: Path) -> None:
    for name in ("spring/deep/coat.jpg", ".trash/coat.jpg"):
        place = tmp_path / name
        place.parent.mkdir(parents=True)
        place.write_bytes(b"whole")
    inbox = Inbox(tmp_path)
    inbox.look(0.0)

    assert inbox.look(STILL_S).ready == (Path("spring/deep/coat.jpg"),)


@pytest.mark.parametrize("name", [".DS_Store", "coat.jpg.part", "coat.jpg.crdownload", "coat.jpg~"])
def test_what_is_no_whole_file_yet_is_passed_over(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"half")
    inbox = Inbox(tmp_path)
    inbox.look(0.0)

    assert inbox.look(STILL_S) == Look()


def test_a_link_to_nowhere_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "coat.jpg").symlink_to(tmp_path / "gone.jpg")

    assert Inbox(tmp_path).look(0.0) == Look()
