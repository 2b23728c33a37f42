"""Every AWS error that we know becomes the error that decides what is done about it."""

from typing import Any

import pytest
from botocore import exceptions as sdk
from botocore.parsers import ResponseParserError

from worker.adapters.aws.errors import (
    MISSING_CODES,
    REFUSED_CODES,
    THROTTLED_CODES,
    UNAVAILABLE_CODES,
    AwsCall,
    aws_errors,
    entry_error,
    translated,
)
from worker.errors import (
    CredentialsRefusedError,
    SystemicError,
    ThrottledError,
    TransientError,
    UnavailableError,
    WorkerError,
)

CALL = AwsCall("SQS", "SendMessageBatch", "sqs:SendMessage")
URL = "https://sqs.eu-west-1.amazonaws.com/1/polls"


def answer(
    code: str, status: int = 400, message: str = "why", headers: dict[str, str] | None = None
) -> sdk.ClientError:
    response: Any = {
        "Error": {"Code": code, "Message": message},
        "ResponseMetadata": {
            "HTTPStatusCode": status,
            "RequestId": "r-17",
            "HTTPHeaders": headers or {},
        },
    }
    return sdk.ClientError(response, "SendMessageBatch")


@pytest.mark.parametrize(
    ("codes", "kind"),
    [
        (THROTTLED_CODES, ThrottledError),
        (UNAVAILABLE_CODES, UnavailableError),
        (REFUSED_CODES, CredentialsRefusedError),
        (MISSING_CODES, SystemicError),
    ],
)
def test_every_code_has_its_class_whatever_the_status(
    codes: frozenset[str], kind: type[WorkerError]
) -> None:
    for code in codes:
        for status in (400, 403, 404, 500, 503):
            assert type(translated(answer(code, status), CALL, URL)) is kind, (code, status)


def test_no_code_stands_in_two_tables() -> None:
    tables = [THROTTLED_CODES, UNAVAILABLE_CODES, REFUSED_CODES, MISSING_CODES]
    assert len(frozenset().union(*tables)) == sum(len(table) for table in tables)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, WorkerError),
        (401, CredentialsRefusedError),
        (403, CredentialsRefusedError),
        (408, UnavailableError),
        (409, WorkerError),
        (429, ThrottledError),
        (500, UnavailableError),
        (502, UnavailableError),
        (503, UnavailableError),
        (504, UnavailableError),
        (599, UnavailableError),
    ],
)
def test_unknown_code_is_judged_by_its_status(status: int, kind: type[WorkerError]) -> None:
    assert type(translated(answer("NeverSeen", status), CALL, URL)) is kind


@pytest.mark.parametrize("code", ["KMS.DisabledException", "KmsInvalidState", "KMSNotFound"])
def test_key_that_cannot_be_used_is_a_matter_of_permissions(code: str) -> None:
    error = translated(answer(code), CALL, URL)
    assert isinstance(error, CredentialsRefusedError)
    assert "kms:Decrypt" in error.message


SDK_ERRORS: list[tuple[Exception, type[WorkerError]]] = [
    (sdk.EndpointConnectionError(endpoint_url=URL), UnavailableError),
    (sdk.ConnectTimeoutError(endpoint_url=URL), UnavailableError),
    (sdk.ReadTimeoutError(endpoint_url=URL), UnavailableError),
    (sdk.ConnectionClosedError(endpoint_url=URL), UnavailableError),
    (sdk.SSLError(endpoint_url=URL, error=OSError("x")), UnavailableError),
    (sdk.ProxyConnectionError(proxy_url="http://proxy"), UnavailableError),
    (sdk.HTTPClientError(error="x"), UnavailableError),
    (sdk.ResponseStreamingError(error="x"), UnavailableError),
    (sdk.IncompleteReadError(actual_bytes=1, expected_bytes=2), UnavailableError),
    (sdk.FlexibleChecksumError(error_msg="x"), UnavailableError),
    (ResponseParserError("not XML"), UnavailableError),
    (sdk.NoCredentialsError(), CredentialsRefusedError),
    (sdk.PartialCredentialsError(provider="env", cred_var="x"), CredentialsRefusedError),
    (sdk.CredentialRetrievalError(provider="x", error_msg="x"), CredentialsRefusedError),
    (sdk.TokenRetrievalError(provider="x", error_msg="x"), CredentialsRefusedError),
    (sdk.UnauthorizedSSOTokenError(), CredentialsRefusedError),
    (sdk.ProfileNotFound(profile="x"), CredentialsRefusedError),
    (sdk.ParamValidationError(report="x"), WorkerError),
]


@pytest.mark.parametrize(
    ("error", "kind"), SDK_ERRORS, ids=[type(one).__name__ for one, _ in SDK_ERRORS]
)
def test_every_error_without_an_answer_has_its_class(
    error: Exception, kind: type[WorkerError]
) -> None:
    ours = translated(error, CALL, URL)
    assert type(ours) is kind
    assert "SQS SendMessageBatch" in ours.message
    assert URL in ours.message
    assert type(error).__name__ in ours.message


@pytest.mark.parametrize(
    ("endpoint", "error", "is_asked"),
    [
        ("http://127.0.0.1:1", sdk.EndpointConnectionError(endpoint_url=URL), True),
        ("http://127.0.0.1:1", sdk.ConnectTimeoutError(endpoint_url=URL), True),
        ("http://127.0.0.1:1", sdk.ReadTimeoutError(endpoint_url=URL), False),
        ("", sdk.EndpointConnectionError(endpoint_url=URL), False),
    ],
)
def test_an_emulator_that_nobody_reaches_may_have_been_stopped(
    monkeypatch: pytest.MonkeyPatch, endpoint: str, error: Exception, *, is_asked: bool
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)

    said = translated(error, CALL, URL).message

    assert said.endswith("; is what AWS_ENDPOINT_URL names still running?") == is_asked


def test_message_names_call_resource_code_status_reason_and_request() -> None:
    error = translated(answer("NeverSeen", 418), CALL, URL)
    assert error.message == (
        f"SQS SendMessageBatch on {URL}: NeverSeen (HTTP 418) why [request id r-17]"
    )


def test_refused_call_names_the_permission() -> None:
    error = translated(answer("AccessDenied", 403), CALL, URL)
    assert f"allow sqs:SendMessage on {URL}" in error.message


def test_a_key_that_may_not_be_used_is_named_in_place_of_the_permission() -> None:
    key = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd"
    said = f"User: x is not authorized to perform: kms:GenerateDataKey on resource: {key} because"

    error = translated(answer("KMS.AccessDeniedException", 400, said), CALL, URL)

    assert error.message.endswith(f"allow kms:GenerateDataKey on {key} to the worker's role")


def test_expired_credentials_do_not_ask_for_a_permission() -> None:
    error = translated(answer("ExpiredToken", 403), CALL, URL)
    assert "sqs:SendMessage" not in error.message
    assert "credentials" in error.message


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("RequestTimeTooSkewed", "The difference between the request time and the current time …"),
        ("InvalidSignatureException", "Signature expired: 20260301T115000Z is now earlier than …"),
        ("SignatureDoesNotMatch", "Signature not yet current: 20260301T121000Z is still later …"),
    ],
)
def test_wrong_clock_is_named(code: str, message: str) -> None:
    assert "set the clock" in translated(answer(code, 403, message), CALL, URL).message


def test_canonical_request_with_its_session_token_stays_out_of_the_message() -> None:
    long_story = "The signature does not match.\n\nx-amz-security-token:hush-hush\n"
    error = translated(answer("SignatureDoesNotMatch", 403, long_story), CALL, URL)
    assert "hush" not in error.message
    assert "does not match." in error.message


@pytest.mark.parametrize(
    ("header", "retry_after_s"), [("7", 7.0), ("soon", None), ("", None), ("-1", None)]
)
def test_servers_own_advice_is_kept(header: str, retry_after_s: float | None) -> None:
    error = translated(answer("SlowDown", 503, headers={"retry-after": header}), CALL, URL)
    assert isinstance(error, TransientError)
    assert error.retry_after_s == retry_after_s


def test_block_raises_our_error_from_theirs() -> None:
    theirs = answer("AccessDenied", 403)
    with pytest.raises(CredentialsRefusedError) as refused, aws_errors(CALL, URL):
        raise theirs
    assert refused.value.__cause__ is theirs


@pytest.mark.parametrize("error", [KeyError("bug"), UnavailableError("ours"), KeyboardInterrupt()])
def test_block_lets_everything_else_pass(error: BaseException) -> None:
    with pytest.raises(type(error)) as passed, aws_errors(CALL, URL):
        raise error
    assert passed.value is error


def test_failed_entry_is_the_servers_fault_unless_it_says_ours() -> None:
    theirs = entry_error("Strange", "why", CALL, URL, is_our_fault=False)
    ours = entry_error("Strange", "why", CALL, URL, is_our_fault=True)
    assert type(theirs) is UnavailableError
    assert type(ours) is WorkerError
