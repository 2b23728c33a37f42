"""An answer of AWS counts only if it is whole: the SDK takes one that breaks off for an empty one.

    HTTP/1.1 200 OK              ─┐
    Content-Type: application/…   │ A connection that ends properly in here, or right after it, …
    Content-Length: 812          ─┘
    {"Item": …                      … or in here leaves a body that is too short.

botocore tells urllib3 not to compare the length (`enforce_content_length=False`), and reads an empty
JSON body as `{}`: no item in the table, no message in the queue, all well. A poll message of a paid
job was dropped that way, for a job that was "not there". Where the header itself breaks off, the
length is missing: `http.client` reads lines until an empty one or the end, and is content.
Source: botocore `URLLib3Session.send`, `BaseJSONParser`; CPython `http.client._read_headers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from botocore.exceptions import ResponseStreamingError

_NEVER_A_BODY: Final = frozenset({204, 304})


def refuse_cut_answers(client: Any) -> None:
    """Lets every answer of the client that is not whole fail like a lost connection.

    A streamed body is not looked at: whoever reads it knows its length. The SDK does not repeat
    such a call; the message comes back and the engine does.
    """
    client.meta.events.register("before-parse", _check)


def _check(operation_model: Any, response_dict: Mapping[str, Any], **_: object) -> None:
    status, headers = response_dict["status_code"], response_dict["headers"]
    is_head = operation_model.http.get("method") == "HEAD"
    if status in _NEVER_A_BODY or (is_head and status >= 300):
        return
    length = headers.get("Content-Length", "").strip()
    if not length.isdigit():
        if "Transfer-Encoding" in headers:  # urllib3 insists on the last chunk
            return
        raise ResponseStreamingError(error="the header of the answer broke off")
    body = response_dict["body"]
    if isinstance(body, bytes) and not is_head and len(body) != int(length):
        raise ResponseStreamingError(error=f"{len(body)} of {length} bytes came")
    if isinstance(body, bytes) and _speaks_json(operation_model) and not _is_object(body.strip()):
        raise ResponseStreamingError(error=f"{length} bytes came that are no JSON object")


def _speaks_json(operation_model: Any) -> bool:
    return "json" in str(operation_model.service_model.resolved_protocol)


def _is_object(text: bytes) -> bool:
    """Not parsed, for that is the SDK's work; but it takes any other text for `{}`."""
    return not text or (text.startswith(b"{") and text.endswith(b"}"))
