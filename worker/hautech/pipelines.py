"""Follows pipelines: status, full record, and the list walked back from the newest."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlencode

from worker.hautech.api import ApiCaller, path_id
from worker.hautech.errors import InvalidAnswerError, ListTooLongError, NotFoundError
from worker.hautech.fields import as_object, required_text
from worker.hautech.models import (
    Pipeline,
    PipelinePage,
    PipelinePreview,
    PipelineStatus,
)
from worker.hautech.transport import Call

GET_PIPELINE: Final = Call("get_pipeline", "GET", "/v1/pipelines/{id}", is_repeatable=True)
GET_PIPELINE_STATUS: Final = Call(
    "get_pipeline_status", "GET", "/v1/pipelines/{id}/status", is_repeatable=True
)
LIST_PIPELINES: Final = Call("list_pipelines", "GET", "/v1/pipelines", is_repeatable=True)

_NO_STATUS_ROUTE_AFTER: Final = 3


class Pipelines:
    """The pipeline routes; remembers whether this deployment has `/status`. Thread-safe."""

    def __init__(self, api: ApiCaller) -> None:
        self._api = api
        # Plain counters: two threads that race may ask `/status` once too often, no more.
        self._missing_status_routes = 0

    def get(self, pipeline_id: str) -> Pipeline:
        """See `HautechClient.get_pipeline`."""
        path = f"/v1/pipelines/{path_id(pipeline_id, 'pipeline_id')}"
        return self._api.read(GET_PIPELINE, path, Pipeline.from_json)

    def status(self, pipeline_id: str) -> PipelineStatus:
        """See `HautechClient.get_pipeline_status`."""
        if self._missing_status_routes >= _NO_STATUS_ROUTE_AFTER:
            return _status_of(self.get(pipeline_id))
        path = f"/v1/pipelines/{path_id(pipeline_id, 'pipeline_id')}/status"
        try:
            found = self._api.read(GET_PIPELINE_STATUS, path, _read_status)
        except NotFoundError as not_found:
            # An older deployment without the route, or no such pipeline: the plain read tells.
            found = _status_of(self.get(pipeline_id))
            is_route = not_found.detail.startswith("Cannot GET")
            self._missing_status_routes += _NO_STATUS_ROUTE_AFTER if is_route else 1
            return found
        self._missing_status_routes = 0
        if found.phase.has_ended and found.pipeline is None:
            return _status_of(self.get(pipeline_id))
        return found

    def page(self, cursor: str | None, limit: int) -> PipelinePage:
        """See `HautechClient.list_pipelines`."""
        query: dict[str, Any] = {"orderBy": "createdAt_DESC", "limit": limit}
        if cursor is not None:
            query["cursor"] = cursor
        return self._api.read(
            LIST_PIPELINES,
            LIST_PIPELINES.path_template,
            PipelinePage.from_json,
            query=urlencode(query),
        )

    def newest_first(
        self, until: datetime, *, max_pages: int, page_size: int
    ) -> Iterator[PipelinePreview]:
        """See `HautechClient.iter_pipelines_newest_first`."""
        cursor: str | None = None
        seen: set[str] = set()
        for _ in range(max_pages):
            page = self.page(cursor, page_size)
            for preview in page.pipelines:
                if preview.created_at is not None and preview.created_at < until:
                    return
                yield preview
            cursor = page.next_cursor
            if cursor is None:
                return
            if cursor in seen:
                raise InvalidAnswerError(
                    "the list repeats a cursor and would never end",
                    method="GET",
                    target=LIST_PIPELINES.path_template,
                )
            seen.add(cursor)
        # Ending here quietly would read as "not found", and the caller would pay again.
        raise ListTooLongError(
            f"{max_pages} pages did not reach back to {until:%Y-%m-%dT%H:%M:%SZ}; allow more pages",
            method="GET",
            target=LIST_PIPELINES.path_template,
        )


def _read_status(document: Any) -> PipelineStatus:
    fields = as_object(document, "status")
    record = fields.get("pipeline")
    return PipelineStatus(
        status=required_text(fields, "status"),
        pipeline=Pipeline.from_json(record) if isinstance(record, dict) else None,
    )


def _status_of(pipeline: Pipeline) -> PipelineStatus:
    return PipelineStatus(status=pipeline.status, pipeline=pipeline)
