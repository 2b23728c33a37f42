"""What a request needs: its steps, the images they use, and the next thing to do.

full-naomi     full-naomi                   (or as naomi, to share the pose)
naomi          prepare-pose ─┐
               prepare-image ┴─► naomi       (each only when given as an S3 image)
prepare-…      one step of that name
variants       the last step once for each seed: full-naomi-1, full-naomi-2 …
a UUID         one step named `workflow`
"""

from __future__ import annotations

import copy
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from worker.contracts.request import Request, s3_references
from worker.contracts.variants import variant_seeds
from worker.contracts.workflows import WORKFLOWS
from worker.jobs.assets import expiry_margin
from worker.jobs.job import Binding, Job, JobState, JsonObject, SourceImage, Step, StepState

CUSTOM_STEP = "workflow"
"""The step name of a workflow that is given by its UUID."""

UPLOAD_FRESH = timedelta(minutes=10)
"""A younger upload is used whatever its expiry says: clocks differ, and uploading is no cure."""


@dataclass(frozen=True, slots=True)
class Upload:
    """Bring one image from S3 to Hautech."""

    uri: str


@dataclass(frozen=True, slots=True)
class Submit:
    """Record the intent and run the workflow of one step."""

    step: str


@dataclass(frozen=True, slots=True)
class FindOut:
    """A run may have been started: look for it before anything else."""

    step: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Only time is missing: pipelines are running."""


@dataclass(frozen=True, slots=True)
class Collect:
    """Every step completed, or all variants ended and one did well: bring the outputs to S3."""


@dataclass(frozen=True, slots=True)
class Announce:
    """The verdict is fixed: publish it."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """The job is over."""


_PAID: Final = frozenset({StepState.SUBMITTING, StepState.RUNNING, StepState.COMPLETED})
_WHAT_SEEDS_NEED: Final = {"request_id", "workflow", "input", "variants"}

Move = Upload | Submit | FindOut | Wait | Collect | Announce | Nothing


def plan_steps(request: Request, *, shares_poses: bool = False) -> tuple[Step, ...]:
    """The steps of a valid request, in the order in which they may be submitted.

    With `shares_poses`, `full-naomi` from two S3 images is planned as the three steps of `naomi`: a
    pose that is prepared by itself can be used by other jobs.
    """
    steps = _plain_steps(request, shares_poses=shares_poses)
    seeds = variant_seeds(request.model_dump(by_alias=True, include=_WHAT_SEEDS_NEED))
    if not seeds:
        return steps
    *before, last = steps
    each = (
        replace(last, name=f"{last.name}-{number}", variant=number, seed=seed)
        for number, seed in enumerate(seeds, start=1)
    )
    return (*before, *each)


def _plain_steps(request: Request, *, shares_poses: bool) -> tuple[Step, ...]:
    if request.workflow == "naomi":
        return _naomi_steps(request, pose_field="poseId")
    if shares_poses and request.workflow == "full-naomi":
        paths = {reference.path for reference in s3_references(request)}
        if paths >= {("poseImageId",), ("imageId",)}:
            return _naomi_steps(request, pose_field="poseImageId")
    spec = WORKFLOWS.get(request.workflow)
    bindings = tuple(
        Binding(path=reference.path, image_uri=str(reference.uri))
        for reference in s3_references(request)
    )
    return (
        Step(
            name=request.workflow if spec else CUSTOM_STEP,
            workflow_id=spec.workflow_id if spec else request.workflow,
            bindings=bindings,
        ),
    )


def plan_images(steps: Iterable[Step]) -> tuple[SourceImage, ...]:
    """The images that the steps need, each once."""
    uris = (binding.image_uri for step in steps for binding in step.bindings if binding.image_uri)
    return tuple(SourceImage(uri=uri) for uri in dict.fromkeys(uris))


def next_move(job: Job, *, at: datetime) -> Move:
    """The next thing to do for the job.

    What may already have been paid for comes first, then what can be paid for now; waiting
    begins only when nothing else can be done.
    """
    if job.state.is_final:
        return Nothing()
    if job.state is JobState.ANNOUNCING:
        return Announce()
    for step in job.steps:
        if step.state is StepState.SUBMITTING:
            return FindOut(step.name)
    for step in job.steps:
        if step.state is StepState.PLANNED and _inputs_known(job, step):
            missing = _missing_upload(job, step, at)
            return Upload(missing) if missing else Submit(step.name)
    if job.running_steps():
        return Wait()
    return Collect()


def others_may_succeed(job: Job, step: Step, *, unpaid_too: bool = False) -> bool:
    """Whether the job can do without that step, since another variant may give a picture.

    Of one that was not paid for nobody knows that it will ever be: it counts if `unpaid_too`. No
    variant is paid for before what they share is prepared.
    """
    if step.variant is None:
        return False
    others = [other.state for other in job.variants() if other.name != step.name]
    return any(state in _PAID or (unpaid_too and state is StepState.PLANNED) for state in others)


def resolved_input(job: Job, step: Step) -> JsonObject:
    """The step's input with every id in its place.

    Raises KeyError when an id is not known yet.
    """
    filled = copy.deepcopy(_input(job, step))
    for binding in step.bindings:
        _put(filled, binding.path, _bound_id(job, binding))
    if step.seed is not None:
        filled["seed"] = step.seed
    return filled


def sent_ids(job: Job) -> frozenset[str]:
    """Every id that the job's steps were given: none of them is ever a result.

    Hautech's outputs may echo inputs.
    """
    ids: set[str] = {image.image_id for image in job.images if image.image_id}
    for step in job.steps:
        if _inputs_known(job, step):
            ids.update(strings_in(_input(job, step)))
            ids.update(_bound_id(job, binding) for binding in step.bindings if binding.step)
    return frozenset(ids)


def own_ids(job: Job, step: Step) -> frozenset[str]:
    """The ids in the step's input that no other job can have sent: uploads and results not shared."""
    shared = {job.images[one.image].uri for one in job.shared}
    shared.update(one.name for one in job.steps if one.asset is not None)
    return frozenset(
        _bound_id(job, binding)
        for binding in step.bindings
        if (binding.image_uri or binding.step) not in shared
    )


def _naomi_steps(request: Request, *, pose_field: str) -> tuple[Step, ...]:
    """The steps of `naomi`; the request gives its pose, or the image of it, under `pose_field`."""
    given = request.input
    references = {reference.path: str(reference.uri) for reference in s3_references(request)}
    pose_uri, garment_uri = references.get((pose_field,)), references.get(("imageId",))
    steps: list[Step] = []
    bindings: list[Binding] = []
    if pose_uri:
        steps.append(
            Step(
                name="prepare-pose",
                workflow_id=WORKFLOWS["prepare-pose"].workflow_id,
                input=_only(given, "aspectRatio"),
                bindings=(Binding(path=("poseImageId",), image_uri=pose_uri),),
            )
        )
        bindings.append(Binding(path=("poseId",), step="prepare-pose", field="poseId"))
    if garment_uri:
        steps.append(
            Step(
                name="prepare-image",
                workflow_id=WORKFLOWS["prepare-image"].workflow_id,
                input=_only(given, "label", "isHuman"),
                bindings=(Binding(path=("imageId",), image_uri=garment_uri),),
            )
        )
        bindings.append(Binding(path=("imageId",), step="prepare-image", field="preparedImageId"))
    naomi = Step(
        name="naomi",
        workflow_id=WORKFLOWS["naomi"].workflow_id,
        input=_only(given, "poseId", "imageId", "prompt", "label", "enhancePrompt", "seed"),
        bindings=tuple(bindings),
    )
    return (*steps, naomi)


def _only(given: JsonObject, *names: str) -> JsonObject:
    return {name: given[name] for name in names if given.get(name) is not None}


def _inputs_known(job: Job, step: Step) -> bool:
    needed = (binding.step for binding in step.bindings if binding.step)
    return all(job.step(name).state is StepState.COMPLETED for name in needed)


def _missing_upload(job: Job, step: Step, at: datetime) -> str | None:
    for binding in step.bindings:
        if binding.image_uri:
            image = job.image(binding.image_uri)
            if image.image_id is None or _is_forgotten(image, at):
                return image.uri
    return None


def _is_forgotten(image: SourceImage, at: datetime) -> bool:
    if image.expires_at is None or image.uploaded_at is None:
        return False
    if at - image.uploaded_at < UPLOAD_FRESH:
        return False
    return image.expires_at - expiry_margin(image.uploaded_at, image.expires_at) <= at


def _input(job: Job, step: Step) -> JsonObject:
    given: JsonObject = job.request["input"] if step.input is None else step.input
    return given


def _bound_id(job: Job, binding: Binding) -> str:
    if binding.image_uri:
        image_id = job.image(binding.image_uri).image_id
        if image_id is None:
            raise KeyError(binding.image_uri)
        return image_id
    output = job.step(binding.step or "").output
    return str(output[binding.field])


def _put(target: Any, path: tuple[str | int, ...], value: str) -> None:
    for part in path[:-1]:
        target = target[part]
    target[path[-1]] = value


def strings_in(value: Any) -> Iterable[str]:
    """Every text in a JSON value, at any depth; keys are not among them."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for member in value.values():
            yield from strings_in(member)
    elif isinstance(value, list):
        for member in value:
            yield from strings_in(member)
