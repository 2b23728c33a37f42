"""The plan of a drop: the requests that a photo, or a group of photos, becomes; or why it becomes none.

    plan = plan_drop(match, photos, sidecar)
    plan.requests     documents that `parse_document` accepts, ready to be sent
    plan.problems     what is wrong, for the error document; then there are no requests
    plan.error        where that error document goes

From below to above: the preset, the rule's `request` (with output and metadata), the sidecar, the
values of the fan-out, the photos, the tenant.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from worker.contracts.filling import BadTemplateError, escaped_deep, fill, filled, merged
from worker.contracts.presets import preset_named
from worker.contracts.request import parse_document
from worker.contracts.s3_uri import S3Uri
from worker.contracts.text import shown
from worker.drops.ids import Identified, drop_request_id
from worker.drops.places import error_place, fallback_error_place, loop_problems, mark_place
from worker.drops.rule_set import Match
from worker.drops.sidecars import Sidecar, SidecarError
from worker.errors import InvalidRequestError, Problem

MAX_REQUESTS: Final = 100
"""Of one drop."""


@dataclass(frozen=True, slots=True)
class Photo:
    """A dropped object as S3 has it now. `version_id` is None in a bucket without versions."""

    bucket: str
    key: str
    version_id: str | None
    etag: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DropPlan:
    """What becomes of a drop: requests, or problems."""

    requests: tuple[dict[str, Any], ...] = ()
    problems: tuple[Problem, ...] = ()
    error: str | None = None
    """Where the error document of a drop without requests goes; None: the rule writes none."""
    on_failure: Mapping[str, str] | None = None
    """Where such a drop is put: {"copyTo" or "moveTo": folder}, as in `origin`."""


class _DropError(Exception):
    def __init__(self, *problems: Problem) -> None:
        super().__init__()
        self.problems = problems


def missing_parts(match: Match, photos: Sequence[Identified]) -> tuple[str, ...]:
    """The words of the parts that a group still waits for; () if it is complete."""
    there = {_part_word(match, photo) for photo in photos}
    return tuple(
        part.word for part in match.rule.parts if part.is_required and part.word not in there
    )


def plan_drop(
    match: Match,
    photos: Sequence[Identified],
    sidecar: Sidecar | SidecarError | None = None,
    *,
    again: str = "",
) -> DropPlan:
    """The requests of a drop. Never raises: what is wrong is in `problems`.

    `photos` is the photo itself or, where the rule has parts, all photos of the group that there
    are (`missing_parts` says whether that is enough); `sidecar` what was read beside it, or the
    error of reading it. `again` makes other requests of the same upload, see `ids`.
    """
    try:
        ordered = _in_order(match, photos)
        requests = tuple(_requests(match, ordered, _read(sidecar), again))
        _check(match, requests)
    except _DropError as error:
        problems = error.problems
    except InvalidRequestError as error:
        problems = error.problems
    except BadTemplateError as error:
        problems = (Problem("the rule", match.rule.name, str(error)),)
    else:
        return DropPlan(requests=requests)
    is_written = match.rule.writes_errors
    return DropPlan(
        problems=tuple(dict.fromkeys(problems)),
        error=fallback_error_place(match) if is_written else None,
        on_failure=mark_place(match, match.rule.on_failure),
    )


def _in_order(match: Match, photos: Sequence[Identified]) -> dict[str, Identified]:
    """By field of `input`, the photos; the one that comes first gives the drop its name."""
    if not match.rule.parts:
        return {match.rule.photo: photos[0]}
    found: dict[str, Identified] = {}
    for part in match.rule.parts:
        of_part = sorted(
            (photo for photo in photos if _part_word(match, photo) == part.word),
            key=lambda one: one.key,
        )
        if len(of_part) > 1:
            names = ", ".join(photo.key.rpartition("/")[2] for photo in of_part)
            raise _DropError(
                Problem(part.word, shown(names), "there are several of this part", "keep one")
            )
        if of_part:
            found[part.field] = of_part[0]
        elif part.is_required:
            raise _DropError(Problem(part.word, "", "is missing", "drop it beside the others"))
    return found


def _read(sidecar: Sidecar | SidecarError | None) -> Sidecar | None:
    if isinstance(sidecar, SidecarError):
        raise _DropError(*sidecar.problems)
    return sidecar


def _part_word(match: Match, photo: Identified) -> str | None:
    names = match.rule.names_of(photo.key)
    return names.get("part") if names else None


def _requests(
    match: Match, photos: Mapping[str, Identified], sidecar: Sidecar | None, again: str
) -> Iterator[dict[str, Any]]:
    rule = match.rule
    for photo in photos.values():
        _check_uri(photo)
    template = request_template(match, sidecar)
    document = template.document
    choices = list(itertools.product(*template.fan_out.values()))
    if len(choices) > MAX_REQUESTS:
        problem = f"gives {len(choices):,} requests, at most {MAX_REQUESTS} are allowed"
        raise _DropError(Problem("fanOut", "", problem))
    is_several = len(choices) > 1
    marks = [mark for mark in (rule.on_success, rule.on_failure) if mark]
    if is_several and any(mark.moves for mark in marks):
        raise _DropError(
            Problem("fanOut", f"{len(choices)} requests", "moveTo is for one request", "use copyTo")
        )
    for number, values in enumerate(choices, 1):
        names = {**match.names, "n": str(number)}
        request = filled(document, names)
        request = merged(request, template.over)
        chosen = dict(zip(template.fan_out, values, strict=True))
        given = {field: _uri(photo) for field, photo in photos.items()}
        own: dict[str, Any] = {"input": {**filled(chosen, names), **given}}
        if rule.tenant is not None:
            own["metadata"] = {"tenant": fill(rule.tenant, names)}
        request = _put_over(request, own)
        request["requestId"] = drop_request_id(
            match.stem, photos.values(), number=number if is_several else None, again=again
        )
        request["origin"] = _origin(
            match, photos, sidecar, request, number=number if is_several else None
        )
        yield request


def _check(match: Match, requests: Iterable[Mapping[str, Any]]) -> None:
    found = [problem for request in requests for problem in _problems_of(match, request)]
    if found:
        raise _DropError(*found)


def _problems_of(match: Match, request: Mapping[str, Any]) -> Iterable[Problem]:
    """Why a request would be refused."""
    try:
        parsed = parse_document(
            request,
            input_buckets=match.rules.input_buckets,
            output_buckets=match.rules.output_buckets,
        )
    except InvalidRequestError as error:
        return error.problems
    return loop_problems(match, parsed)


@dataclass(frozen=True, slots=True)
class RequestTemplate:
    """What the preset and the rule say (`document`, a template), what the sidecar says over it
    (`over`, to the letter), and the fan-out (values of the rule are templates).
    """

    document: Mapping[str, Any]
    over: Mapping[str, Any]
    fan_out: Mapping[str, Sequence[Any]]


def request_template(match: Match, sidecar: Sidecar | None) -> RequestTemplate:
    """Everything but the photos. Raises InvalidRequestError for an unknown preset."""
    rule = match.rule
    over = dict(sidecar.fields) if sidecar else {}
    preset = over.pop("preset", rule.preset)
    below = preset_named(preset, match.rules.presets) if preset is not None else {}
    fan_out: dict[str, Any] = dict(rule.fan_out)
    # What the sidecar says for this photo is said once and for all requests of it.
    for name in over.get("input") or {}:
        fan_out.pop(name, None)
    own_fan_out = over.pop("fanOut", None) or {}
    for name, values in own_fan_out.items():
        if values is None:
            fan_out.pop(name, None)
        elif not isinstance(values, list) or not values:
            raise _DropError(
                Problem(f"fanOut.{name}", shown(values), "must be a list with something in it")
            )
        else:
            # To the letter, as everything of a sidecar: its braces are braces.
            fan_out[name] = escaped_deep(values)
    return RequestTemplate(merged(below, rule.request), over, fan_out)


def _put_over(request: Mapping[str, Any], own: Mapping[str, Any]) -> dict[str, Any]:
    """`merged`, for what nobody may take away; an `input` that is no object is left to be refused."""
    result = dict(request)
    for name, fields in own.items():
        under = result.get(name, {})
        if isinstance(under, dict):
            result[name] = {**under, **fields}
    return result


def _check_uri(photo: Identified) -> None:
    """Raises if S3 has the photo under a name that the worker does not take."""
    uri = _uri(photo)
    name = shown(photo.key.rpartition("/")[2])
    fix = "rename it and drop it again"
    try:
        read = S3Uri.parse(uri)
    except ValueError as error:
        raise _DropError(Problem("the photo", name, str(error), fix)) from None
    if (read.key, read.version_id) != (photo.key, photo.version_id):
        raise _DropError(Problem("the photo", name, "the name ends like a version of S3", fix))


def _uri(photo: Identified) -> str:
    return str(S3Uri(photo.bucket, photo.key, photo.version_id))


def _origin(
    match: Match,
    photos: Mapping[str, Identified],
    sidecar: Sidecar | None,
    request: Mapping[str, Any],
    *,
    number: int | None,
) -> dict[str, Any]:
    rule = match.rule
    first, *others = [_uri(photo) for photo in photos.values()]
    beside = [*others, *([str(S3Uri(match.bucket, sidecar.key))] if sidecar else [])]
    drop: dict[str, Any] = {"source": first, "rule": rule.name}
    if beside:
        drop["beside"] = beside
    if rule.writes_errors:
        drop["error"] = error_place(match, request.get("output"), number)
    # Without versions, another photo may stand there when this one is to be fetched, or moved.
    drop["etags"] = {_uri(one): one.etag for one in photos.values() if not one.version_id}
    for name, mark in (("onSuccess", rule.on_success), ("onFailure", rule.on_failure)):
        if mark is not None:
            drop[name] = {mark.field: fill(mark.folder, match.names)}
    return {"drop": {name: value for name, value in drop.items() if value}}
