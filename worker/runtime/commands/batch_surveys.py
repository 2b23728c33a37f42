"""What a look at all rows of a batch has found: told to people, and as JSON."""

from __future__ import annotations

import json
from typing import Any

from worker.contracts.text import visible_json
from worker.runtime.commands.batch_bad_rows import print_bad_rows
from worker.runtime.commands.batch_known import Known
from worker.runtime.commands.batch_submit import Prepared
from worker.runtime.commands.output import print_hanging, stdout, styled
from worker.runtime.commands.wording import count, decimal


def print_survey(prepared: Prepared, *, shows_row: bool) -> None:
    """What the batch would do, for people; with its first good row as a request, if wanted."""
    survey, console = prepared.survey, stdout()
    rows = f"{count(survey.rows, 'row')}: {survey.good:,} good, {survey.rows - survey.good:,} bad"
    console.print(styled(f"{prepared.message.batch_id}  {rows}", "bold"), soft_wrap=True)
    console.print(styled(f"  pipelines  {survey.pipelines:,}"), soft_wrap=True)
    if survey.good:
        print_hanging(console, styled(f"  credits    {_credits_text(prepared)}"), 13)
    if survey.sample is not None and shows_row:
        document = json.dumps(json.loads(survey.sample.body), indent=2, ensure_ascii=False)
        shown = visible_json(document).replace("\n", "\n  ")
        console.print(styled(f"  first row  {shown}", "dim"), soft_wrap=True)
    is_matrix = prepared.draft.matrix is not None
    told = (
        (bad.row if is_matrix else bad.line, bad.problems or (bad.problem or "",))
        for bad in survey.bad
    )
    noun, more = "row" if is_matrix else "line", "--json has 1,000"
    print_bad_rows(console, told, of=survey.rows - survey.good, others_in=more, noun=noun)
    if is_matrix and any("is not a field of input" in (one.problem or "") for one in survey.bad):
        words = "in a matrix every name sets an input; metadata.NAME and the like set other fields"
        print_hanging(console, styled(f"  -> {words}", "green"), 5)


def survey_json(prepared: Prepared, known: Known | None) -> dict[str, Any]:
    """The same for scripts, and whether the batch is there already."""
    survey, cost = prepared.survey, prepared.credits_in_all
    return {
        "batchId": prepared.message.batch_id,
        "rows": survey.rows,
        "good": survey.good,
        "bad": survey.rows - survey.good,
        "pipelines": survey.pipelines,
        "credits": str(cost) if cost is not None else None,
        "creditsKnownFromJobs": prepared.cost.jobs if prepared.cost else 0,
        "badRows": [
            {"row": one.row, "line": one.line, "message": one.problem} for one in survey.bad
        ],
        "known": known.as_json() if known else None,
        "message": json.loads(prepared.body),
    }


def _credits_text(prepared: Prepared) -> str:
    total, cost = prepared.credits_in_all, prepared.cost
    if not prepared.can_estimate:
        return "unknown: WORKER_JOB_TABLE is not set, which has what ended jobs cost"
    if total is None or cost is None:
        return "unknown: no job of this workflow has ended that says what it cost"
    text = (
        f"about {decimal(total)} ({decimal(cost.credits)} a row, the median of "
        f"{count(cost.jobs, 'job')})"
    )
    cap = prepared.credit_cap
    return text if cap is None or total <= cap else f"{text}; at the cap of {decimal(cap)} it stops"
