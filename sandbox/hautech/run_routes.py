"""The routes under `/v1` that run workflows and follow the runs."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from sandbox.hautech.account import decimal_string
from sandbox.hautech.api_routes import Answer, Call, Route
from sandbox.hautech.catalog import WORKFLOWS, Workflow
from sandbox.hautech.clock import rfc3339
from sandbox.hautech.errors import ApiError, not_found
from sandbox.hautech.faults import FaultRule
from sandbox.hautech.inputs import InputFault, check_inputs
from sandbox.hautech.listing import Filters, page
from sandbox.hautech.pipelines import Pipeline, RunOrder
from sandbox.hautech.reading import path_uuid, read_ids, read_json

RULE: web.RequestKey[FaultRule] = web.RequestKey("rule", FaultRule)
"""Where a fault that shapes the run itself waits for the run route."""


async def run_workflow(call: Call) -> Answer:
    """Starts a pipeline."""
    pipeline = await _run(call, _workflow(call), is_public=False)
    return Answer({"pipelineId": pipeline.id}, 201)


async def run_public_workflow(call: Call) -> Answer:
    """Starts a public run by workflow id; the caller sees an operation."""
    pipeline = await _run(call, _public(call, _workflow(call)), is_public=True)
    return Answer({"operationId": pipeline.operation_id}, 201)


async def run_public_alias(call: Call) -> Answer:
    """Starts a public run by the workflow's alias."""
    alias = call.request.match_info["alias"]
    known = next((workflow for workflow in WORKFLOWS if workflow.alias == alias), None)
    pipeline = await _run(call, _public(call, known), is_public=True)
    return Answer({"operationId": pipeline.operation_id}, 201)


def _workflow(call: Call) -> Workflow:
    workflow = call.state.find_workflow(path_uuid(call.request))
    if workflow is None:
        raise not_found("Workflow")
    return workflow


def _public(call: Call, workflow: Workflow | None) -> Workflow:
    if workflow is None or not call.state.options.public_runs:
        raise not_found("Workflow")
    return workflow


async def _run(call: Call, workflow: Workflow, *, is_public: bool) -> Pipeline:
    body = await read_json(call.request)
    _check_body(body)
    state, options, now = call.state, call.state.options, call.state.clock.now()
    if options.refuse_when_broke and state.account.is_broke:
        raise ApiError(402, "Insufficient balance")
    document = body["input"]
    material, faults = check_inputs(
        workflow, document, images=state.images, poses=state.poses, now=now
    )
    if faults and options.input_faults == "sync":
        raise ApiError(400, [f"input.{fault.message}" for fault in faults])
    fault = faults[0] if faults else None
    rule = call.request.get(RULE)
    fails_by_rule = rule is not None and rule.kind == "fail_run" and fault is None
    if fails_by_rule and rule is not None:
        fault = InputFault(rule.error_code, rule.error_message)
    return state.pipelines.run(
        RunOrder(
            workflow=workflow,
            input=document,
            metadata=body.get("metadata") or {},
            material=material,
            options=options,
            is_public=is_public,
            is_stuck=options.stuck_pending or (rule is not None and rule.kind == "stuck"),
            fault=fault,
            # A refused input fails early; a generation fails late, after most of it was paid.
            fails_at_the_end=fails_by_rule,
        ),
        now=now,
    )


def _check_body(body: dict[str, Any]) -> None:
    problems = []
    if not isinstance(body.get("input"), dict):
        problems.append("input must be an object")
    if not isinstance(body.get("metadata", {}), (dict, type(None))):
        problems.append("metadata must be an object")
    version = body.get("versionNumber")
    if version is not None and (isinstance(version, bool) or not isinstance(version, (int, float))):
        problems.append("versionNumber must be a number conforming to the specified constraints")
    if problems:
        raise ApiError(400, problems)


async def get_workflow(call: Call) -> Answer:
    """WorkflowDto, without the template."""
    workflow = _workflow(call)
    state = call.state
    return Answer(
        {
            "id": workflow.id,
            "creatorId": state.credentials.account_id,
            "alias": workflow.alias,
            "data": {},
            "metadata": {},
            "customExecutionPrice": decimal_string(state.options.price_of(workflow)),
            "isPublic": state.options.public_runs,
            "version": 1,
            "createdAt": rfc3339(state.account.created_at),
            "updatedAt": rfc3339(state.account.created_at),
        }
    )


async def get_schema(call: Call) -> Answer:
    """The input schema of a workflow."""
    workflow = _workflow(call)
    types = {"boolean": "boolean", "integer": "integer"}
    kinds = {**workflow.required, **workflow.optional}
    return Answer(
        {
            "type": "object",
            "properties": {
                name: {"type": types.get(kind, "string")} for name, kind in kinds.items()
            },
            "required": list(workflow.required),
        }
    )


def _pipeline(call: Call) -> Pipeline:
    pipeline = call.state.pipelines.find(path_uuid(call.request))
    if pipeline is None:
        raise not_found("Pipeline")
    return pipeline


async def get_pipeline(call: Call) -> Answer:
    """PipelineDto."""
    return Answer(call.state.documents.full(_pipeline(call), call.state.options))


async def get_pipeline_status(call: Call) -> Answer:
    """Status, and the pipeline once it has ended."""
    return Answer(call.state.documents.status(_pipeline(call), call.state.options))


async def list_pipelines(call: Call) -> Answer:
    """One page of previews."""
    state = call.state
    found, cursor = page(state.pipelines, call.request.query, now=state.clock.now())
    previews = [state.documents.preview(pipeline, state.options) for pipeline in found]
    return Answer({"data": previews, "pageInfo": {} if cursor is None else {"nextCursor": cursor}})


async def count_pipelines(call: Call) -> Answer:
    """How many pipelines match."""
    filters, now = Filters.read(call.request.query), call.state.clock.now()
    count = sum(filters.match(pipeline, now) for pipeline in call.state.pipelines)
    return Answer({"count": count})


def _operation(call: Call) -> Pipeline:
    pipeline = call.state.pipelines.find_by_operation(path_uuid(call.request))
    if pipeline is None:
        raise not_found("Operation")
    return pipeline


async def get_operation(call: Call) -> Answer:
    """OperationEntity of a public run."""
    return Answer(call.state.documents.operation(_operation(call), call.state.options))


async def get_operation_status(call: Call) -> Answer:
    """Status, and the operation once it has ended."""
    return Answer(call.state.documents.operation_answer(_operation(call), call.state.options))


async def get_many_operations(call: Call) -> Answer:
    """The operations among the ids that exist."""
    state = call.state
    found = [state.pipelines.find_by_operation(item) for item in await read_ids(call.request)]
    return Answer(
        [state.documents.operation(item, state.options) for item in found if item is not None]
    )


ROUTES = (
    Route(
        "workflows.run.docs", "POST", "/v1/workflows/run/{id}", run_workflow, "workflows:execute",
        exists=lambda options: "docs" in options.run_routes,
    ),
    Route(
        "workflows.run.sdk", "POST", "/v1/workflows/{id}/run", run_workflow, "workflows:execute",
        exists=lambda options: "sdk" in options.run_routes,
    ),
    Route("workflows.run.public", "POST", "/v1/workflows/public/{id}/run", run_public_workflow, "workflows:execute"),
    Route("workflows.run.alias", "POST", "/v1/workflows/public/alias/{alias}/run", run_public_alias, "workflows:execute"),
    Route("workflows.get", "GET", "/v1/workflows/{id}", get_workflow, "workflows:read"),
    Route("workflows.schema", "GET", "/v1/workflows/{id}/schema", get_schema, "workflows:read"),
    Route("pipelines.list", "GET", "/v1/pipelines", list_pipelines, "pipelines:read"),
    Route("pipelines.count", "GET", "/v1/pipelines/count", count_pipelines, "pipelines:read"),
    Route("pipelines.get", "GET", "/v1/pipelines/{id}", get_pipeline, "pipelines:read"),
    Route(
        "pipelines.status", "GET", "/v1/pipelines/{id}/status", get_pipeline_status, "pipelines:read",
        exists=lambda options: options.status_route,
    ),
    Route("operations.many", "POST", "/v1/operations/many", get_many_operations, "operations:read"),
    Route("operations.get", "GET", "/v1/operations/{id}", get_operation, "operations:read"),
    Route("operations.status", "GET", "/v1/operations/{id}/status", get_operation_status, "operations:read"),
)  # fmt: skip
