"""Every way a call to Hautech can fail, as one tree whose branches say what is known.

The first question after a failed call is not "which status?" but "what happened over there?",
so that is what the branches answer::

    HautechError
    ├── NotSentError              nothing left this machine: nothing was done, nothing was paid
    │   ├── ConnectTimedOutError  no connection within the connect timeout
    │   └── ForbiddenUrlError     a link that leaves the configured hosts, so it was not followed
    │       └── ForbiddenAddressError  a host that may be followed, at an address that may not
    ├── RefusedError              a 3xx or 4xx: the other side said no, so nothing was done
    │   ├── BadRequestError       400, 409, 413, 415, 422 and every 4xx not named below
    │   ├── AuthenticationError   401, even with a fresh token if there was time for one
    │   ├── OutOfFundsError       402, or 400 or 403 with a text about balance, credit or funds
    │   ├── PermissionDeniedError 403
    │   ├── NotFoundError         404, 410
    │   │   └── WorkflowNotFoundError  no run route knows the workflow
    │   ├── RateLimitedError      429, 425: later, after `retry_after_s` if they told us
    │   └── RedirectedError       3xx: calls follow no redirect; the API URL needs correcting
    ├── AnswerUnknownError        sent, but whether it was done is unknown
    │   ├── ReadTimedOutError     no answer within the read timeout
    │   └── ServerError           5xx and 408: they say it failed, and it may have happened
    ├── UnusableAnswerError       answered, but the answer cannot be used
    │   ├── InvalidAnswerError    not JSON, not the documented shape, not an image
    │   ├── CutBodyError          the body ended early
    │   ├── TooLargeError         the body is longer than allowed
    │   └── ListTooLongError      a list that did not end within the allowed pages
    ├── DeadlineExceededError     a transfer that moves, but too slowly
    └── BodySizeError             the upload source has another length than was announced
"""


class HautechError(Exception):
    """A call to Hautech failed. Caught by those who treat all failures alike.

    Attributes:
        detail: What went wrong: their words where they sent some, shortened, without secrets.
        method: HTTP method, such as `POST`; empty when no call was made.
        target: Path of the API call, or only the host for a signed link. Never a query string.
        status: HTTP status of the answer, or None without one.
        request_id: Their id of the request, if an answer carried one. For support questions.
        retry_after_s: Seconds to wait, if they said so (`Retry-After`); never negative.
    """

    def __init__(
        self,
        detail: str,
        *,
        method: str = "",
        target: str = "",
        status: int | None = None,
        request_id: str | None = None,
        retry_after_s: float | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.method = method
        self.target = target
        self.status = status
        self.request_id = request_id
        self.retry_after_s = retry_after_s

    def __str__(self) -> str:
        call = f"{self.method} {self.target}".strip()
        status = "" if self.status is None else f"HTTP {self.status}: "
        suffix = f" (request id {self.request_id})" if self.request_id else ""
        return f"{call + ': ' if call else ''}{status}{self.detail}{suffix}"


class NotSentError(HautechError):
    """Nothing was sent: `connection refused`, an unknown host name, a certificate we reject."""


class ConnectTimedOutError(NotSentError):
    """No connection came about in time: a firewall that drops packets."""


class ForbiddenUrlError(NotSentError):
    """A link was not followed: `host "cdn.example.com" is not allowed`."""


class ForbiddenAddressError(ForbiddenUrlError):
    """A host was not connected to: `cdn.hautech.ai leads to 10.0.0.5, a private address`."""


class RefusedError(HautechError):
    """The other side said no, and therefore did nothing."""


class BadRequestError(RefusedError):
    """The request is wrong and will stay wrong: `ttlSeconds must not be less than 1`."""


class AuthenticationError(RefusedError):
    """The token is not accepted, nor a fresh one that there was time for: `Unauthorized`."""


class OutOfFundsError(RefusedError):
    """The account cannot pay: `Insufficient balance`."""


class PermissionDeniedError(RefusedError):
    """The token may not do this: `Missing permission workflows:execute`."""


class NotFoundError(RefusedError):
    """There is no such thing, or not for us: `Image not found`."""


class WorkflowNotFoundError(NotFoundError):
    """Every run route that may be used answered 404 for this workflow, or for what its input names."""


class RateLimitedError(RefusedError):
    """Too many requests: come back after `retry_after_s`."""


class RedirectedError(RefusedError):
    """The API sent us elsewhere, which it never should: `answered with a redirect`."""


class AnswerUnknownError(HautechError):
    """It was sent and no usable answer came: it may or may not have been done.

    Harmless for a read. After a run, look for the pipeline before sending again.
    """


class ReadTimedOutError(AnswerUnknownError):
    """The request was sent and no answer came in time."""


class ServerError(AnswerUnknownError):
    """They failed: `502 Bad Gateway`. The work may have been started before the failure."""


class UnusableAnswerError(HautechError):
    """They answered, and the answer is of no use."""


class InvalidAnswerError(UnusableAnswerError):
    """The answer is not what the API documents: HTML from a proxy, a missing `id`."""


class CutBodyError(UnusableAnswerError):
    """The body ended before its end: `received 1024 of 4096 bytes`."""


class TooLargeError(UnusableAnswerError):
    """The body is longer than the limit that the caller set."""


class ListTooLongError(UnusableAnswerError):
    """A list did not reach the wanted point within the allowed number of pages."""


class DeadlineExceededError(HautechError):
    """Bytes keep coming, too slowly: the whole transfer has a deadline of its own."""


class BodySizeError(HautechError):
    """The upload source held fewer or more bytes than announced; it changed meanwhile."""
