"""However the demo is ended, nothing that it started stays behind."""

import signal
from pathlib import Path

import pytest

from sandbox.aws.ministack import EmulatorMissingError, find_executable
from tests.support.aws import missing_need
from tests.support.demo_process import DemoProcess


@pytest.fixture(autouse=True)
def _emulator_is_there() -> None:
    try:
        find_executable()
    except EmulatorMissingError as missing:
        missing_need(missing)


def is_running_pipelines(demo: DemoProcess) -> bool:
    return "running" in demo.output


def has_started_a_process(demo: DemoProcess) -> bool:
    return bool(demo.seen)


@pytest.mark.parametrize(
    ("with_signal", "moment"),
    [(signal.SIGINT, is_running_pipelines), (signal.SIGTERM, has_started_a_process)],
    ids=["Ctrl-C while pipelines run", "SIGTERM while it starts"],
)
def test_an_interrupted_demo_cleans_up_before_it_ends(
    tmp_path: Path, with_signal: signal.Signals, moment
) -> None:
    before = tmp_path / "demo-output" / "index.html"
    before.parent.mkdir()
    before.write_text("the page of last time")

    with DemoProcess(tmp_path) as demo:
        demo.until(lambda: moment(demo), moment.__name__)
        demo.process.send_signal(with_signal)

        assert demo.wait() == 128 + with_signal
        assert demo.still_there() == []

    assert demo.errors == "stopped; everything that was started is gone again\n"
    assert list(demo.temporary.iterdir()) == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [before]
    assert before.read_text() == "the page of last time"
    assert not list(tmp_path.glob(".*"))


def test_ctrl_c_in_the_first_moment_is_one_line_and_no_stack_trace(tmp_path: Path) -> None:
    with DemoProcess(tmp_path) as demo:
        demo.until(lambda: "Ctrl-C" in demo.output, "its first line")
        demo.process.send_signal(signal.SIGINT)

        assert demo.wait() == 128 + signal.SIGINT

    assert demo.errors.startswith("stopped")
    assert demo.errors.count("\n") == 1


def test_a_killed_demo_leaves_nothing_behind(tmp_path: Path) -> None:
    with DemoProcess(tmp_path) as demo:
        demo.until(lambda: is_running_pipelines(demo), "pipelines run")
        demo.process.kill()

        assert demo.wait() == -signal.SIGKILL
        demo.until_all_are_gone()
        demo.until(lambda: not list(demo.temporary.iterdir()), "temporary files are removed")

    assert len(demo.seen) >= 6


@pytest.mark.parametrize("content", [None, b"no picture"], ids=["missing", "not an image"])
def test_a_bad_photo_is_one_clear_error_and_nothing_is_started(
    tmp_path: Path, content: bytes | None
) -> None:
    photo = tmp_path / "coat.png"
    if content is not None:
        photo.write_bytes(content)

    with DemoProcess(tmp_path, ("--pose", str(photo))) as demo:
        assert demo.wait() == 2

    assert demo.errors.count("\n") == 1
    assert demo.errors.startswith(f"error: --pose (POSE=) {photo}: ")
    assert demo.seen == {}
    assert ("half a minute" in demo.output) == (content is not None)
    assert not (tmp_path / "demo-output").exists()


def test_a_folder_that_cannot_be_written_is_one_clear_error(tmp_path: Path) -> None:
    (tmp_path / "occupied").write_text("a file, not a folder")

    with DemoProcess(tmp_path, ("--out", "occupied")) as demo:
        assert demo.wait() == 2

    assert demo.errors.startswith("error: --out occupied (OUT=): cannot write ")
    assert demo.seen == {}
