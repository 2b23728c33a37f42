"""The drawn charts and the tables of moves list the same ones."""

import re

from worker.jobs import charts
from worker.jobs.charts import JOB_MOVES, STEP_MOVES
from worker.jobs.job import JobState, StepState


def chart(title: str) -> str:
    text = charts.__doc__ or ""
    return re.split(r"\n    (?=job\n|step\n)", text)[1 if title == "job" else 2]


def legend(title: str) -> dict[str, set[str]]:
    """Letter -> the moves that the chart's legend names for it."""
    found = re.findall(
        r"^    ([a-z](?:, [a-z])*)  ([a-z_]+(?:, [a-z_]+)*)   ", chart(title), re.MULTILINE
    )
    return {letters: set(names.split(", ")) for letters, names in found}


def test_the_job_chart_names_every_move_and_every_state() -> None:
    assert set().union(*legend("job").values()) == set(JOB_MOVES)
    drawing = chart("job").split("\n    a  ")[0]
    for state in JobState:
        assert state in drawing


def test_the_step_chart_names_every_move_and_every_state() -> None:
    assert set().union(*legend("step").values()) == set(STEP_MOVES)
    drawing = chart("step").split("\n    a  ")[0]
    for state in StepState:
        assert state in drawing


def test_every_letter_of_a_legend_stands_at_an_edge() -> None:
    for title in ("job", "step"):
        drawing, letters = chart(title).split("\n    a  ")[0], ",".join(legend(title))
        for letter in letters.replace(" ", "").split(","):
            assert re.search(rf"(?<![a-z]){letter}(?![a-z])", drawing), (title, letter)
