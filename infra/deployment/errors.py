"""Why a deployment cannot go on: each problem names the thing and what to do about it."""

from __future__ import annotations


class DeploymentError(Exception):
    """A deployment ended here: "stack hautech-worker-resources-dev ended ROLLBACK_COMPLETE: …"."""


class PreflightError(DeploymentError):
    """Something must be put right before anything is created; all of it is listed."""

    def __init__(self, *problems: str) -> None:
        self.problems = problems
        lines = "\n".join(f"  - {problem}" for problem in problems)
        super().__init__(f"nothing was created; to be put right first:\n{lines}")
