"""Several pictures of one request: each is paid once, and some may fail while the others are delivered."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.builders import FULL_NAOMI_INPUT, NAOMI_INPUT, body
from tests.scenarios.crash import When
from tests.scenarios.harness import Service
from tests.scenarios.test_trouble import failing
from worker.contracts.fields import rfc3339
from worker.contracts.result import VariantResult
from worker.contracts.s3_uri import S3Uri
from worker.errors import (
    AnswerUnknownError,
    HautechRefusedError,
    OutputForbiddenError,
    OutputUnusableError,
    PipelineLostError,
    ThrottledError,
    UnavailableError,
)
from worker.jobs.document import MUST_UNDERSTAND, from_document, to_document
from worker.jobs.job import JobState
from worker.jobs.transitions import MAX_CALLS


def asked(*seeds: int, failing_seeds: tuple[int, ...] = (), **changes: Any) -> Service:
    """A service with a request for these seeds waiting in its queue."""
    service = Service()
    service.world.hautech.failing_seeds.update(failing_seeds)
    service.send(body(input={**FULL_NAOMI_INPUT, "seed": list(seeds)}, **changes))
    return service


def variants(service: Service) -> list[tuple[int, int, str, tuple[int, ...]]]:
    """What the last event says of each, without the errors."""
    found: tuple[VariantResult, ...] = service.events[-1].data.variants
    return [(one.n, one.seed, one.status, one.outputs) for one in found]


def codes(service: Service) -> list[str | None]:
    """The code of each variant's error in the last event."""
    return [one.error.code if one.error else None for one in service.events[-1].data.variants]


def names(service: Service) -> list[str]:
    return [one.uri.rsplit("/", 1)[-1] for one in service.events[-1].data.outputs]


def seeds_paid(service: Service) -> list[Any]:
    return [run.input["seed"] for run in service.world.hautech.runs]


def test_each_seed_gives_a_picture_of_its_own() -> None:
    service = asked(7, 42)
    service.run()
    assert seeds_paid(service) == [7, 42]
    assert names(service) == ["sku-1042-front-1.png", "sku-1042-front-2.png"]
    assert variants(service) == [(1, 7, "succeeded", (0,)), (2, 42, "succeeded", (1,))]
    data = service.event.data
    assert (data.status, data.partial, data.error) == ("succeeded", False, None)
    assert [use.step for use in data.pipelines] == ["full-naomi-1", "full-naomi-2"]


def test_variants_run_side_by_side() -> None:
    service = asked(1, 2, 3)
    service.step()
    assert len(service.world.hautech.runs) == 3
    assert len(service.world.polls) == 1


def test_what_one_seed_does_not_give_the_others_do() -> None:
    service = asked(7, 8, 9, failing_seeds=(8,))
    service.run()
    assert names(service) == ["sku-1042-front-1.png", "sku-1042-front-3.png"]
    assert variants(service) == [
        (1, 7, "succeeded", (0,)),
        (2, 8, "failed", ()),
        (3, 9, "succeeded", (1,)),
    ]
    data = service.event.data
    assert (data.status, data.partial) == ("succeeded", True)
    assert codes(service) == [None, "pipeline.failed", None]
    assert "nothing came of seed 8" in (data.variants[1].error or data).message  # type: ignore[union-attr]
    assert [use.credits for use in data.pipelines] == ["0.04375"] * 3
    assert len(service.world.dead_letters) == 0


def test_when_all_fail_the_job_fails_as_it_would_with_one() -> None:
    service = asked(7, 8, failing_seeds=(7, 8))
    service.run()
    data = service.event.data
    assert (data.status, data.partial) == ("failed", False)
    assert data.error is not None
    assert data.error.code == "pipeline.failed"
    assert codes(service) == ["pipeline.failed"] * 2
    assert len(service.world.dead_letters) == 1


def test_what_variants_share_is_prepared_and_paid_once() -> None:
    service = Service()
    service.send(body("naomi", input={**NAOMI_INPUT, "seed": [7, 8]}))
    service.run()
    assert [use.step for use in service.event.data.pipelines] == [
        "prepare-pose",
        "prepare-image",
        "naomi-1",
        "naomi-2",
    ]
    assert service.world.hautech.uploads == 2


def test_a_failed_one_does_not_end_the_wait_for_the_others() -> None:
    service = asked(7, 8, failing_seeds=(7,))
    service.step()
    hautech = service.world.hautech
    object.__setattr__(hautech.runs[1], "ends_at", hautech.runs[1].ends_at.replace(year=2031))
    service.run_for(deliveries=30)
    assert service.job_is(JobState.RUNNING)
    assert [step.name for step in service.job.running_steps()] == ["full-naomi-2"]
    assert service.events == []


def test_a_job_of_which_all_variants_fail_pays_for_them_anew_when_it_is_redriven() -> None:
    service = asked(7, 8, failing_seeds=(7, 8))
    service.run()
    service.world.hautech.failing_seeds.clear()
    service.redrive()
    service.run()
    assert seeds_paid(service) == [7, 8, 7, 8]
    assert variants(service) == [(1, 7, "succeeded", (0,)), (2, 8, "succeeded", (1,))]
    assert not service.events[-1].data.partial


def test_a_redrive_keeps_the_variants_that_did_well() -> None:
    service = asked(7, 8, failing_seeds=(8,))
    failing(service.world.objects, "put", iter([OutputForbiddenError("no s3:PutObject")] * 2))
    service.run()
    assert service.job_is(JobState.FAILED)
    service.world.hautech.failing_seeds.clear()
    service.redrive()
    service.run()
    assert seeds_paid(service) == [7, 8, 8]
    assert names(service) == ["sku-1042-front-1.png", "sku-1042-front-2.png"]


def test_a_job_that_succeeded_in_part_is_not_run_again() -> None:
    service = asked(7, 8, failing_seeds=(7,))
    service.run()
    service.send(body(input={**FULL_NAOMI_INPUT, "seed": [7, 8]}))
    service.run()
    assert seeds_paid(service) == [7, 8]
    assert len({event.id for event in service.events}) == 1


def test_a_variant_that_is_refused_fails_alone_once_another_one_is_paid() -> None:
    service = asked(7, 8, 9)
    run = service.world.hautech.run

    def refuses_8(workflow_id: str, workflow_input: Any, metadata: Any) -> str:
        if workflow_input["seed"] == 8:
            raise HautechRefusedError("seed 8 is not liked")
        return run(workflow_id, workflow_input, metadata)

    service.world.hautech.run = refuses_8  # type: ignore[method-assign]  # -- the fault to test
    service.run()
    assert codes(service) == [None, "hautech.refused", None]
    assert seeds_paid(service) == [7, 9]


def test_a_variant_that_was_refused_is_sent_again_by_a_redrive() -> None:
    service = asked(7, 8)
    run, liked = service.world.hautech.run, {7}

    def refuses(workflow_id: str, workflow_input: Any, metadata: Any) -> str:
        if workflow_input["seed"] not in liked:
            raise HautechRefusedError("seed 8 is not liked")
        return run(workflow_id, workflow_input, metadata)

    service.world.hautech.run = refuses  # type: ignore[method-assign]  # -- the fault to test
    failing(service.world.objects, "put", iter([OutputForbiddenError("no s3:PutObject")] * 2))
    service.run()
    assert service.job_is(JobState.FAILED)
    liked.add(8)
    service.redrive()
    service.run()
    assert seeds_paid(service) == [7, 8]
    assert not service.events[-1].data.partial


def test_what_refuses_the_first_variant_refuses_the_request() -> None:
    service = asked(7, 8)
    failing(service.world.hautech, "run", iter([HautechRefusedError("no such garment")]))
    service.run()
    assert codes(service) == ["hautech.refused"] * 2
    assert service.world.hautech.runs == []


def test_a_variant_that_nobody_knows_of_fails_alone_and_the_others_go_on() -> None:
    service = asked(7, 8, 9)
    service.world.hautech.unanswered_seeds.add(7)
    service.run()
    assert codes(service) == ["submission.unknown", None, None]
    assert seeds_paid(service) == [8, 9]
    assert names(service) == ["sku-1042-front-2.png", "sku-1042-front-3.png"]
    assert (service.event.data.status, service.event.data.partial) == ("succeeded", True)
    submission = service.job.step("full-naomi-1").submission
    assert submission is not None
    assert submission.calls == MAX_CALLS


def test_when_nobody_knows_of_any_variant_the_job_fails_with_that() -> None:
    service = asked(7, 8)
    service.world.hautech.unanswered_seeds.update({7, 8})
    service.run()
    assert service.job_is(JobState.FAILED)
    assert codes(service) == ["submission.unknown"] * 2
    service.world.hautech.unanswered_seeds.clear()
    (judgement,) = service.redrive()
    assert "full-naomi-1 is looked for at Hautech" in judgement.because
    assert "full-naomi-2 is looked for at Hautech" in judgement.because
    service.run()
    assert seeds_paid(service) == [7, 8]
    assert not service.events[-1].data.partial


def test_a_variant_that_was_started_after_all_is_adopted_by_a_redrive_and_not_paid_again() -> None:
    service = asked(7, 8)
    run, hidden = service.world.hautech.run, []

    def unheard(workflow_id: str, workflow_input: Any, metadata: Any) -> str:
        pipeline_id = run(workflow_id, workflow_input, metadata)
        if workflow_input["seed"] == 7:
            hidden.append(service.world.hautech.runs.pop())
            raise AnswerUnknownError("read timed out")
        return pipeline_id

    service.world.hautech.run = unheard  # type: ignore[method-assign]  # -- the fault to test
    failing(service.world.objects, "put", iter([OutputForbiddenError("no s3:PutObject")] * 2))
    service.run()
    assert service.job_is(JobState.FAILED)
    assert codes(service)[0] == "submission.unknown"
    assert len(hidden) == MAX_CALLS
    service.world.hautech.runs.append(hidden[0])
    service.world.hautech.run = run  # type: ignore[method-assign]
    service.redrive()
    service.run()
    assert seeds_paid(service) == [8, 7]
    assert service.job.step("full-naomi-1").pipeline is not None
    assert not service.events[-1].data.partial


def test_no_other_variant_is_begun_for_one_that_nobody_knows_of_once_the_time_has_passed() -> None:
    expires_at = rfc3339(Service().world.clock.now() + timedelta(seconds=5))
    service = asked(7, 8, expiresAt=expires_at)
    service.world.hautech.unanswered_seeds.add(7)
    service.run()
    assert codes(service) == ["submission.unknown"] * 2
    assert service.world.hautech.runs == []


def test_what_other_variants_gave_is_delivered_when_one_cannot_be_looked_for_any_more() -> None:
    service = asked(7, 8)
    service.world.hautech.unanswered_seeds.add(8)

    def down(_since: Any) -> Any:
        raise UnavailableError("503")

    service.world.hautech.runs_since = down  # type: ignore[method-assign, assignment]  # -- the fault to test
    service.run()
    assert codes(service) == [None, "submission.unknown"]
    assert seeds_paid(service) == [7]
    assert names(service) == ["sku-1042-front-1.png"]


def test_a_variant_that_hautech_has_no_room_for_is_paid_later() -> None:
    service = asked(7, 8)
    run, told = service.world.hautech.run, iter([None, ThrottledError("too many in flight")])

    def throttled(workflow_id: str, workflow_input: Any, metadata: Any) -> str:
        if error := next(told, None):
            raise error
        return run(workflow_id, workflow_input, metadata)

    service.world.hautech.run = throttled  # type: ignore[method-assign]  # -- the fault to test
    service.run()
    assert seeds_paid(service) == [7, 8]
    assert not service.event.data.partial


def test_a_variant_that_hautech_does_not_know_any_more_fails_alone() -> None:
    service = asked(7, 8)
    service.step()
    gone, look = service.world.hautech.runs[0].pipeline_id, service.world.hautech.look
    service.world.clock.advance(100)

    def forgets(pipeline_id: str) -> Any:
        if pipeline_id == gone:
            raise PipelineLostError(f"no pipeline {pipeline_id}")
        return look(pipeline_id)

    service.world.hautech.look = forgets  # type: ignore[method-assign]  # -- the fault to test
    service.run()
    assert codes(service) == ["pipeline.lost", None]


def test_a_variant_without_a_picture_fails_alone() -> None:
    service = asked(7, 8)
    service.world.hautech.output_of = lambda given, output: {} if given["seed"] == 7 else output
    service.run()
    assert codes(service) == ["pipeline.no_output", None]


@pytest.mark.parametrize(("downloads", "kept"), [(3, 1), (6, 0)])
def test_a_variant_whose_picture_is_unusable_fails_alone(downloads: int, kept: int) -> None:
    service = asked(7, 8)
    download, bad = service.world.hautech.download, iter(range(downloads))
    first = []

    def damaged(picture: Any, sink: Any) -> Any:
        first.append(picture)
        if kept == 0 or picture == first[0]:
            next(bad, None)
            raise OutputUnusableError("is no image")
        return download(picture, sink)

    service.world.hautech.download = damaged  # type: ignore[method-assign]  # -- the fault to test
    service.run()
    assert len(service.event.data.outputs) == kept
    assert codes(service) == ["output.unusable", None if kept else "output.unusable"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_the_run_of_one_variant_is_not_taken_for_that_of_another(when: When) -> None:
    service = asked(7, 8)
    service.world.hautech.keeps_metadata = False
    service.kill_at(_second_run(), when)
    service.run_until_killed()
    service.run()
    assert seeds_paid(service) == [7, 8]
    assert len({step.pipeline.pipeline_id for step in service.job.steps if step.pipeline}) == 2


def _second_run() -> int:
    service = asked(7, 8)
    service.run()
    calls = service.killer.calls
    return calls.index("hautech.run", calls.index("hautech.run") + 1) + 1


def test_keys_may_have_the_seed_and_fixed_ones_are_looked_at_before_anything_is_paid() -> None:
    options = {"key": "{sku}/{seed}.png"}
    service = asked(7, 8, outputOptions=options, output="s3://shop/gen/")
    service.run()
    assert [one.uri for one in service.event.data.outputs] == [
        "s3://shop/gen/1042/7.png",
        "s3://shop/gen/1042/8.png",
    ]
    service = asked(7, 8, outputOptions=options, output="s3://shop/gen/")
    service.world.objects.add(S3Uri("shop", "gen/1042/8.png"), b"theirs")
    service.run()
    assert service.event.data.error is not None
    assert service.event.data.error.code == "output.taken"
    assert service.world.hautech.runs == []


def test_a_release_that_knows_no_variants_leaves_such_a_job_alone() -> None:
    service = asked(7, 8)
    service.step()
    text = to_document(service.job)
    assert f'"{MUST_UNDERSTAND}"' in text
    assert '"steps.variant"' in text
    assert to_document(from_document(text, version=0, lease=None)) == text
