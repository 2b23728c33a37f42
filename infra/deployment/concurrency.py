"""Whether the account lets as many invocations run side by side as the functions may ask for."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from infra.deployment.account import Account
from infra.deployment.function_parameters import FunctionParameters

_RECONCILE = 1


def concurrency_warning(account: Account, parameters: FunctionParameters) -> str:
    """What to do if the functions may take more than is left; "" if not, or if nobody may know.

    Lambda sets aside nothing for a mapping's maximum concurrency. At the account's limit it throttles
    its own pollers, and each throttled batch counts as a receive. New accounts have as few as ten.
    (Source: Lambda guide, "Lambda quotas" and "Maximum concurrency".)
    """
    parts = [parameters.values[name] for name in ("requestsConcurrency", "pollsConcurrency")]
    if not all(part.isdigit() for part in parts):  # a variable of osls
        return ""
    wanted = sum(int(part) for part in parts) + _RECONCILE
    left = _unreserved(account)
    if left is None or left >= wanted:
        return ""
    return (
        f"the functions may run {wanted} at once (requestsConcurrency {parts[0]}, pollsConcurrency "
        f"{parts[1]}, reconcile {_RECONCILE}), and {account.region} leaves {left} to all functions "
        "without reserved concurrency: at that, Lambda throttles them. Have the quota raised (Service "
        "Quotas, AWS Lambda, Concurrent executions), or deploy with "
        'PARAMS="requestsConcurrency=… pollsConcurrency=…"'
    )


def _unreserved(account: Account) -> int | None:
    client: Any = account.session.client("lambda")
    try:
        limit = client.get_account_settings()["AccountLimit"]["UnreservedConcurrentExecutions"]
    except (ClientError, BotoCoreError, KeyError):  # only a warning would come of it
        return None
    return int(limit)
