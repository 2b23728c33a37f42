"""A stage: one deployment of the worker among others in an account, and the names that follow from it."""

from __future__ import annotations

import re
from dataclasses import dataclass

from infra.deployment.errors import PreflightError

SERVICE = "hautech-worker"

_OTHER_STACKS = ("resources-", "monitoring-", "container-")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,18}[a-z0-9]|[a-z]")


@dataclass(frozen=True, slots=True)
class Stage:
    """Names of one stage, such as `dev` or `production`.

    Raises PreflightError when the name cannot be part of the names of stacks and functions.
    """

    name: str

    def __post_init__(self) -> None:
        """Checks the name."""
        # "resources-x" would give its functions the stack of x's resources.
        if not _NAME.fullmatch(self.name) or self.name.startswith(_OTHER_STACKS):
            raise PreflightError(
                f'STAGE: "{self.name[:60]}" cannot be part of the names of stacks and functions: '
                "1 to 20 of a-z, 0-9 and -, a letter first, no - at the end, not resources-…, "
                "monitoring-… or container-…; such as make deploy STAGE=dev"
            )

    @property
    def resources_stack(self) -> str:
        """The stack of infra/resources.yml."""
        return f"{SERVICE}-resources-{self.name}"

    @property
    def monitoring_stack(self) -> str:
        """The stack of infra/monitoring.yml."""
        return f"{SERVICE}-monitoring-{self.name}"

    @property
    def container_stack(self) -> str:
        """The stack of infra/container.yml."""
        return f"{SERVICE}-container-{self.name}"

    @property
    def functions_stack(self) -> str:
        """The stack that osls makes of serverless.yml."""
        return f"{SERVICE}-{self.name}"

    @property
    def secret_name(self) -> str:
        """The secret that `make secret` keeps."""
        return f"{SERVICE}-{self.name}"

    @property
    def tags(self) -> dict[str, str]:
        """On everything that is made for the stage."""
        return {"application": SERVICE, "stage": self.name}
