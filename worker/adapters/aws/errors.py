"""Every AWS error becomes one of ours, here and once: the table says which.

    with aws_errors(SEND_MESSAGE_BATCH, queue_url):
        client.send_message_batch(…)

What is special about one call (a key that does not exist, a condition that failed) is caught
inside the `with` by the adapter that knows what it means; everything else comes here.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from worker.errors import (
    CredentialsRefusedError,
    SystemicError,
    ThrottledError,
    UnavailableError,
    WorkerError,
)


@dataclass(frozen=True, slots=True)
class AwsCall:
    """One operation of one service, for messages: `AwsCall("SQS", "SendMessageBatch", …)`."""

    service: str
    operation: str
    permission: str
    """The IAM action that it needs, which often has another name: `sqs:SendMessage`."""

    def __str__(self) -> str:
        return f"{self.service} {self.operation}"


# The codes below: "Common Error Types" of the AWS general reference and the error lists of the
# S3, SQS, SNS, DynamoDB and Secrets Manager API references. SQS answers with the older
# `AWS.SimpleQueueService.…` names (botocore turns the new ones back into them).

THROTTLED_CODES = frozenset(
    {
        "BandwidthLimitExceeded",
        "EC2ThrottledException",
        "KMSThrottling",
        "KMSThrottlingException",
        "KMS.ThrottlingException",
        "KmsThrottled",
        "LimitExceededException",
        "OverLimit",
        "PriorRequestNotComplete",
        "ProvisionedThroughputExceededException",
        "RequestLimitExceeded",
        "RequestThrottled",
        "RequestThrottledException",
        "SlowDown",
        "ThrottledException",
        "Throttling",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""They ask us to slow down."""

UNAVAILABLE_CODES = frozenset(
    {
        "IDPCommunicationError",
        "InternalError",
        "InternalErrorException",
        "InternalFailure",
        "InternalServerError",
        "InternalServiceError",
        "RequestTimeout",
        "RequestTimeoutException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "TransactionInProgressException",
        "XAmzContentSHA256Mismatch",  # the request was damaged on its way
        "IncompleteBody",
    }
)
"""They failed, and it may work next time."""

REFUSED_CODES = frozenset(
    {
        "401",
        "403",
        "AccessDenied",
        "AccessDeniedException",
        "AccountProblem",
        "AllAccessDisabled",
        "AuthFailure",
        "AuthorizationError",
        "AuthorizationErrorException",
        "ExpiredToken",
        "ExpiredTokenException",
        "Forbidden",
        "IncompleteSignature",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "InvalidSecurity",
        "InvalidSecurityException",
        "InvalidSignatureException",
        "InvalidToken",
        "KMSAccessDenied",
        "KMSAccessDeniedException",
        "KMS.AccessDeniedException",
        "KmsAccessDenied",
        "MissingAuthenticationToken",
        "MissingAuthenticationTokenException",
        "NotAuthorized",
        "NotSignedUp",
        "OptInRequired",
        "RequestExpired",
        "RequestTimeTooSkewed",
        "SignatureDoesNotMatch",
        "TokenRefreshRequired",
        "UnauthorizedAccess",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)
"""They refuse who we are, or that we may do this."""

MISSING_CODES = frozenset(
    {
        "AWS.SimpleQueueService.NonExistentQueue",
        "NoSuchBucket",
        "NotFound",
        "NotFoundException",
        "QueueDeletedRecently",
        "AWS.SimpleQueueService.QueueDeletedRecently",
        "QueueDoesNotExist",
        "ResourceNotFound",
        "ResourceNotFoundException",
    }
)
"""The queue, table, topic or secret that the settings name is not there."""

BROKEN_KEY_PREFIXES = ("KMS", "Kms")
"""The encryption key of a queue, table or bucket is disabled, deleted or of the wrong kind."""

_KEY_REFUSAL = re.compile(
    r"not authorized to perform: (kms:\w+)(?: on resource: (arn:aws[\w-]*:kms:[\w:/-]+))?"
)

_PERMISSION_CODES = frozenset(
    code
    for code in REFUSED_CODES
    if "AccessDenied" in code or code.startswith(("Authorization", "Unauthorized"))
) | {"403", "Forbidden", "NotAuthorized", "AllAccessDisabled"}

_NO_CREDENTIALS: tuple[type[Exception], ...] = (
    sdk.NoCredentialsError,
    sdk.PartialCredentialsError,
    sdk.CredentialRetrievalError,
    sdk.NoAuthTokenError,
    sdk.TokenRetrievalError,
    sdk.UnknownCredentialError,
    sdk.SSOError,
    sdk.LoginError,
    sdk.ProfileNotFound,
)

_NO_ANSWER: tuple[type[Exception], ...] = (
    sdk.HTTPClientError,  # with ReadTimeoutError, ConnectionClosedError, ResponseStreamingError
    sdk.ConnectionError,  # with EndpointConnectionError, ConnectTimeoutError, SSLError
    sdk.IncompleteReadError,
    sdk.ChecksumError,
    sdk.FlexibleChecksumError,
    sdk.MetadataRetrievalError,
    ResponseParserError,  # with an answer that did not come whole: `whole_answers.py`
    UnicodeDecodeError,
)

_UNREACHABLE = (sdk.EndpointConnectionError, sdk.ConnectTimeoutError)

ENDPOINT_FIX = "is what AWS_ENDPOINT_URL names still running?"
"""What to ask when nobody listens at an address that is not AWS's own."""

_CLOCK_TEXTS = ("Signature expired", "Signature not yet current")
"""How all services but S3 say that the clock is off (Source: AWS Signature Version 4, "Troubleshooting")."""

_THEIRS = (sdk.ClientError, sdk.BotoCoreError, ResponseParserError, UnicodeDecodeError)
"""What the SDK raises. The last one comes out of its parsers for bytes that are no text."""

_MESSAGE_LIMIT = 300


class aws_errors:  # noqa: N801 - reads as a verb in `with`, like contextlib's own
    """Raises our error for an AWS error that leaves the block; other exceptions pass."""

    __slots__ = ("_call", "_resource")

    def __init__(self, call: AwsCall, resource: str) -> None:
        self._call = call
        self._resource = resource

    def __enter__(self) -> None:
        """Nothing to prepare: the block costs nothing while calls succeed."""

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Translates.

        Raises:
            WorkerError: of the class that the tables of this module say.
        """
        if isinstance(error, _THEIRS):
            raise translated(error, self._call, self._resource) from error


def translated(error: Exception, call: AwsCall, resource: str) -> WorkerError:
    """Our error for an error of the SDK.

    Unknown ones become a plain `WorkerError`: retried a few times, loudly.

    Args:
        error: what boto3 raised.
        call: the call that failed.
        resource: what it was made on: a URL, name, ARN or S3 URI. It appears in the message.
    """
    if isinstance(error, sdk.ClientError):
        return _of_answer(error, call, resource)
    where = f"{call} on {resource}"
    reason = f"{type(error).__name__}: {_first_line(str(error))}"
    if isinstance(error, _NO_CREDENTIALS):
        return CredentialsRefusedError(
            f"{where}: no usable AWS credentials ({reason}); give the process a role, or set "
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"
        )
    if isinstance(error, _NO_ANSWER):
        is_elsewhere = isinstance(error, _UNREACHABLE) and os.environ.get("AWS_ENDPOINT_URL")
        fix = f"; {ENDPOINT_FIX}" if is_elsewhere else ""
        return UnavailableError(f"{where}: no usable answer ({reason}){fix}")
    return WorkerError(f"{where}: {reason}")


def is_unreachable(error: WorkerError) -> bool:
    """Whether no connection came about, so that others to the same place will not either."""
    return isinstance(error.__cause__, _UNREACHABLE)


def entry_error(
    code: str, message: str, call: AwsCall, resource: str, *, is_our_fault: bool
) -> WorkerError:
    """Our error for one failed entry of an SQS batch, whose other entries may have succeeded."""
    return _classified(code, 400 if is_our_fault else 500, message, {}, call, resource)


def error_code(error: sdk.ClientError) -> str:
    """AWS's code, such as `NoSuchKey`; a bare status such as "404" for answers without a body."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: sdk.ClientError) -> int:
    """The HTTP status of the answer; 0 if there is none."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _of_answer(error: sdk.ClientError, call: AwsCall, resource: str) -> WorkerError:
    metadata: Mapping[str, Any] = error.response.get("ResponseMetadata", {})
    return _classified(
        error_code(error),
        status_of(error),
        str(error.response.get("Error", {}).get("Message", "")),
        metadata,
        call,
        resource,
    )


def _classified(
    code: str,
    status: int,
    message: str,
    metadata: Mapping[str, Any],
    call: AwsCall,
    resource: str,
) -> WorkerError:
    request_id = metadata.get("RequestId")
    said = f"{call} on {resource}: {code} (HTTP {status}) {_first_line(message)}".rstrip()
    said += f" [request id {request_id}]" if request_id else ""
    error: WorkerError
    if code in THROTTLED_CODES or status == 429:
        error = ThrottledError(said, retry_after_s=_retry_after_s(metadata))
    elif code in UNAVAILABLE_CODES:
        error = UnavailableError(said, retry_after_s=_retry_after_s(metadata))
    elif code in REFUSED_CODES:
        error = CredentialsRefusedError(f"{said}; {_fix(code, message, call, resource)}")
    elif code in MISSING_CODES:
        error = SystemicError(
            f"{said}; it does not exist in this account and region: compare the setting with the "
            "outputs of the stack, and AWS_REGION with where it was deployed"
        )
    elif code.startswith(BROKEN_KEY_PREFIXES):
        error = CredentialsRefusedError(
            f"{said}; its encryption key cannot be used: enable the key, or allow kms:Decrypt and "
            "kms:GenerateDataKey on it to the worker's role"
        )
    elif status >= 500 or status == 408:
        error = UnavailableError(said, retry_after_s=_retry_after_s(metadata))
    elif status in {401, 403}:
        error = CredentialsRefusedError(f"{said}; {_fix(code, message, call, resource)}")
    else:
        error = WorkerError(said)
    return error


def key_refusal(message: str) -> str:
    """What AWS says a role may not do with which key, as `kms:Decrypt on arn:aws:kms:…`; "" if it says no such thing.

    The code of such an answer of S3 is that of any other, and only its words tell: "… is not authorized to
    perform: kms:GenerateDataKey on resource: arn:… because …", or "on this resource" for a key that is hidden
    from us. (Source: S3 guide, "Troubleshoot access denied (403 Forbidden) errors".)
    """
    found = _KEY_REFUSAL.search(message)
    return f"{found[1]} on {found[2] or 'the KMS key'}" if found else ""


def _fix(code: str, message: str, call: AwsCall, resource: str) -> str:
    if refused := key_refusal(message):
        return f"allow {refused} to the worker's role"
    if code in _PERMISSION_CODES:
        return f"allow {call.permission} on {resource} to the worker's role"
    if code == "RequestTimeTooSkewed" or any(text in message for text in _CLOCK_TEXTS):
        return "set the clock of this machine (NTP): AWS refuses what is signed minutes off"
    return "give the process valid AWS credentials: these are wrong, expired or of another account"


def _first_line(text: str) -> str:
    # A refused signature is explained over many lines, with the session token among them.
    return text.strip().partition("\n")[0][:_MESSAGE_LIMIT]


def _retry_after_s(metadata: Mapping[str, Any]) -> float | None:
    advice = str(metadata.get("HTTPHeaders", {}).get("retry-after", ""))
    return float(advice) if advice.isascii() and advice.isdigit() else None
