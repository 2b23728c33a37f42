"""`batch submit` from what was given to a batch that is sent, or to the reason why none is.

look at all rows ─► tell ─► bad rows? ─► known under its id? ─► send
                              └── 2         ├── the same: nothing to send
                                            └── another: 2
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import typer

from worker.batches.survey import Survey
from worker.contracts.batch import batch_digest
from worker.runtime.commands.batch_drafts import BatchDraft
from worker.runtime.commands.batch_known import Known, known_batch
from worker.runtime.commands.batch_submit import Prepared, Wishes, prepare, send
from worker.runtime.commands.batch_surveys import print_survey, survey_json
from worker.runtime.commands.output import FAILED, USAGE, fail, print_json, remark
from worker.runtime.commands.services import Services

INTERRUPTED: Final = 130


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is to be done with a batch."""

    dry_run: bool
    skip_bad: bool
    as_json: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """A batch that workers have, or will have; `bad` of its rows were sent knowing that they are bad."""

    batch_id: str
    digest: str
    bad: int


def look_and_send(draft: BatchDraft, wishes: Wishes, services: Services, plan: Plan) -> Sent:
    """Look at the batch, tell what it would do, and send it if that is wanted.

    Ends the command where it is not sent. The same batch is not sent twice.
    """
    try:
        prepared = prepare(draft, wishes, services)
        known = known_batch(prepared.message, services)
        if plan.as_json:
            print_json(survey_json(prepared, known))
        else:
            print_survey(prepared, shows_row=plan.dry_run)
        _check(prepared.survey, known, plan)
    except KeyboardInterrupt:
        remark("Nothing was sent.")
        raise typer.Exit(INTERRUPTED) from None
    message, survey = prepared.message, prepared.survey
    if known is not None:
        remark(str(known))
    else:
        _send(prepared, services)
    return Sent(
        batch_id=message.batch_id,
        digest=batch_digest(message),
        bad=survey.rows - survey.good,
    )


def _check(survey: Survey, known: Known | None, plan: Plan) -> None:
    """Ends the command if nothing is to be sent."""
    is_good = survey.good == survey.rows or (plan.skip_bad and survey.good > 0)
    if not is_good and not plan.dry_run:
        if not survey.good:
            raise fail("no row is good: nothing was sent", code=USAGE)
        raise fail(
            "nothing was sent: correct the bad rows, or send the others with --skip-bad",
            code=USAGE,
        )
    if known is not None and not known.is_same:
        raise fail(str(known), code=USAGE)
    if plan.dry_run:
        if known is not None:
            remark(str(known))
        raise typer.Exit(0 if is_good else FAILED)


def _send(prepared: Prepared, services: Services) -> None:
    batch_id = prepared.message.batch_id
    try:
        send(prepared, services)
    except KeyboardInterrupt:
        remark(
            "Stopped while it was being sent. The same command again is the same batch; has it come? "
            f"hautech-worker batch {batch_id}"
        )
        raise typer.Exit(INTERRUPTED) from None
    remark(f"Sent. Follow it: hautech-worker batch {batch_id} --wait")
