"""`python -m worker.runtime.probe`: whether the worker in this container is healthy, by exit code.

    0   /healthz says so, or the health endpoints are off and nobody can tell
    1   it does not, or nobody answers; stdout has the reasons

For the HEALTHCHECK of an image without curl. It imports nothing that takes long, and asks no proxy.
"""

from __future__ import annotations

import http.client
import os
import sys
from collections.abc import Mapping
from typing import Final

DEFAULT_PORT: Final = "8080"
"""As in `worker.settings.specs`, whose import would take longer than all the rest."""

TIMEOUT_S: Final = 4.0
"""Less than what a runtime gives a health check (5 s or more), so that the reason can be told."""

_OFF: Final = frozenset({"", "off", "none"})
_EVERYWHERE: Final = frozenset({"", "0.0.0.0"})  # noqa: S104 - compared
_SHOWN_BYTES: Final = 4096


def probe(environ: Mapping[str, str]) -> tuple[bool, str]:
    """Whether the worker with these settings is healthy, and what it says.

    Never raises: whatever keeps the answer away is the answer.
    """
    port = environ.get("WORKER_HEALTH_PORT", DEFAULT_PORT).strip()
    if port.lower() in _OFF:
        return True, "the health endpoints are off: WORKER_HEALTH_PORT is empty"
    if port == "0":
        return False, "WORKER_HEALTH_PORT is 0, any free port: name one that can be asked"
    host = environ.get("WORKER_HEALTH_HOST", "").strip()
    host = "127.0.0.1" if host in _EVERYWHERE else host
    try:
        connection = http.client.HTTPConnection(host, int(port), timeout=TIMEOUT_S)
        connection.request("GET", "/healthz")
        answer = connection.getresponse()
        said = answer.read(_SHOWN_BYTES).decode("utf-8", "replace").strip()
        connection.close()
    except (OSError, OverflowError, ValueError, http.client.HTTPException) as error:
        return False, f"no answer from {host}:{port}: {error}"
    return answer.status == http.client.OK, said


if __name__ == "__main__":
    is_healthy, said = probe(os.environ)
    sys.stdout.write(f"{said}\n")
    sys.exit(0 if is_healthy else 1)
