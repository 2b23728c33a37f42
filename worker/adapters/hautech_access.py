"""Decides what a 403 means: a permission that we lack, or an id in the request that is not ours.

Hautech answers both alike. The first stops every job and is the operator's to mend; the second
is one job's own fault. The account's own record, which needs no permission, tells them apart.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Lock
from typing import Final

from worker.adapters.hautech_errors import said_by, translate_error
from worker.errors import CredentialsRefusedError, HautechRefusedError, WorkerError
from worker.hautech.client import HautechClient
from worker.hautech.errors import AuthenticationError, HautechError, PermissionDeniedError
from worker.hautech.models import Account

REMEMBER_S: Final = 60.0
PROBE_S: Final = 5.0
"""The longest that reading the account may take: a job is held meanwhile."""


class AccessJudge:
    """Asks for the account at most once a minute, whatever comes of it. Thread-safe.

    Args:
        client: Reads the account.
        monotonic: Clock, seconds.
    """

    def __init__(
        self, client: HautechClient, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._client = client
        self._monotonic = monotonic
        self._lock = Lock()
        self._found: Account | HautechError | None = None
        self._asked_at_s = 0.0

    def judge(self, refusal: PermissionDeniedError, permission: str) -> WorkerError:
        """Our error for a 403 on a call with ids of the caller.

        Args:
            refusal: The 403.
            permission: What the call needs, such as `workflows:execute`.
        """
        found = self._account()
        if isinstance(found, (AuthenticationError, PermissionDeniedError)):
            return CredentialsRefusedError(
                f"{said_by(refusal)} (the account itself may not be read either: check the "
                f"worker's token; {said_by(found)})"
            )
        if isinstance(found, HautechError):
            return translate_error(refusal)
        if found.allows(permission) is False:
            return CredentialsRefusedError(
                f"{said_by(refusal)} (the worker's token lacks the permission {permission}: "
                "grant it, or use a key that has it)"
            )
        return HautechRefusedError(
            f"{said_by(refusal)} (an id in the request belongs to another account, or the "
            f"worker's token lacks the permission {permission}; Hautech accepts the token itself)"
        )

    def _account(self) -> Account | HautechError:
        # Threads that come meanwhile wait for this answer instead of asking, too.
        with self._lock:
            is_old = self._monotonic() - self._asked_at_s >= REMEMBER_S
            if self._found is None or is_old:
                try:
                    self._found = self._client.get_account(deadline_s=PROBE_S)
                except HautechError as error:
                    self._found = error
                self._asked_at_s = self._monotonic()
            return self._found
