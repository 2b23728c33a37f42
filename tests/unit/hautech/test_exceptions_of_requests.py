"""Each exception of requests and urllib3 is told apart: never sent, or sent and lost."""

import ssl
from typing import Any

import pytest
import requests
from urllib3 import exceptions as urllib3_errors
from urllib3.util.ssl_match_hostname import CertificateError

from tests.unit.hautech.fakes import FakeNetwork, client_of
from worker.hautech import (
    AnswerUnknownError,
    ConnectTimedOutError,
    NotSentError,
    ReadTimedOutError,
)


def wrapped(reason: Any, kind: Any = requests.ConnectionError) -> Any:
    """A urllib3 error as requests hands it out."""
    return kind(urllib3_errors.MaxRetryError(None, "/v1?sig=hush", reason))  # type: ignore[arg-type] # the pool is not looked at


def tls_error(reason: Any, kind: Any = ssl.SSLError) -> Any:
    error = kind(1, f"[SSL: {reason}] text")
    error.reason = reason
    return urllib3_errors.SSLError(error)


@pytest.mark.parametrize(
    ("failure", "kind"),
    [
        (
            wrapped(urllib3_errors.NameResolutionError("h", None, OSError(-2, "Name unknown"))),  # type: ignore[arg-type] # shape only
            NotSentError,
        ),
        (wrapped(urllib3_errors.NewConnectionError(None, "no route")), NotSentError),  # type: ignore[arg-type] # shape only
        (
            wrapped(urllib3_errors.ConnectTimeoutError(), requests.ConnectTimeout),
            ConnectTimedOutError,
        ),
        (
            wrapped(
                tls_error("CERTIFICATE_VERIFY_FAILED", ssl.SSLCertVerificationError),
                requests.exceptions.SSLError,
            ),
            NotSentError,
        ),
        (wrapped(tls_error("WRONG_VERSION_NUMBER"), requests.exceptions.SSLError), NotSentError),
        (
            wrapped(
                urllib3_errors.SSLError(CertificateError("hostname mismatch")),
                requests.exceptions.SSLError,
            ),
            NotSentError,
        ),
        (
            wrapped(tls_error("UNEXPECTED_EOF_WHILE_READING"), requests.exceptions.SSLError),
            AnswerUnknownError,
        ),
        (wrapped(tls_error("BAD_RECORD_MAC"), requests.exceptions.SSLError), AnswerUnknownError),
        (
            wrapped(
                urllib3_errors.ProxyError("no proxy", OSError(111, "refused")),
                requests.exceptions.ProxyError,
            ),
            NotSentError,
        ),
        (requests.ConnectionError(urllib3_errors.ClosedPoolError(None, "x")), NotSentError),  # type: ignore[arg-type] # shape only
        (requests.exceptions.InvalidURL("x"), NotSentError),
        (
            requests.ReadTimeout(urllib3_errors.ReadTimeoutError(None, "/?sig=hush", "x")),  # type: ignore[arg-type] # shape only
            ReadTimedOutError,
        ),
        (
            requests.ConnectionError(
                urllib3_errors.ProtocolError("Connection aborted.", OSError())
            ),
            AnswerUnknownError,
        ),
        (requests.ConnectionError("who knows"), AnswerUnknownError),
        (requests.exceptions.ChunkedEncodingError("x"), AnswerUnknownError),
        (requests.exceptions.RequestException(), AnswerUnknownError),
        (TimeoutError("timed out"), AnswerUnknownError),
    ],
)
def test_every_exception_of_requests_is_told_apart(failure: Any, kind: Any) -> None:
    network = FakeNetwork(failure)
    with pytest.raises(kind) as caught:
        client_of(network).run_workflow("w-1", {}, metadata={})
    assert type(caught.value) is kind
    assert "hush" not in str(caught.value)
    assert len(network.seen) == 1
