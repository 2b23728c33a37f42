"""Photos are checked before anything is started, and each problem says how to fix it."""

from pathlib import Path

import pytest
from PIL import Image

from sandbox.demo import photos as demo_photos
from sandbox.demo.photos import PhotoError, check_photo, choose_photos


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    path = tmp_path / "coat.png"
    Image.effect_noise((64, 96), 90).save(path)
    return path


def test_the_format_comes_from_the_bytes_and_not_from_the_name(tmp_path: Path) -> None:
    path = tmp_path / "coat.png"
    Image.new("RGB", (64, 96)).save(path, format="JPEG")

    checked = check_photo(path, "--garment")

    assert (checked.extension, checked.width, checked.height) == (".jpg", 64, 96)


def test_a_missing_photo_is_named(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"--garment .*no\.png: there is no such file; check"):
        check_photo(tmp_path / "no.png", "--garment")


def test_a_folder_is_no_photo(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="is a folder; name a photo in it"):
        check_photo(tmp_path, "--pose")


def test_a_file_that_is_no_image_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "coat.png"
    path.write_text("not a picture")

    with pytest.raises(PhotoError, match="is not a PNG, JPEG or WebP image; export it as one"):
        check_photo(path, "--garment")


def test_an_image_that_is_cut_short_is_refused(photo: Path) -> None:
    photo.write_bytes(photo.read_bytes()[:-500])

    with pytest.raises(PhotoError, match="is damaged or cut short; export it again"):
        check_photo(photo, "--garment")


def test_a_photo_with_too_many_pixels_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "wide.png"
    Image.new("1", (8193, 1)).save(path)

    with pytest.raises(PhotoError, match="is 8193 x 1 px, at most 8192 px a side"):
        check_photo(path, "--pose")


def test_a_photo_with_too_many_bytes_is_refused_unread(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    with path.open("wb") as file:
        file.truncate(21_000_000)

    with pytest.raises(PhotoError, match="has 21,000,000 bytes, at most 20,971,520 are taken"):
        check_photo(path, "--pose")


def test_own_photos_are_used_as_they_are_and_nothing_is_drawn(photo: Path, tmp_path: Path) -> None:
    chosen = choose_photos(photo, photo, tmp_path / "samples")

    assert (chosen.garment.path, chosen.garment_is_drawn, chosen.pose_is_drawn) == (
        photo,
        False,
        False,
    )
    assert not (tmp_path / "samples").exists()


def test_only_the_photo_that_is_missing_is_drawn(photo: Path, tmp_path: Path) -> None:
    """The other sample might overwrite the very photo that was given."""
    chosen = choose_photos(photo, None, tmp_path / "samples")

    assert chosen.garment.path == photo
    assert (chosen.garment_is_drawn, chosen.pose_is_drawn) == (False, True)
    assert [path.name for path in (tmp_path / "samples").iterdir()] == ["pose.png"]


def test_a_bad_photo_is_reported_before_anything_is_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demo_photos, "draw_garment", lambda: pytest.fail("drawn too early"))

    with pytest.raises(PhotoError):
        choose_photos(None, tmp_path / "no.png", tmp_path / "samples")


def test_a_tilde_is_the_home_folder_because_make_does_not_expand_it(
    photo: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))

    chosen = choose_photos(Path("~/coat.png"), photo, tmp_path / "samples")

    assert chosen.garment.path == photo


def test_an_error_names_both_ways_to_give_the_photo(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"--pose \(POSE=\) .*no\.png: "):
        choose_photos(None, tmp_path / "no.png", tmp_path / "samples")
