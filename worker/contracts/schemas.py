"""JSON Schemas of the messages, made from the models; published under docs/reference/schemas.

`make docs` writes the files; a test compares them with what this module makes.
"""

from __future__ import annotations

import json
from typing import Any

from worker.contracts.batch import BatchMessage
from worker.contracts.batch_event import BatchEvent
from worker.contracts.follow import FollowMessage
from worker.contracts.poll import PollMessage
from worker.contracts.presets import PRESET
from worker.contracts.request import Request
from worker.contracts.result import ResultEvent
from worker.contracts.workflows import ANY_CASE_UUID, WORKFLOWS

REQUEST_EXAMPLE: dict[str, Any] = {
    "requestId": "sku-1042-front",
    "workflow": "full-naomi",
    "input": {
        "poseImageId": "s3://catalog/poses/standing.png",
        "imageId": "s3://catalog/raw/sku-1042.png",
        "aspectRatio": "7:10",
        "prompt": "A young woman in a white jacket, grey studio background",
        "label": "a white jacket",
        "isHuman": False,
        "enhancePrompt": True,
        "seed": 42,
    },
    "output": "s3://catalog/generated/sku-1042/",
    "metadata": {"sku": "1042"},
}
"""A complete request, as it stands in the schema and as `hautech-worker submit` may show it."""

_PRESET_SCHEMA: dict[str, Any] = {
    "description": "Name of a preset of the rules file: what it says stands below this request, "
    "field by field; null takes a field of it away.",
    "type": "string",
    "examples": ["studio"],
}
"""Not a field of the model: a preset is resolved before a request is parsed."""

DIALECT = "https://json-schema.org/draft/2020-12/schema"


def json_schemas() -> dict[str, dict[str, Any]]:
    """Every published schema (JSON Schema 2020-12) by its file name.

    A message that keeps its schema can still be refused for what no schema can say: buckets off
    the lists, sizes in bytes, repeated keys.
    """
    return {
        "request.schema.json": _request_schema(),
        "poll.schema.json": _schema(
            PollMessage.model_json_schema(mode="serialization"), "poll", "Poll message (v1)"
        ),
        "result-event.schema.json": _schema(
            ResultEvent.model_json_schema(mode="serialization"), "result-event", "Result event"
        ),
        "batch.schema.json": _schema(
            BatchMessage.model_json_schema(), "batch", "Batch message (v1)"
        ),
        "follow.schema.json": _schema(
            FollowMessage.model_json_schema(mode="serialization"), "follow", "Follow message (v1)"
        ),
        "batch-event.schema.json": _schema(
            BatchEvent.model_json_schema(mode="serialization"), "batch-event", "Batch event"
        ),
    }


def render_schema(schema: dict[str, Any]) -> str:
    """The text of a schema file."""
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _request_schema() -> dict[str, Any]:
    definitions: dict[str, Any] = {}
    rules: list[dict[str, Any]] = []
    for name, spec in WORKFLOWS.items():
        title = spec.input_model.__name__
        definitions[title] = _tidy(spec.input_model.model_json_schema())
        rules.append(_input_rule({"const": name}, title))
    definitions["AnyInput"] = {
        "description": "Input of a workflow that is named by its UUID: passed through, after S3 "
        "URIs that stand for ids were replaced.",
        "type": "object",
    }
    rules.append(_input_rule({"pattern": ANY_CASE_UUID}, "AnyInput"))
    schema = _schema(Request.model_json_schema(), "request", "Generation request (v1)")
    needed = schema.pop("required")
    schema["properties"][PRESET] = _PRESET_SCHEMA
    return {
        **schema,
        "required": ["requestId"],
        "anyOf": [{"required": needed}, {"required": [PRESET]}],
        "examples": [REQUEST_EXAMPLE],
        "allOf": rules,
        "$defs": {**definitions, **schema["$defs"]},
    }


def _input_rule(workflow: dict[str, Any], definition: str) -> dict[str, Any]:
    # With a preset, whatever is missing may stand there.
    return {
        "if": {
            "properties": {"workflow": workflow},
            "required": ["workflow"],
            "not": {"required": [PRESET]},
        },
        "then": {"properties": {"input": {"$ref": f"#/$defs/{definition}"}}},
    }


def _schema(generated: dict[str, Any], name: str, title: str) -> dict[str, Any]:
    head = {"$schema": DIALECT, "$id": f"urn:hautech-worker:schema:{name}", "title": title}
    return {**head, **_tidy(generated)}


def _tidy(node: Any, *, names_follow: bool = False) -> Any:
    """The schema as a person would write it.

    Without the generated titles and null defaults, which only repeat what stands beside them, and
    with descriptions in paragraphs instead of source lines. Below `properties` and `$defs` stand
    names, not keywords (`names_follow`): these are kept whatever they are.
    """
    if isinstance(node, list):
        return [_tidy(item) for item in node]
    if not isinstance(node, dict):
        return node
    tidied: dict[str, Any] = {}
    for key, value in node.items():
        if not names_follow:
            if key == "title" or (key == "default" and value is None):
                continue
            if key == "description":
                paragraphs = value.split("\n\n")
                tidied[key] = "\n\n".join(" ".join(part.split()) for part in paragraphs)
                continue
            if key in ("examples", "const", "enum", "default"):
                tidied[key] = value  # values, no schemas
                continue
        in_names = key in ("properties", "$defs") and not names_follow
        tidied[key] = _tidy(value, names_follow=in_names)
    return tidied
