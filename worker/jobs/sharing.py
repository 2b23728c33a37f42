"""sharing: moves of a job that uses what another job made, and of one that finds it gone.

A step whose result another job had made completes by `reuse`, without a pipeline. When what was
reused has vanished at Hautech, it is forgotten (`forget`), and the run that failed for it is planned
once more (`renew`): once per job.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from worker.jobs.job import Job, JsonObject, SharedImage, SourceImage, Step, StepState
from worker.jobs.moving import step_for, step_moved, told

RENEWALS_MAX = 1
"""Of one job. What vanishes twice is no accident."""


def share_image(job: Job, image: SourceImage, *, sha256: str, reused: bool) -> Job:
    """One of the job's images is there for others, too: its id is no proof of whose a pipeline is.

    `reused` says whether another job had brought it there.
    """
    place = job.images.index(job.image(image.uri))
    shared = SharedImage(image=place, sha256=sha256, reused=reused)
    others = tuple(one for one in job.shared if one.image != place)
    return replace(job, shared=(*others, shared))


def lay_claim(job: Job, name: str, *, key: str) -> Job:
    """The step's result will be an asset under that key: saved with the intent to pay for it."""
    step = step_for(job, name, "intend")
    steps = tuple(replace(step, asset=key) if one is step else one for one in job.steps)
    return replace(job, steps=steps)


def reuse(job: Job, name: str, *, key: str, output: JsonObject, because: str, at: datetime) -> Job:
    """PLANNED -> COMPLETED with what another job paid for; this one pays nothing."""
    step = step_for(job, name, "reuse")
    return step_moved(job, step, replace(step, asset=key, output=output), "reuse", because, at)


def renew(job: Job, name: str, *, because: str, at: datetime) -> Job:
    """FAILED -> PLANNED: the run failed for something reused that had vanished; the next one is paid.

    The failed one is kept for its cost, and is not to be adopted again.
    """
    step = step_for(job, name, "renew")
    earlier = (*step.earlier, *((step.pipeline,) if step.pipeline else ()))
    moved = replace(step, submission=None, pipeline=None, failure=None, earlier=earlier)
    return step_moved(job, step, moved, "renew", because, at)


def forget(job: Job, ids: Collection[str], *, because: str, at: datetime) -> Job:
    """What was reused under these ids is to be made anew: images are uploaded, steps COMPLETED -> PLANNED."""
    job = replace(job, renewals=job.renewals + 1)
    gone = {one.image for one in job.shared if job.images[one.image].image_id in ids}
    for place in sorted(gone):
        image = job.images[place]
        blank = SourceImage(uri=image.uri)
        images = tuple(blank if one is image else one for one in job.images)
        shared = tuple(one for one in job.shared if one.image != place)
        job = replace(job, images=images, shared=shared)
        job = told(job, f"image {image.uri}", "uploaded", "planned", because, at)
    for step in job.steps:
        if is_reused(step) and not _results(step).isdisjoint(ids):
            moved = replace(step, output=None, asset=None)
            job = step_moved(job, step, moved, "forget", because, at)
    return job


def is_reused(step: Step) -> bool:
    """Whether its result was made by another job."""
    return step.state is StepState.COMPLETED and step.pipeline is None


def reused_images(job: Job, step: Step) -> dict[str, SharedImage]:
    """The images in the step's input that another job had brought to Hautech, by their ids there."""
    uris = {binding.image_uri for binding in step.bindings}
    found = ((job.images[one.image], one) for one in job.shared if one.reused)
    return {image.image_id: one for image, one in found if image.image_id and image.uri in uris}


def reused_results(job: Job, step: Step) -> dict[str, str]:
    """The results in the step's input that another job had paid for: their assets' keys, by their ids."""
    names = {binding.step for binding in step.bindings}
    earlier = (one for one in job.steps if one.name in names and is_reused(one))
    return {result: one.asset for one in earlier if one.asset for result in _results(one)}


def _results(step: Step) -> frozenset[str]:
    return frozenset(str(one) for one in (step.output or {}).values())
