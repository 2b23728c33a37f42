"""Tells "never sent" from "sent, answer lost" by looking inside the exceptions of requests.

`requests.ConnectionError` mixes the two, and the difference decides whether a paid call may be
repeated. So the rule is: *not sent* needs proof (no name, no connection, no trusted TLS peer);
everything else counts as sent. A pooled connection that the server closed just before we wrote
looks exactly like a lost answer, and therefore is one.
"""

import ssl
from typing import Final

import requests
from urllib3 import exceptions as urllib3_errors
from urllib3.util.ssl_match_hostname import CertificateError

from worker.hautech.errors import (
    AnswerUnknownError,
    ConnectTimedOutError,
    CutBodyError,
    HautechError,
    InvalidAnswerError,
    NotSentError,
    ReadTimedOutError,
)

# TLS failures that only a handshake can produce. Others, a lost alert for example, may arrive
# after the request went out (TLS 1.3 lets the client speak first).
_HANDSHAKE_REASONS: Final = frozenset(
    {
        "NO_PROTOCOLS_AVAILABLE",
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "TLSV1_UNRECOGNIZED_NAME",
        "SSLV3_ALERT_HANDSHAKE_FAILURE",
        "UNSUPPORTED_PROTOCOL",
        "WRONG_VERSION_NUMBER",
    }
)
_UNUSABLE_URL: Final = (
    requests.exceptions.InvalidURL,
    requests.exceptions.InvalidSchema,
    requests.exceptions.MissingSchema,
    requests.exceptions.InvalidHeader,
    urllib3_errors.LocationValueError,
)


def error_of_broken_exchange(
    broken: Exception, *, method: str, target: str, timeout_s: tuple[float, float]
) -> HautechError:
    """The error for an exchange that ended without a complete answer header.

    Args:
        broken: What requests, urllib3 or the socket raised.
        method: HTTP method of the call.
        target: Path of the call, or the host of a signed link.
        timeout_s: Connect and read timeout that were in force.
    """
    kind, detail = _verdict(_reason(broken), timeout_s)
    return kind(detail, method=method, target=target)


def _verdict(
    reason: BaseException, timeout_s: tuple[float, float]
) -> tuple[type[HautechError], str]:
    # The order matters: "no connection" is a kind of connect timeout in urllib3's tree.
    kind: type[HautechError] = NotSentError
    if isinstance(reason, urllib3_errors.NewConnectionError):
        detail = f"no connection: {_root_text(reason)}; nothing was sent"
    elif isinstance(reason, urllib3_errors.ConnectTimeoutError):
        kind = ConnectTimedOutError
        detail = f"no connection within {timeout_s[0]:g} s; nothing was sent"
    elif isinstance(reason, urllib3_errors.ProxyError):
        detail = f"no way through the proxy: {_root_text(reason)}; nothing was sent"
    elif _is_failed_handshake(reason):
        detail = f"no trusted TLS connection: {_root_text(reason)}; nothing was sent"
    elif isinstance(reason, urllib3_errors.ClosedPoolError):
        detail = "the client is closed; nothing was sent"
    elif isinstance(reason, _UNUSABLE_URL):
        detail = "the URL or a header cannot be sent as it is; nothing was sent"
    elif isinstance(reason, urllib3_errors.ReadTimeoutError):
        kind, detail = ReadTimedOutError, f"sent, but no answer within {timeout_s[1]:g} s"
    else:
        kind = AnswerUnknownError
        detail = f"sent, but the answer was lost: {_root_text(reason)}"
    return kind, detail


def error_of_broken_body(
    broken: Exception, *, method: str, target: str, status: int, received_bytes: int
) -> HautechError:
    """The error for an answer whose header came and whose body broke off."""
    if isinstance(broken, urllib3_errors.ReadTimeoutError):
        return ReadTimedOutError(
            f"the answer stopped after {received_bytes} bytes",
            method=method,
            target=target,
            status=status,
        )
    if isinstance(broken, (urllib3_errors.DecodeError, urllib3_errors.InvalidHeader)):
        return InvalidAnswerError(
            "the answer is encoded in a way that cannot be read",
            method=method,
            target=target,
            status=status,
        )
    return CutBodyError(
        f"the answer was cut after {received_bytes} bytes: {_root_text(broken)}",
        method=method,
        target=target,
        status=status,
    )


def is_dropped_connection(error: HautechError) -> bool:
    """Whether the answer was lost because the connection dropped, not because time ran out.

    Typical for a kept-alive connection that the server closed meanwhile; a call that may be
    repeated is then repeated at once.
    """
    return type(error) is AnswerUnknownError and error.status is None


def _reason(broken: Exception) -> BaseException:
    """The urllib3 error inside a requests error, or the error itself."""
    inner = broken.args[0] if broken.args else None
    if isinstance(inner, urllib3_errors.MaxRetryError):
        inner = inner.reason
    return inner if isinstance(inner, Exception) else broken


def _is_failed_handshake(reason: BaseException) -> bool:
    if not isinstance(reason, (urllib3_errors.SSLError, requests.exceptions.SSLError)):
        return False
    inner = reason.args[0] if reason.args else None
    # A certificate is judged before anything is sent, by the ssl module or by urllib3 itself.
    if isinstance(inner, (ssl.SSLCertVerificationError, CertificateError)):
        return True
    return isinstance(inner, ssl.SSLError) and inner.reason in _HANDSHAKE_REASONS


def _root_text(error: BaseException) -> str:
    """The innermost cause in a few words, without the URL that outer messages quote."""
    seen = 0
    while seen < 10:
        seen += 1
        inner = error.__cause__ or next(
            (one for one in reversed(error.args) if isinstance(one, BaseException)), None
        )
        if inner is None:
            break
        error = inner
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return type(error).__name__
