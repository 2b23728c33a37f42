"""A sidecar that came too late: its photo was a request already, and goes on without it.

    sku.jpg ──► request ──► job           its record says what was read beside the photo
    sku.yaml ─────────── late ──► sku.sidecar.error.json, beside the picture: drop the photo again
    sku.jpg, again ──► request with the sidecar, and the document is taken away

It changes nothing about the job. The document is made of what the event says, so a repetition of the
event writes the same one; as all that the worker writes, it is no drop and no sidecar.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, Final

import structlog

from worker.contracts.drop_error import LATE, DropError
from worker.contracts.drop_origin import DropOrigin, drop_of
from worker.contracts.s3_uri import S3Uri
from worker.drops.planning import Photo, missing_parts
from worker.drops.rule_set import Match, Rule, RuleSet
from worker.drops.s3_events import Upload
from worker.engine import drop_marks
from worker.engine.drop_looking import is_drop, looking, photos_of
from worker.engine.drop_turns import turns_of
from worker.engine.world import World
from worker.errors import TransientError, WorkerError
from worker.jobs.job import Job
from worker.jobs.outcomes import RetryLater

log = structlog.get_logger(__name__)

_ENDING: Final = ".error.json"

_BECOMES_A_JOB_S: Final = 5.0
"""After its photo has rested; as a rule there is nothing to wait for then."""

_LOOK_AGAIN_S: Final = 60.0
_PATIENCE: Final = timedelta(minutes=15)
"""For so long a photo is given to become a job, whose record says what was read beside it. Only one
whose request is held for longer has its late sidecar in no document."""


def look_whether_late(
    world: World, rules: RuleSet, rule: Rule, upload: Upload
) -> RetryLater | None:
    """Tell of a sidecar whose photo did not wait for it; or when it is worth looking again.

    None of the rest is ours to do: a photo that is still to be looked at reads its sidecar itself.
    Raises passing errors.
    """
    age_s = (world.now() - upload.event_time).total_seconds()
    rests_s = rule.settle_s + _BECOMES_A_JOB_S
    if age_s < rests_s:
        return RetryLater(rests_s - max(0.0, age_s), "its photo may still come")
    with looking():
        if not is_drop(world, upload.bucket, upload.key):
            return None
        waits = False
        for match in _photos_beside(world, rules, upload):
            photos = photos_of(world, match)
            if not photos or missing_parts(match, photos):
                continue
            _, turns = turns_of(world, match, photos, moment=upload.event_time)
            for _, job in turns:
                waits = waits or job is None
                if job is not None and _tells_of_lateness(world, job, photos[0], upload):
                    return None
    if waits and world.now() - upload.event_time < _PATIENCE:
        return RetryLater(_LOOK_AGAIN_S, "its photo is no job yet")
    return None


def take_note_away(world: World, requests: Iterable[Mapping[str, Any]]) -> None:
    """Take away what says that a sidecar came late, since these requests were made with it.

    To be called before they are sent: a kill in between repeats it. Raises passing errors.
    """
    for request in requests:
        drop = drop_of(request)
        place = _place_of_note(drop) if drop else None
        if drop is None or place is None:
            continue
        try:
            drop_marks.take_error_away(world, place, drop)
        except TransientError:
            raise
        except WorkerError as error:
            drop_marks.tell_trouble(str(place), error)


def _photos_beside(world: World, rules: RuleSet, upload: Upload) -> list[Match]:
    stem = upload.key.rpartition(".")[0]
    keys = world.objects.list_keys(upload.bucket, stem, limit=100)
    found = [match for key in keys if (match := rules.match(upload.bucket, key))]
    return [match for match in found if match.sidecars_among([upload.key])]


def _tells_of_lateness(world: World, job: Job, photo: Photo, upload: Upload) -> bool:
    """Whether the job went on without the sidecar as it is now; that is told then."""
    drop = drop_of(job.request)
    sidecar = str(S3Uri(upload.bucket, upload.key))
    late_s = (upload.event_time - job.accepted_at).total_seconds()
    if drop is None or (sidecar in drop.beside and late_s <= 0):
        return False
    when = f"{late_s:.0f} s after" if late_s >= 1 else "when"
    said = f"{sidecar} came {when} its photo became a request, which goes on without it"
    log.warning(f"{said}: drop the photo again", action="sidecar_late", request_id=job.request_id)
    place = _place_of_note(drop)
    if place is None:
        return True
    details = [said]
    if photo.version_id is None:
        details.append(
            "this bucket keeps no versions, so the same photo under the same name is known: give the "
            "photo and the file beside it another name"
        )
    note = DropError(
        photo=drop.source,
        code=LATE,
        details=details,
        rule=drop.rule,
        at=upload.event_time,
        request_id=job.request_id,
    )
    try:
        drop_marks.write_error(world, place, note)
    except TransientError:
        raise
    except WorkerError as error:
        drop_marks.tell_trouble(sidecar, error)
    return True


def _place_of_note(drop: DropOrigin) -> S3Uri | None:
    """Beside the error document of the photo, which may say something else; None: the rule wants none."""
    if drop.error is None or not drop.error.endswith(_ENDING):
        return None
    return S3Uri.parse(f"{drop.error.removesuffix(_ENDING)}.sidecar{_ENDING}")
