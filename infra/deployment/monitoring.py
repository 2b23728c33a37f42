"""Alarms and dashboard of a stage: made when somebody asks for them, and kept up to date from then on."""

from __future__ import annotations

from collections.abc import Mapping

from infra.deployment.osls import ROOT
from infra.deployment.stacks import Stacks
from infra.deployment.stage import Stage

MONITORING_TEMPLATE = ROOT / "infra" / "monitoring.yml"


def watch(stage: Stage, stacks: Stacks, parameters: Mapping[str, str]) -> bool:
    """Makes or changes the monitoring stack; False when nobody ever asked for one.

    Args:
        stage: which; its resources stack must be there.
        stacks: the stacks of the account.
        parameters: of infra/monitoring.yml; others stay as they are. None of them, and no such
            stack yet, makes none: alarms cost, and somebody must want to hear them.

    Raises:
        DeploymentError: the stack failed; it names what failed first.
    """
    if not parameters and stacks.status(stage.monitoring_stack) is None:
        return False
    has_functions = stacks.status(stage.functions_stack) is not None
    own = {
        "ResourcesStackName": stage.resources_stack,
        # Empty makes no alarms on functions, of which containers have none.
        "FunctionPrefix": stage.functions_stack if has_functions else "",
    }
    stacks.apply(
        stage.monitoring_stack,
        MONITORING_TEMPLATE.read_text(encoding="utf-8"),
        parameters={**parameters, **own},
        tags=stage.tags,
    )
    return True
