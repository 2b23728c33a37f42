"""The id rule: wherever the API wants an id, an S3 URI may stand; finds and checks those places.

A place is the value of a key that ends in `Id`, or a member of a list under a key that ends in
`Ids`, at any depth of a request's input.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from worker.contracts.fields import looks_like_s3, parse_object_uri
from worker.contracts.plain_words import path_of
from worker.contracts.s3_uri import S3Uri
from worker.contracts.text import shown
from worker.errors import Problem

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class S3Reference:
    """One S3 object that must become a Hautech id; `path` is its place inside `input`."""

    path: Path
    uri: S3Uri


def references_in(value: dict[str, Any]) -> tuple[S3Reference, ...]:
    """Every S3 URI that stands for an id in a checked input, in the order of the input."""
    return tuple(S3Reference(path, parse_object_uri(text)) for path, text in _texts(value, ()))


def reference_problems(value: dict[str, Any], input_buckets: frozenset[str]) -> list[Problem]:
    """What is wrong with the S3 URIs that stand for ids in an input that is not checked yet."""
    problems = []
    for path, text in _texts(value, ()):
        place = path_of(("input", *path))
        try:
            uri = parse_object_uri(text)
        except ValueError as error:
            problems.append(Problem(place, shown(text), str(error), "s3://bucket/key"))
            continue
        if problem := bucket_problem(place, uri, input_buckets, "WORKER_INPUT_BUCKETS"):
            problems.append(problem)
    return problems


def bucket_problem(field: str, uri: S3Uri, allowed: frozenset[str], setting: str) -> Problem | None:
    """The problem with `uri`'s bucket, or None if it is on the list that `setting` names."""
    if uri.bucket in allowed:
        return None
    names = sorted(allowed)
    listed = ", ".join(names[:10]) + (", …" if len(names) > 10 else "")
    rule = f'bucket "{uri.bucket}" is not in {setting}'
    return Problem(field, shown(str(uri)), rule, listed or "which is empty")


def _texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """The texts in id places that are meant as S3 URIs, with their places."""
    if isinstance(value, dict):
        for key, item in value.items():
            if isinstance(item, str):
                if key.endswith("Id") and looks_like_s3(item):
                    yield (*path, key), item
            elif isinstance(item, list) and key.endswith("Ids"):
                for index, member in enumerate(item):
                    if isinstance(member, str):
                        if looks_like_s3(member):
                            yield (*path, key, index), member
                    else:
                        yield from _texts(member, (*path, key, index))
            else:
                yield from _texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _texts(item, (*path, index))
