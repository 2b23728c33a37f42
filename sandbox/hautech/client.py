"""A thin client of the control routes, for tests, demo and bench."""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

import requests

from sandbox.hautech.faults import FaultRule

_TIMEOUT_S = (5, 30)


class ControlClient:
    """Tells a stand-in what to do and asks what happened.

    Args:
        control_url: the `controlUrl` that the stand-in announced.
    """

    def __init__(self, control_url: str) -> None:
        self.control_url = control_url
        self._session = requests.Session()
        # Loopback only: a proxy from the environment would not find it.
        self._session.trust_env = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._session.close()

    def counters(self) -> dict[str, Any]:
        """`requests`, `runs`, `images`, `contents` and, by name, `routes` with `total`,
        `byStatus` and `byFault`.
        """
        return self._call("GET", "counters")

    def calls(self, route: str) -> int:
        """How often a route was called; `workflows.run` sums up all run routes."""
        routes = self.counters()["routes"]
        return sum(
            int(counts["total"])
            for name, counts in routes.items()
            if name == route or name.startswith(route + ".")
        )

    def log(self, *, after: int = 0, page_size: int = 1000) -> list[dict[str, Any]]:
        """All remembered requests with a number above `after`, oldest first."""
        entries: list[dict[str, Any]] = []
        while True:
            page = self._call("GET", f"log?after={after}&limit={page_size}")["data"]
            if not page:
                return entries
            entries += page
            after = page[-1]["number"]

    def runs(self) -> list[dict[str, Any]]:
        """All runs, oldest first: `pipelineId, operationId, workflow, workflowId, metadata` (as
        sent), `input, status, consumedCredits, createdAt, updatedAt`.
        """
        data: list[dict[str, Any]] = self._call("GET", "runs")["data"]
        return data

    def add_fault(self, rule: FaultRule | Mapping[str, Any]) -> str:
        """Puts a fault rule in force and returns its id."""
        document = rule.to_json() if isinstance(rule, FaultRule) else dict(rule)
        return str(self._call("POST", "faults", document)["id"])

    def faults(self) -> list[dict[str, Any]]:
        """The rules in force: `id, rule, left, hits`."""
        data: list[dict[str, Any]] = self._call("GET", "faults")["data"]
        return data

    def clear_faults(self) -> None:
        """Lifts all fault rules."""
        self._call("DELETE", "faults")

    def options(self) -> dict[str, Any]:
        """All switches by their JSON keys."""
        return self._call("GET", "options")

    def set_options(self, **changes: Any) -> dict[str, Any]:
        """Changes switches, given by their JSON keys; returns all of them."""
        return self._call("POST", "options", changes)

    def advance(self, seconds: float) -> None:
        """Moves the stand-in's clock forward."""
        self._call("POST", "advance", {"seconds": seconds})

    def reset(self) -> None:
        """Forgets everything but credentials, the options at the start and the clock."""
        self._call("POST", "reset")

    def _call(
        self, method: str, path: str, document: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        response = self._session.request(
            method, f"{self.control_url}/{path}", json=document, timeout=_TIMEOUT_S
        )
        answer: dict[str, Any] = response.json()
        if response.status_code == 400:
            raise ValueError(answer["message"])
        response.raise_for_status()
        return answer
