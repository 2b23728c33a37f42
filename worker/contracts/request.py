"""The request message (v1): parsed, checked completely, and digested.

`parse_request` is the only way in. It takes the body of an SQS message, unwraps it, and either
answers with a Request that keeps every rule or raises with all that is wrong at once.
"""

import hashlib
import re
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from worker.contracts.drop_origin import DropOrigin, drop_problems
from worker.contracts.envelopes import unwrap
from worker.contracts.fields import READ_AT_ONCE, REQUEST_CONFIG, UtcTime, broken_rule, rfc3339
from worker.contracts.ids import REQUEST_ID_PATTERN, check_request_id
from worker.contracts.inputs import (
    FullNaomiInput,
    NaomiInput,
    PrepareImageInput,
    PreparePoseInput,
)
from worker.contracts.json_text import canonical_json
from worker.contracts.metadata import (
    MAX_METADATA_KEY_CHARACTERS,
    MAX_METADATA_KEYS,
    metadata_problems,
)
from worker.contracts.origin import Origin
from worker.contracts.output_options import OutputOptions, option_problems
from worker.contracts.output_place import check_output, output_problems
from worker.contracts.plain_words import MAX_PROBLEMS, did_you_mean, problems_of
from worker.contracts.presets import PRESET
from worker.contracts.references import S3Reference, reference_problems, references_in
from worker.contracts.s3_uri import S3Uri
from worker.contracts.text import shown
from worker.contracts.variants import MAX_VARIANTS, is_list_of_seeds, variant_problems
from worker.contracts.workflows import ANY_CASE_UUID, WORKFLOWS, is_workflow_uuid
from worker.errors import InvalidRequestError, Problem

__all__ = [
    "FullNaomiInput",
    "NaomiInput",
    "PrepareImageInput",
    "PreparePoseInput",
    "Request",
    "S3Reference",
    "canonical_json",
    "content_digest",
    "parse_document",
    "parse_request",
    "s3_references",
]


def check_workflow(text: str) -> str:
    """The workflow's name, or its UUID in lower case; raises pydantic's error in our words."""
    if text in WORKFLOWS:
        return text
    if is_workflow_uuid(text.lower()):
        return text.lower()
    raise broken_rule(
        f"is not a workflow: known are {', '.join(WORKFLOWS)}, or any workflow UUID",
        did_you_mean(text, WORKFLOWS),
    )


class Request(BaseModel):
    """One generation request (v1).

    The named workflows have the inputs of the official API; any other workflow is named by its
    UUID and gets `input` as it is. Wherever the API wants an id (a key ending in `Id`, or the
    members of a list under a key ending in `Ids`) an `s3://bucket/key` URI may stand.
    """

    model_config = {**REQUEST_CONFIG, **READ_AT_ONCE}

    request_id: Annotated[
        str,
        AfterValidator(check_request_id),
        Field(
            description="Idempotency key: the same id with the same content is the same job; "
            "with other content it is a conflict.",
            examples=["sku-1042-front"],
            json_schema_extra={"pattern": f"^{REQUEST_ID_PATTERN}$"},
        ),
    ]
    workflow: Annotated[
        str,
        AfterValidator(check_workflow),
        Field(
            description="Name of a workflow, or the UUID of any workflow of the account.",
            examples=["full-naomi"],
            json_schema_extra={"anyOf": [{"enum": list(WORKFLOWS)}, {"pattern": ANY_CASE_UUID}]},
        ),
    ]
    input: Annotated[
        dict[str, Any],
        Field(description="What the workflow needs; see the definitions per workflow."),
    ]
    output: Annotated[
        str,
        AfterValidator(check_output),
        Field(
            description="Where the pictures go. Ending in / it is a prefix: <prefix><requestId>.png, "
            "or -1.png, -2.png … where there are several. Otherwise it is the exact key of a "
            "single picture. <requestId>.json with the result stands beside them.",
            examples=["s3://catalog/generated/sku-1042/"],
            json_schema_extra={
                "pattern": "^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/([^/].*)?$",
            },
        ),
    ]
    metadata: Annotated[
        dict[str, Any],
        Field(
            description="Yours: any JSON object up to 16 KiB, repeated in the result event. Text "
            "values also become message attributes (the first seven).",
            examples=[{"sku": "1042"}],
            json_schema_extra={
                "maxProperties": MAX_METADATA_KEYS,
                "propertyNames": {"minLength": 1, "maxLength": MAX_METADATA_KEY_CHARACTERS},
            },
        ),
    ] = Field(default_factory=dict)
    expires_at: Annotated[
        UtcTime | None,
        Field(
            description="Not yet submitted by then, the request is not paid for and fails with "
            "request.expired. RFC 3339 with time zone.",
            examples=["2030-01-31T12:00:00Z"],
        ),
    ] = None
    origin: Annotated[
        Origin | None,
        Field(
            description="Written by the worker into the requests that it makes of batches and "
            "dropped photos; leave it out."
        ),
    ] = None

    output_options: Annotated[
        OutputOptions | None,
        Field(description="How the pictures are called and stored, and smaller copies of them."),
    ] = None

    variants: Annotated[
        int | None,
        Field(
            ge=1,
            le=MAX_VARIANTS,
            description="So many pictures, each with a seed of its own: input.seed and those after it, "
            "or seeds that follow from the requestId. Instead, input.seed may be a list.",
            examples=[4],
        ),
    ] = None

    @property
    def drop(self) -> DropOrigin | None:
        """The photo that it was made of, if it was dropped."""
        return self.origin.drop if self.origin else None

    @property
    def output_uri(self) -> S3Uri:
        """`output` as a value: a prefix if its key is "" or ends in "/", else an exact key."""
        return S3Uri.parse(self.output)


def parse_request(
    body: str | bytes, *, input_buckets: frozenset[str], output_buckets: frozenset[str]
) -> Request:
    """The request in the body of an SQS message, raw or in SNS or EventBridge envelopes.

    Null fields count as absent; `input` of a named workflow comes back without them. The input of
    a workflow UUID comes back exactly as it was sent.

    Raises:
        MalformedRequestError: there is no JSON object in the body.
        InvalidRequestError: the request breaks rules; it lists every problem (at most 50).
    """
    return parse_document(unwrap(body), input_buckets=input_buckets, output_buckets=output_buckets)


def parse_document(
    sent: Mapping[str, Any], *, input_buckets: frozenset[str], output_buckets: frozenset[str]
) -> Request:
    """The request in a message that was unwrapped, and whose preset, if any, stands below it.

    Raises InvalidRequestError like `parse_request`.
    """
    document = _without_null_fields(sent, Request)
    preset = document.pop(PRESET, None)
    workflow, sent_input = document.get("workflow"), document.get("input")
    spec = WORKFLOWS.get(workflow) if isinstance(workflow, str) else None
    problems: list[Problem] = []
    if preset is not None:
        rule = "can only be used by a worker that has a rules file with presets"
        problems.append(Problem(PRESET, shown(preset), rule, "set WORKER_DROP_RULES"))
    if isinstance(sent_input, dict):
        checked_input = sent_input
        if spec:
            document["input"] = sent_input = _without_null_fields(sent_input, spec.input_model)
            given = sent_input
            if is_list_of_seeds(document):  # which only a request has, not the workflow
                given = {name: value for name, value in given.items() if name != "seed"}
            problems += _validated(given, spec.input_model, "input")
            checked_input = _known_and_sound(sent_input, spec.input_model, problems)
        problems += reference_problems(checked_input, input_buckets)
    problems += output_problems(document.get("output"), document.get("requestId"), output_buckets)
    problems += metadata_problems(document.get("metadata"))
    problems += drop_problems(document.get("origin"), input_buckets, output_buckets)
    problems += variant_problems(document)
    if found := option_problems(document):
        problems += found
        del document["outputOptions"]
    try:
        request = Request.model_validate(document, by_alias=True, by_name=False)
    except ValidationError as error:
        problems += problems_of(error, Request)
    else:
        if not problems:
            return request
    raise InvalidRequestError(_in_order(problems))


def content_digest(request: Request) -> str:
    """SHA-256 (64 hex digits) of what a request asks for, the same in every release.

    Two messages have the same digest if they mean the same: order of keys, whitespace, envelope,
    nulls, an empty `metadata` and the time zone of `expiresAt` make no difference.
    """
    content = {
        "requestId": request.request_id,
        "workflow": request.workflow,
        "input": request.input,
        "output": request.output,
        "metadata": request.metadata or None,
        "expiresAt": request.expires_at and rfc3339(request.expires_at),
        "origin": request.origin and request.origin.model_dump(exclude_defaults=True),
        "outputOptions": _options_content(request),
        "variants": request.variants,
    }
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def _options_content(request: Request) -> dict[str, Any] | None:
    """What is asked for beyond the usual; None if nothing is."""
    options = request.output_options
    return (options.model_dump(exclude_defaults=True) or None) if options else None


def s3_references(request: Request) -> tuple[S3Reference, ...]:
    """Every S3 object that stands for an id in `request.input`, with its place inside it."""
    return references_in(request.input)


def _without_null_fields(document: Mapping[str, Any], model: type[BaseModel]) -> dict[str, Any]:
    known = _ALIASES[model]
    return {
        name: value for name, value in document.items() if value is not None or name not in known
    }


def _validated(value: dict[str, Any], model: type[BaseModel], under: str) -> list[Problem]:
    try:
        model.model_validate(value, by_alias=True, by_name=False)
    except ValidationError as error:
        return problems_of(error, model, under=(under,))
    return []


def _known_and_sound(
    value: dict[str, Any], model: type[BaseModel], problems: list[Problem]
) -> dict[str, Any]:
    """The part of an input whose buckets are worth checking: nothing that has a problem yet."""
    if not problems:
        return value
    wrong = {problem.field for problem in problems}
    return {
        name: item
        for name, item in value.items()
        if name in _ALIASES[model] and f"input.{name}" not in wrong
    }


def _in_order(problems: list[Problem]) -> list[Problem]:
    """The problems in the order of the fields, unknown fields last, at most MAX_PROBLEMS."""
    order = {name: index for index, name in enumerate(_ALIASES[Request])}
    ordered = sorted(
        problems, key=lambda found: order.get(re.split(r"[.\[]", found.field)[0], len(order))
    )
    if len(ordered) <= MAX_PROBLEMS:
        return ordered
    more = Problem("…", "", "more problems were found; they are told once these are solved")
    return [*ordered[: MAX_PROBLEMS - 1], more]


_MODELS: tuple[type[BaseModel], ...] = (Request, *(spec.input_model for spec in WORKFLOWS.values()))
_ALIASES: Mapping[type[BaseModel], tuple[str, ...]] = {
    model: tuple(field.alias or name for name, field in model.model_fields.items())
    for model in _MODELS
}
"""The wire names of each model's fields, in order."""
