"""What Hautech answers, as frozen values: unknown fields are ignored, absent and null are the same.

Only ids and status words are required; everything else may be missing. Source for every field:
the API's generated types (see docs of `ImageEntity`, `PipelineDto`, `SelfAccountDto`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Any, Final

from worker.hautech.fields import (
    ShapeError,
    as_object,
    credits_of,
    moment,
    object_or_empty,
    required_id,
    required_text,
    text,
    whole_number,
)

_COMPLETED: Final = frozenset({"completed", "finished"})
_FAILED: Final = frozenset({"failed", "error", "cancelled", "canceled", "expired"})


class PipelinePhase(StrEnum):
    """What a status word means for somebody who waits."""

    PENDING = "pending"
    COMPLETED = "completed"
    FAILED = "failed"
    OTHER = "other"  # a word we do not know: keep polling

    @classmethod
    def of(cls, status: str) -> "PipelinePhase":
        """The phase behind a status word of theirs."""
        word = status.lower()
        if word in _COMPLETED:
            return cls.COMPLETED
        if word in _FAILED:
            return cls.FAILED
        return cls.PENDING if word == "pending" else cls.OTHER

    @property
    def has_ended(self) -> bool:
        """Whether the pipeline will not change any more."""
        return self in {PipelinePhase.COMPLETED, PipelinePhase.FAILED}


@dataclass(frozen=True, slots=True)
class Image:
    """A picture at Hautech. `url` is a short-lived link: use it at once, never store it."""

    image_id: str
    width: int | None = None
    height: int | None = None
    format: str | None = None
    expires_at: datetime | None = None
    created_at: datetime | None = None
    url: str | None = None

    @classmethod
    def from_json(cls, document: Any) -> "Image":
        """Reads an ImageEntity; the documentation calls the id `imageId`, the type `id`."""
        fields = as_object(document, "image")
        return cls(
            image_id=required_id(fields, "id", "imageId"),
            width=whole_number(fields, "width"),
            height=whole_number(fields, "height"),
            format=text(fields, "format"),
            expires_at=moment(fields, "expiresAt"),
            created_at=moment(fields, "createdAt"),
            url=text(fields, "url"),
        )

    def __repr__(self) -> str:
        # The link is a credential and must not reach a log through a repr.
        return f"Image({self.image_id!r}, {self.width}x{self.height})"


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """The first task of a pipeline that failed, and its error as they sent it."""

    task_id: str
    error: Any = field(repr=False)


@dataclass(frozen=True, slots=True)
class Pipeline:
    """One run of a workflow, complete. `output` is any JSON; null while it runs."""

    pipeline_id: str
    status: str
    # Callers' data and links: not for a log line that prints a record.
    metadata: Mapping[str, Any] = field(repr=False)
    input: Mapping[str, Any] = field(repr=False)
    output: Any = field(default=None, repr=False)
    error_code: str | None = None
    error_message: str | None = None
    consumed_credits: Decimal | None = None
    estimated_credits: Decimal | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    first_failure: TaskFailure | None = None

    @property
    def phase(self) -> PipelinePhase:
        """What the status word means."""
        return PipelinePhase.of(self.status)

    @classmethod
    def from_json(cls, document: Any) -> "Pipeline":
        """Reads a PipelineDto."""
        fields = as_object(document, "pipeline")
        return cls(
            pipeline_id=required_id(fields, "id"),
            status=required_text(fields, "status"),
            metadata=object_or_empty(fields, "metadata"),
            input=object_or_empty(fields, "input"),
            output=fields.get("output"),
            error_code=text(fields, "errorCode"),
            error_message=text(fields, "errorMessage"),
            consumed_credits=credits_of(fields.get("consumedCredits")),
            estimated_credits=credits_of(fields.get("estimatedCredits")),
            created_at=moment(fields, "createdAt"),
            updated_at=moment(fields, "updatedAt"),
            first_failure=_first_failure(object_or_empty(fields, "state")),
        )


def _first_failure(state: Mapping[str, Any]) -> TaskFailure | None:
    for task_id, entry in state.items():
        if isinstance(entry, dict) and entry.get("status") == "failed":
            return TaskFailure(task_id=task_id, error=entry.get("output"))
    return None


@dataclass(frozen=True, slots=True)
class PipelineStatus:
    """Where a pipeline stands. `pipeline` is always there once it has ended."""

    status: str
    pipeline: Pipeline | None = None

    @property
    def phase(self) -> PipelinePhase:
        """What the status word means."""
        return PipelinePhase.of(self.status)


@dataclass(frozen=True, slots=True)
class PipelinePreview:
    """One line of the pipeline list: metadata, but neither input nor output."""

    pipeline_id: str
    status: str
    metadata: Mapping[str, Any] = field(repr=False)
    created_at: datetime | None = None
    updated_at: datetime | None = None
    error_code: str | None = None
    error_message: str | None = None

    @property
    def phase(self) -> PipelinePhase:
        """What the status word means."""
        return PipelinePhase.of(self.status)

    @classmethod
    def from_json(cls, document: Any) -> "PipelinePreview":
        """Reads a PipelinePreviewDto."""
        fields = as_object(document, "pipeline preview")
        return cls(
            pipeline_id=required_id(fields, "id"),
            status=required_text(fields, "status"),
            metadata=object_or_empty(fields, "metadata"),
            created_at=moment(fields, "createdAt"),
            updated_at=moment(fields, "updatedAt"),
            error_code=text(fields, "errorCode"),
            error_message=text(fields, "errorMessage"),
        )


@dataclass(frozen=True, slots=True)
class PipelinePage:
    """One page of the list; `next_cursor` is None on the last one."""

    pipelines: tuple[PipelinePreview, ...]
    next_cursor: str | None = None

    @classmethod
    def from_json(cls, document: Any) -> "PipelinePage":
        """Reads `{data, pageInfo}`."""
        fields = as_object(document, "list")
        data = fields.get("data")
        if not isinstance(data, list):
            raise ShapeError("data: expected a list")
        return cls(
            pipelines=tuple(PipelinePreview.from_json(entry) for entry in data),
            next_cursor=text(object_or_empty(fields, "pageInfo"), "nextCursor") or None,
        )


@dataclass(frozen=True, slots=True)
class Account:
    """The account that the token acts for. The balance may be negative."""

    account_id: str
    alias: str | None = None
    type: str | None = None
    balance: Decimal | None = None
    permissions: tuple[str, ...] = ()
    lists_permissions: bool = False
    """Whether `permissions` came as a list, which is complete; other forms are not documented."""

    def allows(self, permission: str) -> bool | None:
        """Whether a permission such as `images:create` is among the listed; None without a list.

        Source: the documentation writes dots and trailing wildcards (`images.*`), the SDK colons.
        """
        if not self.lists_permissions:
            return None
        wanted = permission.split(":")
        for name in self.permissions:
            *head, last = name.replace(".", ":").split(":")
            if [*head, last] == wanted or (last == "*" and wanted[: len(head)] == head):
                return True
        return False

    @classmethod
    def from_json(cls, document: Any) -> "Account":
        """Reads a SelfAccountDto; permissions may be a list, or an object of names."""
        fields = as_object(document, "account")
        permissions = fields.get("permissions")
        names = permissions if isinstance(permissions, (list, dict)) else ()
        return cls(
            account_id=required_id(fields, "id"),
            alias=text(fields, "alias"),
            type=text(fields, "type"),
            balance=credits_of(fields.get("balance")),
            permissions=tuple(name for name in names if isinstance(name, str)),
            lists_permissions=isinstance(permissions, list),
        )


@dataclass(frozen=True, slots=True)
class Workflow:
    """A workflow record; `document` is all of it, its template shows where outputs come from."""

    workflow_id: str
    alias: str | None
    version: int | None
    is_public: bool
    document: Mapping[str, Any] = field(repr=False)

    @classmethod
    def from_json(cls, document: Any) -> "Workflow":
        """Reads a WorkflowDto."""
        fields = as_object(document, "workflow")
        return cls(
            workflow_id=required_id(fields, "id"),
            alias=text(fields, "alias"),
            version=whole_number(fields, "version"),
            is_public=fields.get("isPublic") is True,
            document=fields,
        )


@dataclass(frozen=True, slots=True)
class Pose:
    """A prepared pose, which runs refer to by its own id, not by an image id."""

    pose_id: str
    preview_image_id: str | None = None
    expires_at: datetime | None = None
    created_at: datetime | None = None

    @classmethod
    def from_json(cls, document: Any) -> "Pose":
        """Reads a PoseEntity."""
        fields = as_object(document, "pose")
        return cls(
            pose_id=required_id(fields, "id", "poseId"),
            preview_image_id=text(fields, "previewImageId"),
            expires_at=moment(fields, "expiresAt"),
            created_at=moment(fields, "createdAt"),
        )
