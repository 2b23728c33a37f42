"""One rule as it is written becomes a rule as it is used; what does not fit together is told."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

from worker.contracts.filling import LEFT_FOR_LATER, BadTemplateError, merged, names_in, texts_in
from worker.contracts.plain_words import did_you_mean
from worker.contracts.presets import Presets
from worker.contracts.references import bucket_problem
from worker.contracts.s3_uri import S3Uri
from worker.contracts.text import shown
from worker.drops.planning import MAX_REQUESTS
from worker.drops.rule_set import MarkTemplate, Part, Rule
from worker.drops.rule_shapes import (
    IMAGE_EXTENSIONS,
    MANIFEST_EXTENSIONS,
    SETTLE_TOGETHER_S,
    RuleShape,
)
from worker.drops.templates import PathTemplate, PathTemplateError
from worker.errors import Problem

Found = tuple[str, Problem]
"""A problem and the place in the rule that it is about."""

_NUMBER = "n"
_NOT_IN_RULES = ("requestId", "origin", "preset")


class RuleCompiler:
    """Compiles the rules of one file."""

    def __init__(
        self,
        presets: Presets,
        input_buckets: frozenset[str],
        output_buckets: frozenset[str],
        drop_bucket: str | None,
    ) -> None:
        self._presets = presets
        self._drop_bucket = drop_bucket
        self._input_buckets = input_buckets
        self._output_buckets = output_buckets

    def compile(self, shape: RuleShape, line: int) -> tuple[Rule | None, list[Found]]:
        """The rule, and what is wrong with it; without what is, for what else may be. None where
        its path is no path.
        """
        problems: list[Found] = []
        bucket = self._bucket(shape, problems)
        template = _template(shape, problems)
        self._check_preset(shape, problems)
        problems += _together(shape)
        if template is not None:
            problems += _problems_of_parts(shape, template)
            problems += self._problems_of_names(shape, template)
            problems += _problems_of_folders(shape, template)
        marks = {
            field: self._mark(field, given, bucket, problems)
            for field, given in (("onSuccess", shape.on_success), ("onFailure", shape.on_failure))
        }
        problems += _problems_of_several(shape, marks.values())
        if template is None:
            return None, problems
        broken = {re.split(r"[.\[]", at, maxsplit=1)[0] for at, _ in problems}
        if bucket is None:
            bucket = min(self._input_buckets, default="bucket")
        together = shape.sidecar or bool(shape.parts)
        extensions = MANIFEST_EXTENSIONS if shape.manifest else IMAGE_EXTENSIONS
        rule = Rule(
            name=shape.name,
            line=line,
            bucket=bucket,
            template=template,
            extensions=tuple(shape.extensions or _extensions(template, extensions)),
            preset=None if "preset" in broken else shape.preset,
            request=_request(shape),
            photo=shape.photo or "imageId",
            parts=_parts(shape),
            parts_within_s=_or(shape.parts_within_seconds, 900),
            fan_out={}
            if "fanOut" in broken
            else {name: tuple(values) for name, values in shape.fan_out.items()},
            tenant=None if "tenant" in broken else shape.tenant,
            has_sidecar=shape.sidecar,
            settle_s=_or(shape.settle_seconds, SETTLE_TOGETHER_S if together else 0),
            on_success=None if "onSuccess" in broken else marks["onSuccess"],
            on_failure=None if "onFailure" in broken else marks["onFailure"],
            writes_errors=shape.errors,
            is_manifest=shape.manifest,
            results_to=None if "resultsTo" in broken else shape.results_to,
            credit_cap=shape.credit_cap,
        )
        return rule, problems

    def _bucket(self, shape: RuleShape, problems: list[Found]) -> str | None:
        if shape.bucket is None:
            if self._drop_bucket is not None:
                return self._drop_bucket
            names = ", ".join(sorted(self._input_buckets)[:10])
            problem = Problem("bucket", "", "is required: there are several input buckets", names)
            problems.append(("bucket", problem))
            return None
        uri = S3Uri(shape.bucket, "")
        if bucket_problem("bucket", uri, self._input_buckets, "WORKER_INPUT_BUCKETS"):
            rule = "is not in WORKER_INPUT_BUCKETS"
            fix = ", ".join(sorted(self._input_buckets)[:10]) or "which is empty"
            problems.append(("bucket", Problem("bucket", shown(shape.bucket), rule, fix)))
            return None
        return shape.bucket

    def _check_preset(self, shape: RuleShape, problems: list[Found]) -> None:
        if shape.preset is not None and shape.preset not in self._presets:
            rule = f"is not a preset: known are {', '.join(self._presets) or 'none'}"
            fix = did_you_mean(shape.preset, self._presets)
            problems.append(("preset", Problem("preset", shown(shape.preset), rule, fix)))
        if shape.preset is None and not shape.request:
            problem = Problem("preset", "", "is required, or request", "what is to be made of it")
            problems.append(("name", problem))

    def _problems_of_names(self, shape: RuleShape, template: PathTemplate) -> list[Found]:
        """Names in braces that the path does not give, and braces that are no names."""
        known = {*template.names, _NUMBER}
        preset = self._presets.get(shape.preset or "", {})
        given: list[tuple[str, Any, bool]] = [
            ("request", dict(shape.request), shape.manifest),
            (f"preset {shape.preset}", dict(preset), shape.manifest),
            ("fanOut", shape.fan_out, False),
            ("output", shape.output, shape.manifest),
            ("metadata", shape.metadata, shape.manifest),
            ("tenant", shape.tenant, False),
            ("resultsTo", shape.results_to, False),
            ("onSuccess", shape.on_success, False),
            ("onFailure", shape.on_failure, False),
        ]
        problems: list[Found] = []
        for field, value, has_columns in given:
            for place, text in texts_in(value):
                at = f"{field}.{place}" if place else field
                try:
                    unknown = [name for name in names_in(text) if name not in known]
                except BadTemplateError as error:
                    problems.append((at, Problem(at, shown(text), str(error))))
                    continue
                if has_columns or place == LEFT_FOR_LATER:
                    continue  # what the path does not give, a column may, or the picture
                for name in unknown:
                    rule = f"{{{name}}} is no name of {template.text}"
                    fix = did_you_mean(name, known) or f"known: {', '.join(sorted(known))}"
                    problems.append((at, Problem(at, shown(text), rule, fix)))
        return problems

    def _mark(
        self, field: str, given: Mapping[str, str], bucket: str | None, problems: list[Found]
    ) -> MarkTemplate | None:
        if not given:
            return None
        if len(given) != 1 or not set(given) <= {"copyTo", "moveTo"}:
            problem = Problem(field, ", ".join(given), "must have either copyTo or moveTo")
            problems.append((field, problem))
            return None
        ((kind, folder),) = given.items()
        at = f"{field}.{kind}"
        if not folder.startswith("s3://"):
            folder = f"s3://{bucket}/{folder}"
        head = folder.removeprefix("s3://").partition("/")[0]
        allowed = self._input_buckets | self._output_buckets
        if not folder.endswith("/") or folder.count("/") < 4:
            rule = "must be a folder of the bucket, or s3://bucket/folder/, with / at its end"
            problems.append((at, Problem(at, shown(given[kind]), rule, 'such as "processed/"')))
        elif head not in allowed and bucket is not None:
            rule = f'bucket "{head}" is not in WORKER_INPUT_BUCKETS or WORKER_OUTPUT_BUCKETS'
            fix = ", ".join(sorted(allowed)[:10])
            problems.append((at, Problem(at, shown(given[kind]), rule, fix)))
        return MarkTemplate(kind, folder)


def _or(given: int | None, default: int) -> int:
    return default if given is None else given


def _template(shape: RuleShape, problems: list[Found]) -> PathTemplate | None:
    try:
        return PathTemplate.parse(shape.match)
    except PathTemplateError as error:
        fix = 'such as "inbox/{season}/{sku}.{ext}"'
        problems.append(("match", Problem("match", shown(shape.match), str(error), fix)))
        return None


def _extensions(template: PathTemplate, usual: tuple[str, ...]) -> tuple[str, ...]:
    """A template that ends in an extension of its own means this one."""
    return (template.ext,) if template.ext else usual


def _parts(shape: RuleShape) -> tuple[Part, ...]:
    return tuple(
        Part(word.removesuffix("?"), field, not word.endswith("?"))
        for word, field in (shape.parts or {}).items()
    )


def _request(shape: RuleShape) -> dict[str, Any]:
    request = {name: value for name, value in shape.request.items() if name not in _NOT_IN_RULES}
    if shape.output is not None:
        request["output"] = shape.output
    if shape.metadata:
        under = request.get("metadata")
        request["metadata"] = merged(under if isinstance(under, Mapping) else {}, shape.metadata)
    return request


def _together(shape: RuleShape) -> Iterable[Found]:
    """Fields that exclude or need each other."""

    def no(field: str, rule: str, fix: str = "") -> Found:
        return field, Problem(field, "", rule, fix)

    if shape.photo and shape.parts:
        yield no("photo", "cannot stand beside parts", "name its field in parts")
    if shape.parts_within_seconds is not None and not shape.parts:
        yield no("partsWithinSeconds", "is for a rule with parts")
    for field in _NOT_IN_RULES:
        if field in shape.request:
            yield no(f"request.{field}", "cannot stand in a rule's request")
    if not isinstance(shape.request.get("metadata") or {}, Mapping):
        yield no("request.metadata", "must have fields of its own")
    for field, text in (("creditCap", shape.credit_cap), ("resultsTo", shape.results_to)):
        if text is not None and not shape.manifest:
            yield no(field, "is for a rule with manifest: true")
    if shape.manifest:
        given = {
            "photo": shape.photo,
            "parts": shape.parts,
            "fanOut": shape.fan_out,
            "sidecar": shape.sidecar,
            "onSuccess": shape.on_success,
            "onFailure": shape.on_failure,
        }
        for field, value in given.items():
            if value:
                yield no(field, "is not for manifests: a batch has its own results")


def _problems_of_parts(shape: RuleShape, template: PathTemplate) -> Iterable[Found]:
    if shape.parts and not template.has_part:
        rule = "has no {part}, and the rule has parts"
        fix = 'such as "inbox/{sku}_{part}.{ext}"'
        yield "match", Problem("match", shown(shape.match), rule, fix)
    if template.has_part and not shape.parts:
        rule = "has {part}, and the rule has no parts"
        yield "match", Problem("match", shown(shape.match), rule, "parts: {front: imageId}")
    parts = _parts(shape)
    if parts and not any(part.is_required for part in parts):
        yield "parts", Problem("parts", "", "must have one that is needed, without a ?")
    fields = [part.field for part in parts] or [shape.photo or "imageId"]
    for name in {name for name in fields if fields.count(name) > 1}:
        yield "parts", Problem("parts", shown(name), "is the field of two parts")
    for name in shape.fan_out:
        at = f"fanOut.{name}"
        if name in fields:
            yield at, Problem(at, "", "is the field that gets the photo")
        if not shape.fan_out[name]:
            yield at, Problem(at, "", "must have something in it")


def _problems_of_folders(shape: RuleShape, template: PathTemplate) -> Iterable[Found]:
    """Photos of two folders must not be put over each other in a third."""
    for field, given in (("onSuccess", shape.on_success), ("onFailure", shape.on_failure)):
        for kind, folder in given.items():
            try:
                used = names_in(folder)
            except BadTemplateError:
                continue  # told elsewhere
            if missing := [name for name in template.folder_names if name not in used]:
                at = f"{field}.{kind}"
                rule = "photos of the same name in two folders would come to lie over each other"
                fix = "add " + ", ".join(f"{{{name}}}" for name in missing)
                yield at, Problem(at, shown(folder), rule, fix)


def _problems_of_several(shape: RuleShape, marks: Iterable[MarkTemplate | None]) -> Iterable[Found]:
    number = math.prod(len(values) for values in shape.fan_out.values())
    if number > MAX_REQUESTS:
        rule = f"gives {number:,} requests of each photo, at most {MAX_REQUESTS} are allowed"
        yield "fanOut", Problem("fanOut", "", rule)
    if number > 1 and any(mark is not None and mark.moves for mark in marks):
        rule = "gives several requests, and moveTo would take the photo from under the others"
        yield "fanOut", Problem("fanOut", f"{number} requests", rule, "use copyTo")
