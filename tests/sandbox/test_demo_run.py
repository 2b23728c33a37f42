"""The demo from beginning to end, as `make demo` starts it."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from sandbox.aws.ministack import EmulatorMissingError, find_executable
from sandbox.samples import SampleFiles
from tests.support.aws import missing_need
from tests.support.demo_process import DemoProcess


@pytest.fixture(scope="module", autouse=True)
def _emulator_is_there() -> None:
    try:
        find_executable()
    except EmulatorMissingError as missing:
        missing_need(missing)


@pytest.fixture(scope="module")
def demo(samples: SampleFiles, tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoProcess]:
    """A demo with a garment photo of a person's own, which has ended."""
    folder = tmp_path_factory.mktemp("demo")
    own = folder / "my jacket.webp"
    with Image.open(samples.garment) as garment:
        garment.save(own)
    with DemoProcess(folder, ("--garment", str(own))) as demo:
        demo.wait()
        yield demo


@pytest.fixture(scope="module")
def sheet(demo: DemoProcess) -> str:
    return (demo.folder / "demo-output" / "index.html").read_text(encoding="utf-8")


def test_it_succeeds_and_says_so_in_one_line(demo: DemoProcess) -> None:
    assert demo.process.returncode == 0, demo.output + demo.errors
    assert demo.errors == ""
    assert re.fullmatch(
        r"4 jobs, 4 succeeded, 6 pipelines, 0\.\d+ made-up credits, \d+\.\d s",
        demo.output.splitlines()[-2],
    )
    assert demo.output.splitlines()[-1] == "open demo-output/index.html"


def test_progress_is_told_in_plain_lines_when_nobody_watches(demo: DemoProcess) -> None:
    for name in ("full-naomi", "naomi", "prepare-image", "prepare-pose"):
        assert f"demo-{name}: running" in demo.output
        assert f"demo-{name}: succeeded" in demo.output
    assert "\x1b" not in demo.output


def test_every_picture_of_the_sheet_is_there_with_its_real_size(
    demo: DemoProcess, sheet: str
) -> None:
    folder = demo.folder / "demo-output"
    shown = re.findall(r'<img src="([^"]+)"[^>]* width="(\d+)" height="(\d+)"', sheet)

    for file, width, height in shown:
        with Image.open(folder / file) as image:
            image.load()
            assert image.size == (int(width), int(height)) == (832, 1200)
    assert {Path(file).name for file, _, _ in shown} == {
        "garment.webp",
        "pose.png",
        "demo-full-naomi.png",
        "demo-naomi.png",
        "demo-prepare-image.png",
        "demo-prepare-pose-preview.png",
    }


def test_the_sheet_has_an_event_and_a_timeline_for_each_job(sheet: str) -> None:
    assert sheet.count("<summary>Result event</summary>") == 4
    assert sheet.count("ai.hautech.generation.succeeded") == 4
    for stage in ("accept", "upload", "submit", "pipeline", "announce"):
        assert sheet.count(f'class="line {stage}"') >= 4


def test_nothing_that_it_started_is_left(demo: DemoProcess) -> None:
    # At least three guards and what they guard: AWS, the stand-in, a worker.
    assert len(demo.seen) >= 6
    assert demo.still_there() == []
    assert list(demo.temporary.iterdir()) == []
