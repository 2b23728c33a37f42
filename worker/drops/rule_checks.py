"""What only shows in the whole set: a trial of each rule with a made-up photo, and loops."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any, TypeGuard

from worker.contracts.batch import parse_batch
from worker.contracts.filling import (
    LEFT_FOR_LATER,
    BadTemplateError,
    Name,
    merged,
    names_in,
    pieces_of,
    texts_in,
)
from worker.contracts.text import shown
from worker.drops.loops import KeyForm, Token, Wild, letters
from worker.drops.manifests import plan_batch
from worker.drops.planning import Photo, plan_drop
from worker.drops.rule_set import Match, Rule, RuleSet
from worker.drops.templates import PART, Capture
from worker.errors import InvalidRequestError, Problem

Found = tuple[str, Problem]

_SAMPLE = "sample"
_NUMBER = "n"
_LOOP = "would be dropped itself"


def problems_of_rule(rules: RuleSet, rule: Rule) -> Iterable[Found]:
    """What every request of the rule would be refused for, whatever the photo is called."""
    document = document_of(rules, rule)
    if of_output := list(_problems_of_output(rules, rule, document.get("output"))):
        yield from of_output
    elif not all(_is_template(text) for _, text in texts_in(document)):
        return  # told by itself, and cannot be filled
    elif rule.is_manifest:
        yield from _problems_of_batch(rules, rule)
    else:
        yield from _problems_of_trial(rules, rule, document)


def _problems_of_output(rules: RuleSet, rule: Rule, output: Any) -> Iterable[Found]:
    if output is None:
        if not rule.is_manifest:
            yield "name", Problem("output", "", "is required", 'such as "s3://shop/{sku}/"')
        return
    if not isinstance(output, str):
        return  # told by the trial
    bucket = output.removeprefix("s3://").partition("/")[0]
    if _names(bucket):
        if not rule.is_manifest:
            rule_text = "the bucket must be spelled out"
            yield "output", Problem("output", shown(output), rule_text)
        return
    if output.startswith("s3://") and bucket not in rules.output_buckets:
        listed = ", ".join(sorted(rules.output_buckets)[:10]) or "which is empty"
        rule_text = f'bucket "{bucket}" is not in WORKER_OUTPUT_BUCKETS'
        yield "output", Problem("output", shown(output), rule_text, listed)
    several = any(len(values) > 1 for values in rule.fan_out.values())
    if several and not output.endswith("/") and "n" not in _names(output):
        rule_text = "is one key for the pictures of several requests"
        fix = "end it with / or put {n} in it"
        yield "output", Problem("output", shown(output), rule_text, fix)


def is_told_as_loop(problem: Problem) -> bool:
    """Whether it says that a rule feeds a rule: a trial finds it as well, for its made-up photo."""
    return problem.rule.startswith(_LOOP)


def _problems_of_batch(rules: RuleSet, rule: Rule) -> Iterable[Found]:
    match, (manifest,) = _sample(rules, rule)
    try:
        parse_batch(
            json.dumps(plan_batch(match, manifest)),
            input_buckets=rules.input_buckets,
            output_buckets=rules.output_buckets,
        )
    except InvalidRequestError as error:
        for problem in error.problems:
            # Where its end is told is made of the output, which was looked at.
            if not problem.field.startswith("origin."):
                yield problem.field, problem


def _problems_of_trial(rules: RuleSet, rule: Rule, document: Mapping[str, Any]) -> Iterable[Found]:
    written = {name: list(values) for name, values in rule.fan_out.items()}
    whole = merged(document, {"input": written})
    match, photos = _sample(rules, rule)
    # A name that the path does not give was told: what else is wrong shows as if it gave it.
    unknown = {
        name: _SAMPLE
        for place, text in texts_in(whole)
        if place != LEFT_FOR_LATER
        for name in _names(text)
    }
    unknown.pop(_NUMBER, None)
    match = replace(match, names={**unknown, **match.names})
    for problem in plan_drop(match, photos).problems:
        # Places in the origin are made of the output and the marks, which were looked at.
        if problem.field.startswith("origin.") or depends_on_names(whole, problem.field):
            continue
        name = problem.field.removeprefix("input.")
        is_of_fan_out = name.split("[")[0].split(".")[0] in rule.fan_out
        yield (f"fanOut.{name}" if is_of_fan_out else problem.field), problem


def problems_of_writing(rules: RuleSet, rule: Rule) -> Iterable[Found]:
    """Places that the rule writes to and some rule watches."""
    within_segments = {_NUMBER} | {
        piece.name
        for segment in rule.template.segments
        for piece in segment
        if isinstance(piece, Capture) and not piece.is_path
    }
    document = document_of(rules, rule)
    written: list[tuple[str, Any, bool]] = [
        ("output", document.get("output"), "outputOptions" in document or rule.is_manifest)
    ]
    for field, mark in (("onSuccess", rule.on_success), ("onFailure", rule.on_failure)):
        if mark is not None:
            written.append((field, mark.folder, False))
    if rule.is_manifest and rule.results_to is not None:
        written.append(("resultsTo", rule.results_to, False))
    elif rule.is_manifest:
        # The list of results stands above everything that a column decides.
        written.append(("output", _shared(rule, document.get("output")), False))
    for field, text, is_deep in written:
        if not _is_template(text):
            continue  # told elsewhere
        bucket, _, key = text.removeprefix("s3://").partition("/")
        folder = key[: key.rfind("/") + 1]
        form = KeyForm.below(_tokens(folder, within_segments), deep=is_deep)
        if watcher := rules.watcher(bucket, form):
            whose = (
                "this rule" if watcher is rule else f'rule "{watcher.name}" (line {watcher.line})'
            )
            rule_text = f"{_LOOP}: {whose} watches {watcher.template.text}"
            fix = "another bucket, or a folder that no rule watches"
            yield field, Problem(field, shown(text), rule_text, fix)


def problems_of_marks(rules: RuleSet, rule: Rule) -> Iterable[Found]:
    """Folders for photos where a rule puts pictures under names that a photo may have.

    Nothing would be lost: what comes second goes beside the first. But people could not tell them
    apart. Looked at is what is so for every photo: {sku}/ is not taken for originals/.
    """
    pictures = {_folder_of_pictures(document_of(rules, one)): one for one in reversed(rules.rules)}
    for field, mark in (("onSuccess", rule.on_success), ("onFailure", rule.on_failure)):
        if mark is None or not _is_template(mark.folder):
            continue
        if other := pictures.get(_shape_of_folder(mark.folder)):
            whose = "this rule" if other is rule else f'rule "{other.name}" (line {other.line})'
            rule_text = f"is where {whose} puts pictures, under names that a photo may have"
            yield field, Problem(field, shown(mark.folder), rule_text, "a folder of its own")


def _folder_of_pictures(document: Mapping[str, Any]) -> str | None:
    """The form of it; None where the name of a picture is its request's id, which no photo has."""
    output, options = document.get("output"), document.get("outputOptions")
    key = options.get("key") if isinstance(options, dict) else None
    place = f"{output}{key if isinstance(key, str) else ''}"
    if not isinstance(output, str) or not (key or output[-1:] != "/") or not _is_template(place):
        return None
    return _shape_of_folder(place)


def _shape_of_folder(place: str) -> str:
    """Bucket and folder, with the same sign for every name."""
    pieces = ("{}" if isinstance(piece, Name) else piece for piece in pieces_of(place))
    shape = unicodedata.normalize("NFC", "".join(pieces))
    return shape[: shape.rfind("/") + 1]


def document_of(rules: RuleSet, rule: Rule) -> dict[str, Any]:
    """A rule's request over its preset: a template."""
    return merged(rules.presets.get(rule.preset or "", {}), rule.request)


def _shared(rule: Rule, output: Any) -> str | None:
    """The folder that the outputs of all rows share: what stands before the first column."""
    if not _is_template(output):
        return None
    shared = ""
    for piece in pieces_of(output):
        if isinstance(piece, Name) and piece.name not in rule.template.names:
            break
        shared += piece if isinstance(piece, str) else f"{{{piece.name}}}"
    return shared[: shared.rfind("/") + 1]


def _tokens(template: str, within_segments: set[str]) -> tuple[Token, ...]:
    """A folder with names as the form of its keys; a manifest's columns may be any text."""
    tokens: list[Token] = []
    for piece in pieces_of(template):
        if isinstance(piece, Name):
            tokens.append(Wild.IN_SEGMENT if piece.name in within_segments else Wild.ACROSS)
        else:
            tokens += letters(piece)
    return tuple(tokens)


def _sample(rules: RuleSet, rule: Rule) -> tuple[Match, list[Photo]]:
    """A made-up photo, or group, of a rule."""
    keys = [_sample_key(rule, part.word if part else "") for part in (rule.parts or (None,))]
    photos = [Photo(rule.bucket, key, None, "0" * 32) for key in keys]
    return Match(rules, rule, keys[0], rule.names_of(keys[0]) or {}), photos


def _sample_key(rule: Rule, word: str) -> str:
    segments = [
        "".join(
            piece if isinstance(piece, str) else word if piece.name == PART else _SAMPLE
            for piece in segment
        )
        for segment in rule.template.segments
    ]
    extension = "" if rule.template.ext is None else f".{rule.extensions[0]}"
    return "/".join(segments) + extension


def depends_on_names(document: Mapping[str, Any], field: str) -> bool:
    """Whether what stands in a field comes from the path: then the sample says nothing about it."""
    return any(
        _names(text)
        for place, text in texts_in(document)
        if place == field
        or field.startswith(f"{place}.")
        or place.startswith((f"{field}.", f"{field}["))
    )


def _is_template(text: Any) -> TypeGuard[str]:
    """Whether it is a text whose braces are in order; where they are not, that is told by itself."""
    try:
        return isinstance(text, str) and names_in(text) is not None
    except BadTemplateError:
        return False


def _names(text: str) -> tuple[str, ...]:
    try:
        return names_in(text)
    except BadTemplateError:
        return ()
