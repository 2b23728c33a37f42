"""Starts a workflow run: one POST that costs money, sent once, with its outcome told apart.

Three things can be known afterwards: it runs (a pipeline id), it does not (`NotSentError`,
`RefusedError`), or nobody knows (`AnswerUnknownError`). Only the second may be sent again.
"""

from collections.abc import Mapping
from typing import Any, Final

from worker.hautech.api import ApiCaller, path_id
from worker.hautech.deadline import Deadline
from worker.hautech.errors import (
    AnswerUnknownError,
    HautechError,
    NotFoundError,
    NotSentError,
    RefusedError,
    WorkflowNotFoundError,
)
from worker.hautech.fields import as_object, required_id
from worker.hautech.transport import Call

# Source: the documentation names the first route, the API's own schema has listed only the
# second one since 2025-09-08.
RUN_ROUTES: Final[Mapping[str, Call]] = {
    "docs": Call("run_workflow", "POST", "/v1/workflows/run/{id}"),
    "sdk": Call("run_workflow", "POST", "/v1/workflows/{id}/run"),
}


class Runner:
    """The run routes; remembers which one this deployment has. Thread-safe."""

    def __init__(self, api: ApiCaller) -> None:
        self._api = api
        setting = api.config.run_route
        # Replaced as a whole and never changed in place, so threads need no lock.
        self._routes: tuple[str, ...] = ("docs", "sdk") if setting == "auto" else (setting,)

    def run(
        self,
        workflow_id: str,
        workflow_input: Mapping[str, Any],
        *,
        metadata: Mapping[str, Any],
        version_number: int | None,
        deadline_s: float | None,
    ) -> str:
        """See `HautechClient.run_workflow`."""
        segment = path_id(workflow_id, "workflow_id")
        body: dict[str, Any] = {"input": workflow_input, "metadata": metadata}
        if version_number is not None:
            body["versionNumber"] = version_number
        allowed_s = self._api.config.run_deadline_s if deadline_s is None else deadline_s
        deadline = Deadline.after(allowed_s, self._api.transport.monotonic)
        routes = self._routes
        said: list[str] = []
        for route in routes:
            call = RUN_ROUTES[route]
            try:
                pipeline_id = self._run_once(call, segment, body, deadline)
            except NotFoundError as not_found:
                # 404 created nothing, whichever of route, workflow and input it is about.
                said.append(not_found.detail)
                if route != routes[-1]:
                    if deadline.has_room():
                        continue
                    raise _no_time_for_the_other_route(not_found, deadline) from not_found
                raise WorkflowNotFoundError(
                    f"workflow {workflow_id} is not known to this account "
                    f"(run route: {' and '.join(routes)}); check its id and the token's account. "
                    f"They said: {'; '.join(dict.fromkeys(said))}",
                    method=call.method,
                    target=not_found.target,
                    status=not_found.status,
                    request_id=not_found.request_id,
                ) from not_found
            if route != routes[0]:
                self._routes = (route, *(other for other in routes if other != route))
            return pipeline_id
        raise AssertionError("unreachable: the last route returns or raises")

    def _run_once(
        self, call: Call, segment: str, body: Mapping[str, Any], deadline: Deadline
    ) -> str:
        path = call.path_template.replace("{id}", segment)
        try:
            return self._api.read(call, path, _pipeline_id, body=body, deadline=deadline)
        except (NotSentError, RefusedError, AnswerUnknownError):
            raise
        except HautechError as unusable:
            # They answered something, so the run may well exist.
            raise AnswerUnknownError(
                f"sent, but the answer names no pipeline: {unusable.detail}",
                method=call.method,
                target=path,
                status=unusable.status,
                request_id=unusable.request_id,
            ) from unusable


def _pipeline_id(document: Any) -> str:
    return required_id(as_object(document, "run answer"), "pipelineId")


def _no_time_for_the_other_route(not_found: NotFoundError, deadline: Deadline) -> NotFoundError:
    """Not "the workflow is unknown": only one of two routes was asked."""
    return NotFoundError(
        f"nothing was created, and {deadline.left_s():.1f} of {deadline.allowed_s:g} s are too "
        f"little to try the other run route. They said: {not_found.detail}",
        method=not_found.method,
        target=not_found.target,
        status=not_found.status,
        request_id=not_found.request_id,
    )
