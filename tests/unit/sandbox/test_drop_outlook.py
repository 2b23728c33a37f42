"""The files that the demo drops are what it says they are, and its rules take each as it is meant."""

import io
import json
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image

from sandbox.drop.odd_photos import OddFile, drop_odd_files, odd_files
from sandbox.drop.outlook import Kind, Outlook, outlook
from sandbox.drop.rules import PREFIX, own_rules, read_rules
from worker.drops.planning import Photo
from worker.drops.rule_set import RuleSet
from worker.drops.sidecars import SidecarError, read_sidecar


@pytest.fixture(scope="module")
def files() -> dict[str, OddFile]:
    return {file.name: file for file in odd_files()}


@pytest.fixture(scope="module")
def rules() -> RuleSet:
    return read_rules(own_rules(), catalog="catalog", shop="shop")


def dropped(name: str) -> Photo:
    return Photo("catalog", PREFIX + name, "version-1", "etag")


def told(rules: RuleSet, name: str) -> Outlook:
    return outlook(rules, dropped(name))


def test_each_file_is_taken_as_it_is_meant(files: dict[str, OddFile], rules: RuleSet) -> None:
    by_name = {name: told(rules, name) for name in files}

    photos = {name: len(one.request_ids) for name, one in by_name.items() if one.kind is Kind.PHOTO}
    assert photos == {
        "jacket.png": 1,
        "RED JACKET.JPG": 1,
        "phone 0142.jpg": 1,
        "IMG_0815.HEIC": 1,
        "summer sale 🌞 +50%.png": 1,
        "price list.jpg": 1,
        "evening.jpg": 1,
        "spring/coat.png": 2,
    }
    assert by_name["evening.yaml"].kind is Kind.SIDECAR
    assert by_name["autumn.csv"].kind is Kind.LIST
    assert by_name["autumn.csv"].batch_id.startswith("autumn-")
    assert not [one.problem for one in by_name.values() if one.problem]


def test_a_file_that_no_rule_takes_is_told_why(rules: RuleSet) -> None:
    found = told(rules, "notes.txt")

    assert found.kind is Kind.NOTHING
    assert "garments takes the extensions jpg" in found.problem


def test_a_sidecar_that_cannot_be_read_is_a_problem_with_a_place_to_say_so(rules: RuleSet) -> None:
    with pytest.raises(SidecarError) as broken:
        read_sidecar(PREFIX + "evening.yaml", "input: [")

    found = outlook(rules, dropped("evening.jpg"), broken.value)

    assert found.request_ids == ()
    assert found.problem
    assert found.error == "s3://shop/pictures/evening.error.json"


def test_the_phones_photo_lies_on_its_side_and_says_so(files: dict[str, OddFile]) -> None:
    with Image.open(io.BytesIO(files["phone 0142.jpg"].content)) as photo:
        assert photo.width > photo.height
        assert photo.getexif()[0x0112] == 6


def test_the_heic_is_one_and_the_price_list_is_none(files: dict[str, OddFile]) -> None:
    assert pillow_heif.is_supported(files["IMG_0815.HEIC"].content)
    with pytest.raises(OSError, match="cannot identify"):
        Image.open(io.BytesIO(files["price list.jpg"].content))


def test_a_persons_own_file_of_the_same_name_stays(tmp_path: Path) -> None:
    (tmp_path / "jacket.png").write_text("mine")

    names = [file.name for file in drop_odd_files(tmp_path)]

    assert (tmp_path / "jacket.png").read_text() == "mine"
    there = {
        path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()
    }
    assert there == set(names)


def test_the_sidecar_is_one(files: dict[str, OddFile], rules: RuleSet) -> None:
    sidecar = read_sidecar(PREFIX + "evening.yaml", files["evening.yaml"].content)

    assert "evening sun" in json.dumps(sidecar.fields)
    assert outlook(rules, dropped("evening.jpg"), sidecar).problem == ""
