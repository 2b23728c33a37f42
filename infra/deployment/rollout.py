"""Puts a stage into an account: resources, functions, and the file for the command line."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from infra.deployment.account import Account
from infra.deployment.env_file import settings_of, write_env_file
from infra.deployment.function_parameters import KEPT, FunctionParameters
from infra.deployment.monitoring import watch
from infra.deployment.osls import ROOT, deploy_functions
from infra.deployment.preflight import Ready
from infra.deployment.stacks import Stacks
from infra.deployment.stage import Stage

RESOURCES_TEMPLATE = ROOT / "infra" / "resources.yml"


def roll_out(
    account: Account,
    stage: Stage,
    stacks: Stacks,
    ready: Ready,
    *,
    parameters: FunctionParameters,
    resource_parameters: Mapping[str, str],
    monitoring_parameters: Mapping[str, str],
) -> Path:
    """Makes or changes the stacks; the path of the environment file.

    Args:
        account: where.
        stage: which.
        stacks: the stacks there.
        ready: what the preflight found.
        parameters: values of the `params` of serverless.yml; they are kept for the next time.
        resource_parameters: values of parameters of infra/resources.yml; others stay as they are.
        monitoring_parameters: the same of infra/monitoring.yml; see `watch`.

    Raises:
        DeploymentError: one of the stacks failed; it names what failed first.
    """
    outputs = make_resources(stage, stacks, resource_parameters)
    secret = {"hautechSecretArn": ready.secret.arn, "secretKeyArn": ready.secret.key_arn}
    names = {"resourcesStack": stage.resources_stack, KEPT: parameters.to_keep()}
    given = {
        name: value for name, value in {**parameters.given, **secret, **names}.items() if value
    }
    deploy_functions(account, stage, given)
    env_file = keep_settings(account, stage, ready, outputs, parameters.values["hautechApiUrl"])
    watch(stage, stacks, monitoring_parameters)
    return env_file


def make_resources(
    stage: Stage, stacks: Stacks, parameters: Mapping[str, str]
) -> Mapping[str, str]:
    """Makes or changes the resources stack; its outputs. Parameters not given stay as they are.

    Raises:
        DeploymentError: it failed; the error names what failed first.
    """
    return stacks.apply(
        stage.resources_stack,
        RESOURCES_TEMPLATE.read_text(encoding="utf-8"),
        parameters=parameters,
        tags=stage.tags,
    )


def keep_settings(
    account: Account,
    stage: Stage,
    ready: Ready,
    outputs: Mapping[str, str],
    api_url: str | None,
) -> Path:
    """Writes the environment file of a stage for the command line; its path. No secret is in it."""
    values = {
        **settings_of(outputs),
        "AWS_REGION": account.region,
        "HAUTECH_SECRET_ARN": ready.secret.arn,
    }
    if api_url:
        values["HAUTECH_API_URL"] = api_url
    return write_env_file(stage.name, values)
