"""The batch message: many requests in one, from a manifest in S3 or from lists of inputs.

It comes by the requests queue, raw or in the envelopes that a request may come in; `batchId` tells it
from a request. `parse_batch` is the only way in: all that is wrong is told at once.
"""

import hashlib
import math
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, Field, ValidationError

from worker.contracts.drop_origin import DropOrigin, drop_problems
from worker.contracts.envelopes import unwrap
from worker.contracts.fields import (
    REQUEST_CONFIG,
    S3_OBJECT_PATTERN,
    UtcTime,
    broken_rule,
    parse_object_uri,
    rfc3339,
)
from worker.contracts.filling import BadTemplateError, names_in, texts_in
from worker.contracts.ids import BATCH_ID_PATTERN, MAX_BATCH_ROWS, check_batch_id
from worker.contracts.json_text import canonical_json
from worker.contracts.output_place import check_output, parse_output
from worker.contracts.plain_words import problems_of
from worker.contracts.presets import PRESET
from worker.contracts.references import bucket_problem
from worker.contracts.s3_uri import S3Uri
from worker.contracts.text import shown, shown_key
from worker.errors import InvalidRequestError, Problem

_CREDITS = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9})?")


def _check_manifest(text: str) -> str:
    try:
        parse_object_uri(text)
    except ValueError as error:
        raise broken_rule(str(error), "s3://bucket/key.csv, .jsonl or .json") from None
    return text


def _check_credits(text: str) -> str:
    if not _CREDITS.fullmatch(text) or not Decimal(text):
        raise broken_rule("must be a decimal number as text, more than 0", 'such as "12.5"')
    return text


def _check_matrix(matrix: dict[str, list[Any]]) -> dict[str, list[Any]]:
    if not matrix:
        raise broken_rule("must have at least one list")
    for name, values in matrix.items():
        if not name or not values:
            raise broken_rule(
                f'"{shown_key(name)}": every list needs a name and at least one value',
                "leave the list out, or say its one value in request",
            )
    rows = math.prod(len(values) for values in matrix.values())
    if rows > MAX_BATCH_ROWS:
        raise broken_rule(
            f"makes {rows:,} rows, at most {MAX_BATCH_ROWS:,} are allowed",
            "send it in several batches",
        )
    return matrix


class BatchOrigin(BaseModel):
    """Written by the worker into the batches that it makes; producers leave it out."""

    model_config = REQUEST_CONFIG

    drop: Annotated[DropOrigin, Field(description="It was made of a dropped list.")]


class BatchMessage(BaseModel):
    """Many requests in one message (v1): a manifest in S3, or a matrix, and what its rows share.

    Each row becomes a request of its own, under the requestId `<batchId>.<row>`.
    """

    model_config = REQUEST_CONFIG

    batch_id: Annotated[
        str,
        AfterValidator(check_batch_id),
        Field(
            description="Idempotency key: the same id with the same content is the same batch.",
            examples=["spring-24"],
            json_schema_extra={"pattern": f"^{BATCH_ID_PATTERN}$"},
        ),
    ]
    manifest: Annotated[
        str | None,
        AfterValidator(lambda text: text and _check_manifest(text)),
        Field(
            description="A table of requests in S3: CSV, JSON lines or a JSON array, up to 100,000 "
            "rows. Either this or matrix.",
            examples=["s3://catalog/batches/spring-24.csv"],
            json_schema_extra={"pattern": S3_OBJECT_PATTERN},
        ),
    ] = None
    matrix: Annotated[
        dict[str, list[Any]] | None,
        AfterValidator(lambda matrix: matrix if matrix is None else _check_matrix(matrix)),
        Field(
            description="Lists of values for inputs; every member goes with every member of the "
            "others. Either this or manifest.",
            examples=[{"imageId": ["s3://catalog/raw/sku-1042.png"], "seed": [1, 2, 3]}],
            json_schema_extra={"minProperties": 1},
        ),
    ] = None
    request: Annotated[
        dict[str, Any],
        Field(
            description="What all rows share: a request without requestId, in whose texts {name} "
            "stands for a row's value.",
            examples=[{"workflow": "full-naomi", "output": "s3://shop/{season}/{sku}/"}],
        ),
    ] = Field(default_factory=dict)
    tenant: Annotated[
        str | None,
        Field(
            min_length=1,
            max_length=200,
            description="Becomes metadata.tenant of every row, whatever the row says. The worker writes "
            "it for lists that are dropped under a rule with a tenant.",
            examples=["acme"],
        ),
    ] = None
    results_to: Annotated[
        str | None,
        AfterValidator(lambda text: text and check_output(text)),
        Field(
            description="Where the list of results goes: a prefix ending in /, or an exact key. "
            "Left out: <batchId>.results.jsonl beside the outputs.",
            examples=["s3://shop/batches/"],
        ),
    ] = None
    credit_cap: Annotated[
        str | None,
        AfterValidator(lambda text: text and _check_credits(text)),
        Field(
            description="About the most credits that the batch may cost: no further row is sent "
            "that would likely go beyond it. A decimal number as text.",
            examples=["12.5"],
            json_schema_extra={"pattern": f"^{_CREDITS.pattern}$"},
        ),
    ] = None
    expires_at: Annotated[
        UtcTime | None,
        Field(
            description="The expiresAt of rows that have none of their own; no row is sent after "
            "it. RFC 3339 with time zone.",
            examples=["2030-01-31T12:00:00Z"],
        ),
    ] = None

    origin: Annotated[
        BatchOrigin | None,
        Field(
            description="Written by the worker: the manifest was dropped, and where its end is told."
        ),
    ] = None

    @property
    def manifest_uri(self) -> S3Uri:
        """The manifest as a value. Not for a matrix."""
        return S3Uri.parse(self.manifest or "")


def parse_batch(
    body: str | bytes, *, input_buckets: frozenset[str], output_buckets: frozenset[str]
) -> BatchMessage:
    """The batch message in the body of an SQS message, raw or in SNS or EventBridge envelopes.

    Of the template only the braces are checked here: what it makes of each row is.

    Raises:
        MalformedRequestError: there is no JSON object in the body.
        InvalidRequestError: the message breaks rules; it lists every problem.
    """
    document = {name: value for name, value in unwrap(body).items() if value is not None}
    problems = [
        *_source_problems(document),
        *_place_problems(document, input_buckets, output_buckets),
        *_brace_problems(document.get("request")),
    ]
    try:
        batch = BatchMessage.model_validate(document, by_alias=True, by_name=False)
    except ValidationError as error:
        problems = [*problems_of(error, BatchMessage), *problems]
    else:
        if not problems:
            return batch
    raise InvalidRequestError(problems)


def shared_folder(output: str) -> str:
    """The deepest folder that all outputs of a template share: what stands before its first name."""
    static = output.split("{", 1)[0]
    return static[: static.rfind("/") + 1]


def batch_digest(batch: BatchMessage) -> str:
    """SHA-256 (64 hex digits) of what a batch message asks for, the same in every release.

    Where its end is told is no part of it.
    """
    content = {
        "batchId": batch.batch_id,
        "manifest": batch.manifest,
        # A matrix is kept in its order: that is the order of the rows.
        "matrix": [*batch.matrix.items()] if batch.matrix else None,
        "request": batch.request or None,
        "resultsTo": batch.results_to,
        "creditCap": batch.credit_cap,
        "expiresAt": batch.expires_at and rfc3339(batch.expires_at),
        # Left out without one: the digests of earlier releases stay what they are.
        **({"tenant": batch.tenant} if batch.tenant else {}),
    }
    return hashlib.sha256(canonical_json(content).encode()).hexdigest()


def _source_problems(document: dict[str, Any]) -> list[Problem]:
    given = [name for name in ("manifest", "matrix") if name in document]
    if len(given) == 1:
        return []
    if not given:
        fix = 'for example "manifest": "s3://catalog/batches/spring-24.csv"'
        return [Problem("manifest", "", "is required, unless there is a matrix", fix)]
    rule = "stands beside manifest: a batch has one of them"
    return [Problem("matrix", shown(document["matrix"]), rule, "send two batches")]


def _place_problems(
    document: dict[str, Any], input_buckets: frozenset[str], output_buckets: frozenset[str]
) -> list[Problem]:
    """What is wrong with well-formed places; malformed ones are left to the model."""
    problems: list[Problem | None] = []
    manifest, results = document.get("manifest"), document.get("resultsTo")
    if isinstance(manifest, str) and (uri := _read(parse_object_uri, manifest)):
        problems.append(bucket_problem("manifest", uri, input_buckets, "WORKER_INPUT_BUCKETS"))
    if isinstance(results, str) and (uri := _read(parse_output, results)):
        problems.append(bucket_problem("resultsTo", uri, output_buckets, "WORKER_OUTPUT_BUCKETS"))
        if isinstance(manifest, str) and str(uri) == manifest.partition("?")[0]:
            rule = "is the manifest, which the list of results would replace"
            problems.append(Problem("resultsTo", shown(results), rule, "name another key"))
    problems += drop_problems(document.get("origin"), input_buckets, output_buckets)
    if results is None:
        problems.append(_output_problem(document.get("request"), output_buckets))
    return [problem for problem in problems if problem is not None]


def _output_problem(request: Any, output_buckets: frozenset[str]) -> Problem | None:
    """What is wrong with the folder of the outputs, where the list of results will stand."""
    output = request.get("output") if isinstance(request, dict) else None
    if output is None and isinstance(request, dict) and request.get(PRESET) is not None:
        return None  # its preset may have one; this is asked again when that stands below it
    if not isinstance(output, str) or output.startswith("{"):
        rule = "is required when request has no output with a bucket: there go the results"
        return Problem("resultsTo", "", rule, 'for example "s3://shop/batches/"')
    try:
        uri = parse_output(shared_folder(output))
    except ValueError as error:
        return Problem("request.output", shown(output), str(error))
    return bucket_problem("request.output", uri, output_buckets, "WORKER_OUTPUT_BUCKETS")


def _brace_problems(request: Any) -> Iterator[Problem]:
    """Braces of the template that are no names."""
    for place, text in texts_in(request if isinstance(request, dict) else {}):
        try:
            names_in(text)
        except BadTemplateError as error:
            yield Problem(f"request.{place}", shown(text), str(error))


def _read(parse: Any, text: str) -> S3Uri | None:
    try:
        uri: S3Uri = parse(text)
    except ValueError:
        return None
    return uri
