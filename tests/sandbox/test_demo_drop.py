"""The drop folder's demo from beginning to end, as `make demo-drop` starts it."""

import json
import re
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from sandbox.aws.ministack import EmulatorMissingError, find_executable
from sandbox.samples import SampleFiles
from tests.support.aws import missing_need
from tests.support.demo_process import DemoProcess

pytestmark = pytest.mark.timeout(300)

DEADLINE_S = 280.0
PICTURES = {
    "pictures/jacket": 1,
    "pictures/RED-JACKET": 1,
    "pictures/phone-0142": 1,
    "pictures/IMG_0815": 1,
    "pictures/summer-sale-50": 1,
    "pictures/evening": 1,
    "spring/coat": 2,
    "autumn/autumn": 2,
}
OWN_RULES = """\
version: 1
rules:
  - name: mine
    match: "inbox/{{sku}}.png"
    request: {{workflow: prepare-image, input: {{isHuman: false}}}}
    output: "s3://shop/{folder}/"
"""


@pytest.fixture(scope="module", autouse=True)
def _emulator_is_there() -> None:
    try:
        find_executable()
    except EmulatorMissingError as missing:
        missing_need(missing)


def drop_demo(folder: Path, *arguments: str) -> DemoProcess:
    return DemoProcess(folder, arguments, module="sandbox.drop", deadline_s=DEADLINE_S)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    """A demo with its own files and an empty one, which has ended."""
    folder = tmp_path_factory.mktemp("drop")
    empty = folder / "demo-drop/inbox/empty.png"
    empty.parent.mkdir(parents=True)
    empty.touch()
    with drop_demo(folder, "--once") as demo:
        demo.wait()
        yield demo


@pytest.fixture(scope="module")
def results(demo: DemoProcess) -> Path:
    return demo.folder / "demo-drop" / "results"


@pytest.fixture(scope="module")
def sheet(demo: DemoProcess) -> str:
    return (demo.folder / "demo-drop/contact-sheet/index.html").read_text(encoding="utf-8")


def names(folder: Path, pattern: str) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob(pattern))


def test_it_succeeds_and_says_so_in_one_line(demo: DemoProcess) -> None:
    assert demo.process.returncode == 0, demo.output + demo.errors
    assert demo.errors == ""
    assert re.fullmatch(
        r"11 jobs, 10 succeeded, 1 failed, 10 pipelines, 0\.\d+ made-up credits, \d+\.\d s; every file has its "
        r"picture, or says why not",
        demo.output.splitlines()[-2],
    )
    assert demo.output.splitlines()[-1] == "open demo-drop/contact-sheet/index.html"


def test_each_photo_has_its_pictures_in_the_folder_of_results(results: Path) -> None:
    pictures = names(results, "*.png")

    found = {stem: sum(name.startswith(f"{stem}-") for name in pictures) for stem in PICTURES}
    assert found == PICTURES
    assert len(pictures) == sum(PICTURES.values())
    for name in pictures:
        with Image.open(results / name) as picture:
            picture.load()
            assert picture.size == (832, 1200)


def test_what_is_no_photo_has_a_document_in_plain_words(demo: DemoProcess, results: Path) -> None:
    assert names(results, "*.error.json") == ["pictures/price list.error.json"]
    document = json.loads((results / "pictures/price list.error.json").read_text())

    assert document["whatHappened"] == "The file is not a photo that can be used."
    assert document["whatToDo"]
    assert f"price list.jpg: [garments] failed ({document['whatHappened']})" in demo.output


def test_an_empty_file_holds_nothing_up(demo: DemoProcess) -> None:
    assert "empty.png: ignored (it is empty)" in demo.output


def test_the_list_has_a_line_for_each_row_and_the_bad_one_says_why(results: Path) -> None:
    (name,) = names(results, "*.results.jsonl")
    rows = [json.loads(line) for line in (results / name).read_text().splitlines()]

    assert [row["status"] for row in rows] == ["succeeded", "succeeded", "refused"]
    assert rows[2]["line"] == 4
    assert "input.seed" in rows[2]["error"]["message"]


def test_the_sheet_shows_what_became_of_the_odd_ones(demo: DemoProcess, sheet: str) -> None:
    page = demo.folder / "demo-drop/contact-sheet"
    shown = re.findall(r'<img src="([^"]+)"[^>]* width="(\d+)" height="(\d+)"', sheet)

    for file, width, height in shown:
        with Image.open(page / file) as image:
            assert image.size == (int(width), int(height))
            assert image.height > image.width, "the phone's photo stands upright"
    assert "HEIC saved as JPEG" in sheet
    assert "turned upright" in sheet
    assert "on a terrace in the evening sun" in sheet, "what lies beside a photo counts"
    assert "autumn.csv, row 2" in sheet
    assert sheet.count("ai.hautech.generation.succeeded") == 10


def test_nothing_that_it_started_is_left(demo: DemoProcess) -> None:
    assert len(demo.seen) >= 6
    assert demo.still_there() == []
    assert list(demo.temporary.iterdir()) == []


def test_a_persons_own_photo_becomes_pictures_until_ctrl_c(
    tmp_path: Path, samples: SampleFiles
) -> None:
    results = tmp_path / "demo-drop" / "results"
    with drop_demo(tmp_path) as demo:
        demo.until(lambda: "Copy photos into demo-drop/inbox" in demo.output, "it invites")
        own = tmp_path / "demo-drop/inbox/my own/coat.PNG"
        own.parent.mkdir()
        shutil.copy(samples.garment, own)
        demo.until(lambda: len(names(results, "my own/coat-*.png")) == 2, "two pictures come")
        demo.process.send_signal(signal.SIGINT)

        assert demo.wait() == 0
        assert demo.still_there() == []

    assert demo.errors == "stopped; everything that was started is gone again, your files stay\n"
    assert list(demo.temporary.iterdir()) == []
    assert own.exists()
    assert not list(results.rglob(".*"))


def test_a_persons_own_rules_are_gone_by_and_again_when_they_are_edited(
    tmp_path: Path, samples: SampleFiles
) -> None:
    place, results = tmp_path / "demo-drop/rules.yaml", tmp_path / "demo-drop/results"
    place.parent.mkdir()
    place.write_text(OWN_RULES.format(folder="before"))
    shutil.copy(samples.garment, tmp_path / "demo-drop/stray.png")
    with drop_demo(tmp_path) as demo:
        demo.until(lambda: len(names(results, "before/jacket-*.png")) == 1, "the rules count")
        place.write_text("rules: [")
        demo.until(lambda: "rules.yaml has 1 problem" in demo.output, "broken rules are told")
        place.write_text(OWN_RULES.format(folder="after"))
        demo.until(lambda: "has changed" in demo.output, "new rules are told")
        shutil.copy(samples.garment, tmp_path / "demo-drop/inbox/own.png")
        demo.until(lambda: len(names(results, "after/own-*.png")) == 1, "the new rules count")
        demo.process.send_signal(signal.SIGINT)
        assert demo.wait() == 0

    assert demo.errors.startswith("stopped; ")
    assert "1 file lies in demo-drop itself" in demo.output
    assert place.read_text() == OWN_RULES.format(folder="after")


def test_own_rules_that_cannot_be_used_are_told_before_anything_starts(tmp_path: Path) -> None:
    place = tmp_path / "demo-drop/rules.yaml"
    place.parent.mkdir()
    place.write_text(OWN_RULES.format(folder="x").replace("s3://shop", "s3://shelf"))
    with drop_demo(tmp_path, "--once") as demo:
        assert demo.wait() == 2

    assert 'bucket "shelf" is not in WORKER_OUTPUT_BUCKETS: shop' in demo.errors.replace(" (", ": ")
    assert "demo-drop/rules.yaml has " in demo.errors
    assert demo.seen == {}


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file, not a folder")

    with drop_demo(tmp_path, "--folder", "occupied") as demo:
        assert demo.wait() == 2

    assert demo.errors.startswith("error: --folder occupied (FOLDER=): cannot write ")
    assert demo.seen == {}
