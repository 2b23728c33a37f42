"""Places in S3 that a drop leads to besides its pictures: error documents, marks; and whether what
is written there would be dropped itself.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from worker.contracts.filling import BadTemplateError, fill, merged
from worker.contracts.output_place import parse_output
from worker.contracts.request import Request
from worker.contracts.s3_uri import S3Uri
from worker.contracts.text import shown
from worker.drops.ids import readable
from worker.drops.loops import KeyForm, letters
from worker.drops.rule_set import MarkTemplate, Match
from worker.errors import Problem


def error_place(match: Match, output: Any, number: int | None = None) -> str | None:
    """Beside where the pictures would have been; None where that is no place at all."""
    try:
        uri = parse_output(output) if isinstance(output, str) else None
    except ValueError:
        return None
    if uri is None:
        return None
    folder = uri.key[: uri.key.rfind("/") + 1]
    suffix = "" if number is None or number == 1 else f"-{number}"
    for stem in (match.stem, readable(match.stem)):
        place = f"s3://{uri.bucket}/{folder}{stem}{suffix}.error.json"
        try:
            parse_output(place)
        except ValueError:
            continue
        return place
    return None


def fallback_error_place(match: Match) -> str | None:
    """Where an error document goes if there is no request: as the rule says, with clean names."""
    names = {name: readable(value) for name, value in match.names.items()} | {"n": "1"}
    preset = match.rules.presets.get(match.rule.preset or "", {})
    output = merged(preset, match.rule.request).get("output")
    if not isinstance(output, str):
        return None
    for given in ({**match.names, "n": "1"}, names):
        try:
            place = error_place(match, fill(output, given))
        except BadTemplateError:
            return None
        if place is not None:
            return place
    return None


def mark_place(match: Match, mark: MarkTemplate | None) -> dict[str, str] | None:
    """Where a photo without a request is put, as in `origin`; None where that is no place."""
    if mark is None:
        return None
    folder = fill(mark.folder, match.names)
    try:
        parse_output(folder)
    except ValueError:
        return None
    return {mark.field: folder}


def loop_problems(match: Match, parsed: Request) -> Iterable[Problem]:
    """Places of a finished request that some rule watches.

    Rules are checked when they are loaded; what a sidecar or a name in the path leads to is checked
    here, the same way.
    """
    output = parsed.output_uri
    folder = output.key[: output.key.rfind("/") + 1]
    # The keys of pictures may have folders of their own below it.
    is_deep = "output_options" in parsed.model_fields_set
    places = [
        ("output", output.bucket, KeyForm.below(letters(folder), deep=is_deep), parsed.output)
    ]
    drop = parsed.origin.drop if parsed.origin else None
    for name, mark in (
        (("onSuccess", drop.on_success), ("onFailure", drop.on_failure)) if drop else ()
    ):
        if mark is not None:
            text = mark.copy_to or mark.move_to or ""
            uri = S3Uri.parse(text)
            places.append((name, uri.bucket, KeyForm.below(letters(uri.key), deep=False), text))
    for what, bucket, form, text in places:
        if watcher := match.rules.watcher(bucket, form):
            rule = f'would be dropped itself: rule "{watcher.name}" watches {watcher.template.text}'
            yield Problem(
                what, shown(text), rule, "another bucket, or a folder that no rule watches"
            )
