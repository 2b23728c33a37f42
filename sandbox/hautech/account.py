"""The account's credits, which runs use up."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from sandbox.hautech.clock import rfc3339


def decimal_string(amount: Decimal) -> str:
    """Money as the API writes it: plain digits without exponent or trailing zeros."""
    text = f"{amount:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


class Account:
    """One account; its balance may go below zero."""

    def __init__(self, account_id: str, *, balance: Decimal, created_at: datetime) -> None:
        self.id = account_id
        self.balance = balance
        self.created_at = created_at

    @property
    def is_broke(self) -> bool:
        """Whether nothing is left."""
        return self.balance <= 0

    def charge(self, amount: Decimal) -> None:
        """Takes credits away."""
        self.balance -= amount

    def entity(self, permissions: tuple[str, ...]) -> dict[str, Any]:
        """The SelfAccountDto document of the caller."""
        return {
            "id": self.id,
            "alias": "sandbox",
            "type": "root" if "*" in permissions else "user",
            "permissions": list(permissions),
            "balance": decimal_string(self.balance),
            "createdAt": rfc3339(self.created_at),
        }
