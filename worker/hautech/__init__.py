"""A synchronous client of the Hautech API, useful on its own: it knows no jobs and no AWS.

from worker.hautech import ClientConfig, HautechClient, StaticToken

with HautechClient(ClientConfig(), StaticToken("…")) as hautech:
print(hautech.get_account())
"""

from worker.hautech.auth import (
    WORKER_PERMISSIONS,
    KeySecretError,
    SelfSignedToken,
    StaticToken,
    TokenProvider,
)
from worker.hautech.client import HautechClient
from worker.hautech.config import ClientConfig, RunRoute
from worker.hautech.download import Download, Sink
from worker.hautech.errors import (
    AnswerUnknownError,
    AuthenticationError,
    BadRequestError,
    BodySizeError,
    ConnectTimedOutError,
    CutBodyError,
    DeadlineExceededError,
    ForbiddenAddressError,
    ForbiddenUrlError,
    HautechError,
    InvalidAnswerError,
    ListTooLongError,
    NotFoundError,
    NotSentError,
    OutOfFundsError,
    PermissionDeniedError,
    RateLimitedError,
    ReadTimedOutError,
    RedirectedError,
    RefusedError,
    ServerError,
    TooLargeError,
    UnusableAnswerError,
    WorkflowNotFoundError,
)
from worker.hautech.funds import mentions_funds
from worker.hautech.models import (
    Account,
    Image,
    Pipeline,
    PipelinePage,
    PipelinePhase,
    PipelinePreview,
    PipelineStatus,
    Pose,
    TaskFailure,
    Workflow,
)
from worker.hautech.multipart import BodyReader
from worker.hautech.outputs import (
    ImageRef,
    find_images,
    read_pose_id,
    read_prepared_image_id,
)
from worker.hautech.redaction import redact
from worker.hautech.transport import Call, CallEvent, Observer

__all__ = [
    "WORKER_PERMISSIONS",
    "Account",
    "AnswerUnknownError",
    "AuthenticationError",
    "BadRequestError",
    "BodyReader",
    "BodySizeError",
    "Call",
    "CallEvent",
    "ClientConfig",
    "ConnectTimedOutError",
    "CutBodyError",
    "DeadlineExceededError",
    "Download",
    "ForbiddenAddressError",
    "ForbiddenUrlError",
    "HautechClient",
    "HautechError",
    "Image",
    "ImageRef",
    "InvalidAnswerError",
    "KeySecretError",
    "ListTooLongError",
    "NotFoundError",
    "NotSentError",
    "Observer",
    "OutOfFundsError",
    "PermissionDeniedError",
    "Pipeline",
    "PipelinePage",
    "PipelinePhase",
    "PipelinePreview",
    "PipelineStatus",
    "Pose",
    "RateLimitedError",
    "ReadTimedOutError",
    "RedirectedError",
    "RefusedError",
    "RunRoute",
    "SelfSignedToken",
    "ServerError",
    "Sink",
    "StaticToken",
    "TaskFailure",
    "TokenProvider",
    "TooLargeError",
    "UnusableAnswerError",
    "Workflow",
    "WorkflowNotFoundError",
    "find_images",
    "mentions_funds",
    "read_pose_id",
    "read_prepared_image_id",
    "redact",
]
