"""`origin.drop`: the photo that a request was made of.

It travels in the request, so the record of the job has it, and whoever announces the job's end
knows which photo to move and where to say what went wrong.
"""

from collections.abc import Mapping
from typing import Annotated, Any, Self

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from worker.contracts.fields import (
    REQUEST_CONFIG,
    S3_OBJECT_PATTERN,
    broken_rule,
    parse_object_uri,
)
from worker.contracts.output_place import parse_output
from worker.contracts.references import bucket_problem
from worker.contracts.s3_uri import S3Uri
from worker.errors import Problem


def _object_uri(text: str) -> str:
    try:
        parse_object_uri(text)
    except ValueError as error:
        raise broken_rule(str(error), "s3://bucket/key") from None
    return text


def _folder_uri(text: str) -> str:
    try:
        uri = parse_output(text)
    except ValueError as error:
        raise broken_rule(str(error), "s3://bucket/folder/") from None
    if not uri.key.endswith("/"):
        raise broken_rule("must be a folder: end it with /", "s3://bucket/folder/")
    return text


ObjectUri = Annotated[
    str, AfterValidator(_object_uri), Field(json_schema_extra={"pattern": S3_OBJECT_PATTERN})
]
FolderUri = Annotated[
    str,
    AfterValidator(_folder_uri),
    Field(json_schema_extra={"pattern": "^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/.+/$"}),
]


class Marking(BaseModel):
    """Where the photo goes once its job has ended: one of both."""

    model_config = REQUEST_CONFIG

    copy_to: Annotated[
        FolderUri | None,
        Field(
            description="Folder that gets a copy, under the photo's own name.",
            examples=["s3://catalog/processed/spring/"],
        ),
    ] = None
    move_to: Annotated[
        FolderUri | None,
        Field(
            description="Folder that the photo is moved to, under its own name.",
            examples=["s3://catalog/failed/spring/"],
        ),
    ] = None

    @model_validator(mode="after")
    def _is_one_of_both(self) -> Self:
        if (self.copy_to is None) == (self.move_to is None):
            raise broken_rule("must have either copyTo or moveTo")
        return self


class DropOrigin(BaseModel):
    """The photo of a drop folder that a request was made of."""

    model_config = REQUEST_CONFIG

    source: Annotated[
        ObjectUri,
        Field(description="The photo.", examples=["s3://catalog/inbox/spring/sku-1042.jpg"]),
    ]
    rule: Annotated[
        str, Field(min_length=1, description="Name of the rule.", examples=["garments"])
    ]
    beside: Annotated[
        tuple[ObjectUri, ...],
        Field(
            strict=False,
            description="What belongs to the photo: other photos of its group, its sidecar.",
            examples=[["s3://catalog/inbox/spring/sku-1042.yaml"]],
        ),
    ] = ()
    error: Annotated[
        ObjectUri | None,
        Field(
            description="Where the reason is put, in plain words, if the job fails.",
            examples=["s3://shop/spring/sku-1042/sku-1042.error.json"],
        ),
    ] = None
    etags: Annotated[
        Mapping[str, str],
        Field(
            description="The ETags of photos from a bucket without versions, to know them again.",
            examples=[
                {"s3://catalog/inbox/spring/sku-1042.jpg": "9b2cf535f27731c974343645a3985328"}
            ],
        ),
    ] = {}
    on_success: Annotated[Marking | None, Field(description="Where the photo goes then.")] = None
    on_failure: Annotated[Marking | None, Field(description="Where the photo goes then.")] = None


def drop_of(request: Mapping[str, Any]) -> DropOrigin | None:
    """The photo that a request document was made of, if it says so."""
    origin = request.get("origin")
    drop = origin.get("drop") if isinstance(origin, Mapping) else None
    try:
        return DropOrigin.model_validate(drop) if isinstance(drop, Mapping) else None
    except ValidationError:
        return None


def drop_problems(
    origin: Any, input_buckets: frozenset[str], output_buckets: frozenset[str]
) -> list[Problem]:
    """Buckets of an `origin.drop` that are on no list; what is malformed is left to the model.

    Anybody who may send requests can write an origin, and the worker copies, moves and writes
    where it says.
    """
    drop = origin.get("drop") if isinstance(origin, dict) else None
    if not isinstance(drop, dict):
        return []
    places: list[tuple[str, Any, bool]] = [("source", drop.get("source"), False)]
    beside = drop.get("beside")
    if isinstance(beside, list):
        places += [(f"beside[{index}]", item, False) for index, item in enumerate(beside)]
    places.append(("error", drop.get("error"), True))
    for field in ("onSuccess", "onFailure"):
        marking = drop.get(field)
        if isinstance(marking, dict):
            places += [(f"{field}.{name}", value, True) for name, value in marking.items()]
    problems = []
    for field, value, is_written in places:
        try:
            uri = S3Uri.parse(value) if isinstance(value, str) else None
        except ValueError:
            continue
        if uri is None:
            continue
        allowed = input_buckets | output_buckets if is_written else input_buckets
        setting = (
            "WORKER_INPUT_BUCKETS or WORKER_OUTPUT_BUCKETS"
            if is_written
            else "WORKER_INPUT_BUCKETS"
        )
        if problem := bucket_problem(f"origin.drop.{field}", uri, allowed, setting):
            problems.append(problem)
    return problems
