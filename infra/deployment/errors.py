"""Why a deployment cannot go on: each problem names the thing and what to do about it."""

from __future__ import annotations


class DeploymentError(Exception):
    """A deployment ended here: "stack hautech-worker-resources-dev ended ROLLBACK_COMPLETE: …"."""


class PreflightError(DeploymentError):
    """Something must be put right before anything is created; all of it is listed."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        super().__init__(self.told())

    def told(self, done: str = "created") -> str:
        """All of it, with what has not been `done` meanwhile."""
        lines = "\n".join(f"  - {problem}" for problem in self.problems)
        return f"nothing was {done}; to be put right first:\n{lines}"
