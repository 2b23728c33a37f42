"""The page on the life of a job shows the chart that the code is written by."""

import textwrap

from tests.unit.docs.pages import blocks, marked, read
from worker.jobs import charts
from worker.jobs.job import JobState, StepState

PAGE = "docs/explanation/job-life.md"


def test_the_chart_is_the_one_in_the_code() -> None:
    docstring = charts.__doc__ or ""
    drawing = textwrap.dedent(docstring[docstring.index("    job\n") :]).strip("\n")

    (shown,) = blocks(marked(read(PAGE), "chart") + "\n", "")

    assert shown.strip("\n") == drawing


def test_every_state_is_explained() -> None:
    text = read(PAGE)
    explained = {state for state in [*JobState, *StepState] if f"\n| `{state}` |" in text}

    assert explained == {*JobState, *StepState}


def test_every_way_things_go_wrong_has_a_drawing() -> None:
    text = read(PAGE)
    headings = {part.splitlines()[0] for part in text.split("\n## ") if "sequenceDiagram" in part}

    assert headings == {
        "When all goes well",
        "When a request is delivered again",
        "When a message is lost",
        "When two workers race",
        "When a worker is killed",
        "When the answer of the paid call is lost",
        "When somebody else is down",
        "When a person redrives it",
    }


def test_drawings_have_no_characters_that_end_a_line_of_mermaid() -> None:
    drawings = blocks(read(PAGE), "mermaid")

    assert drawings
    assert [
        line for text in drawings for line in text.splitlines() if ";" in line or "#" in line
    ] == []
