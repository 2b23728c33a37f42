"""Pipelines and public operations as JSON documents of the API."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.hautech.account import decimal_string
from sandbox.hautech.clock import rfc3339
from sandbox.hautech.images import optional_keys
from sandbox.hautech.options import Options
from sandbox.hautech.pipelines import Pipeline
from sandbox.hautech.results import output_document


class PipelineDocuments:
    """Writes the DTOs that concern runs."""

    def __init__(self, *, creator_id: str, link: Callable[[str], str]) -> None:
        self._creator_id = creator_id
        self._link = link

    def full(self, pipeline: Pipeline, options: Options) -> dict[str, Any]:
        """PipelineDto."""
        document = {
            **self._head(pipeline, options),
            "input": dict(pipeline.input),
            "state": pipeline.ended,
            "tasks": [
                {
                    "id": task.id,
                    "method": list(task.method),
                    "dependencies": list(task.dependencies),
                    "args": list(task.args),
                    "estimatedPrice": decimal_string(task.price),
                }
                for task in pipeline.tasks
            ],
            "estimatedCredits": decimal_string(pipeline.estimated),
            "consumedCredits": decimal_string(pipeline.consumed),
            **_errors(pipeline, options),
        }
        if pipeline.result is not None:
            # An unresolvable output is null although the pipeline has completed.
            document["output"] = output_document(pipeline, pipeline.result, link=self._link)
        elif options.null_optional_keys:
            document["output"] = None
        return document

    def preview(self, pipeline: Pipeline, options: Options) -> dict[str, Any]:
        """PipelinePreviewDto: the head and the error, nothing of what went in or came out."""
        return {**self._head(pipeline, options), **_errors(pipeline, options)}

    def status(self, pipeline: Pipeline, options: Options) -> dict[str, Any]:
        """The answer of the status route: the pipeline only when it has ended."""
        ended = None if pipeline.status == "pending" else self.full(pipeline, options)
        return {
            "status": shown_status(pipeline, options),
            **optional_keys({"pipeline": ended}, options=options),
        }

    def operation(self, pipeline: Pipeline, options: Options) -> dict[str, Any]:
        """OperationEntity of the public run that this pipeline belongs to."""
        output = None
        if pipeline.result is not None:
            output = {"output": output_document(pipeline, pipeline.result, link=self._link)}
        return {
            "id": pipeline.operation_id,
            "kind": "operation",
            "type": "workflows.public.run.v1",
            "status": operation_status(pipeline),
            "input": dict(pipeline.input),
            "output": output,
            "price": decimal_string(pipeline.consumed),
            "estimatedPrice": decimal_string(pipeline.estimated),
            "metadata": dict(pipeline.metadata),
            "creatorId": self._creator_id,
            "expiresAt": None,
            "createdAt": rfc3339(pipeline.created_at),
            "updatedAt": rfc3339(pipeline.updated_at),
            **_errors(pipeline, options),
        }

    def operation_answer(self, pipeline: Pipeline, options: Options) -> dict[str, Any]:
        """The answer of the operation status route: the operation only when it has ended."""
        ended = None if pipeline.status == "pending" else self.operation(pipeline, options)
        return {
            "status": operation_status(pipeline),
            **optional_keys({"operation": ended}, options=options),
        }

    def _head(self, pipeline: Pipeline, options: Options) -> dict[str, Any]:
        return {
            "kind": "pipeline",
            "id": pipeline.id,
            "creatorId": self._creator_id,
            "metadata": dict(pipeline.metadata),
            "status": shown_status(pipeline, options),
            "createdAt": rfc3339(pipeline.created_at),
            "updatedAt": rfc3339(pipeline.updated_at),
        }


def shown_status(pipeline: Pipeline, options: Options) -> str:
    """The status word; the one for "still running" can be switched."""
    return options.status_word if pipeline.status == "pending" else pipeline.status


def operation_status(pipeline: Pipeline) -> str:
    """Operations end in `finished` where pipelines end in `completed`."""
    return "finished" if pipeline.status == "completed" else pipeline.status


def _errors(pipeline: Pipeline, options: Options) -> dict[str, Any]:
    failed = pipeline.fault if pipeline.status == "failed" else None
    return optional_keys(
        {
            "errorMessage": None if failed is None else failed.message,
            "errorCode": None if failed is None else failed.code,
        },
        options=options,
    )
