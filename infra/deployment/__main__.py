"""`make secret`, `make deploy` and `make undeploy`: python -m infra.deployment COMMAND --stage STAGE."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from infra.deployment import preflight
from infra.deployment.account import Account, sign_in
from infra.deployment.combinations import problems_of_container, problems_of_resources
from infra.deployment.concurrency import concurrency_warning
from infra.deployment.errors import DeploymentError, PreflightError
from infra.deployment.function_limits import problems_of_functions
from infra.deployment.function_parameters import (
    FunctionParameters,
    for_functions,
    read_parameters,
)
from infra.deployment.monitoring import watch
from infra.deployment.osls import ROOT
from infra.deployment.parameters import (
    CONTAINER,
    MONITORING,
    RESOURCES,
    for_template,
    problems_of,
    read_pairs,
    values_of,
)
from infra.deployment.place import Place, kept_in_words, warnings_of
from infra.deployment.removal import remove_stage
from infra.deployment.rollout import roll_out
from infra.deployment.secret import SecretMissingError, store_secret
from infra.deployment.secret_input import ask
from infra.deployment.service import check_service, deploy_service, remove_service
from infra.deployment.stacks import Stacks
from infra.deployment.stage import Stage
from sandbox.samples import write_samples
from worker.contracts.text import shorten

_NOT_DONE = {"secret": "stored", "undeploy": "removed", "undeploy-container": "removed"}
"""What a command has not done when something must be put right first; the others create."""

_PROMPT = "a woman in a jacket, studio light"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    given = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # osls writes to the same place in between
    try:
        _read_parameters(given)
        stage = Stage(given.stage)
        account = sign_in()
        stacks = Stacks(account.session.client("cloudformation"))
        print(
            f"stage {stage.name} in account {account.account_id}, {account.region}, as {account.identity}"
        )
        if given.command == "secret":
            _keep_secret(account, stage)
            _say_how_to_deploy(stage)
        elif given.command == "preflight":
            _, parameters = _preflight(account, stage, stacks, given)
            if warning := concurrency_warning(account, parameters):
                print(f"warning: {warning}")
        elif given.command == "deploy":
            _deploy(account, stage, stacks, given)
        elif given.command == "deploy-container":
            _deploy_container(account, stage, stacks, given)
        elif given.command == "undeploy-container":
            remove_service(
                account, stage, stacks, with_resources=given.resources, is_forced=given.force
            )
        else:
            remove_stage(
                account, stage, stacks, with_resources=given.resources, is_forced=given.force
            )
    except PreflightError as error:
        print(f"\n{error.told(_NOT_DONE.get(given.command, 'created'))}", file=sys.stderr)
        return 1
    except ResponseParserError as error:  # such as a page of HTML with status 503
        print(
            f"\nAWS, or what is between, gave no answer of AWS: {shorten(' '.join(str(error).split()), 300)}\n"
            "the same command goes on where it was",
            file=sys.stderr,
        )
        return 1
    except (DeploymentError, BotoCoreError, ClientError) as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nstopped; the same command goes on where it was", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m infra.deployment", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for name in (
        "secret",
        "preflight",
        "deploy",
        "undeploy",
        "deploy-container",
        "undeploy-container",
    ):
        command = commands.add_parser(name)
        command.add_argument("--stage", default="dev")
        if name in {"preflight", "deploy", "deploy-container"}:
            command.add_argument(
                "--secret-arn", default="", help="instead of the stage's own secret"
            )
        if name in {"preflight", "deploy"}:
            _add_pairs(command, "--params", "`params` in serverless.yml")
        if name == "deploy-container":
            command.add_argument("--image", default="", help="with a tag or digest")
            command.add_argument("--vpc", default="", help="the network")
            command.add_argument("--subnets", default="", help="of that network, comma-separated")
            _add_pairs(command, "--params", CONTAINER)
        if name in {"preflight", "deploy", "deploy-container"}:
            _add_pairs(command, "--resource-params", RESOURCES)
            _add_pairs(command, "--monitoring-params", f"{MONITORING}; makes alarms")
        if name in {"undeploy", "undeploy-container"}:
            command.add_argument("--resources", action="store_true")
            command.add_argument("--force", action="store_true", help="whatever is left to do")
    return parser


def _add_pairs(command: argparse.ArgumentParser, option: str, of: str) -> None:
    text = f"name=value …, of the parameters of {of}"
    command.add_argument(option, default="", help=text)


def _read_parameters(given: argparse.Namespace) -> None:
    """Replaces the texts of parameters with what they say, if the command takes any.

    Raises:
        PreflightError: one is malformed; all of these are listed.
    """
    problems: list[str] = []
    for name in ("params", "resource_params", "monitoring_params"):
        if not hasattr(given, name):
            continue
        try:
            setattr(given, name, read_pairs(name.upper(), getattr(given, name)))
        except PreflightError as error:
            problems += error.problems
    if problems:
        raise PreflightError(*problems)


def _keep_secret(account: Account, stage: Stage) -> None:
    arn, is_new = store_secret(account, stage, ask())
    print(f"{'stored' if is_new else 'stored a new version'}: {arn}")


def _say_how_to_deploy(stage: Stage) -> None:
    print("what runs reads it when it starts, and again when Hautech refuses the one before. Next:")
    print(f"  make deploy STAGE={stage.name}              (Lambda)")
    print(
        f"  make deploy-container STAGE={stage.name} …  (Fargate, docs/how-to/deploy-on-fargate.md)"
    )


def _preflight(
    account: Account, stage: Stage, stacks: Stacks, given: argparse.Namespace
) -> tuple[preflight.Ready, FunctionParameters]:
    parameters = read_parameters(stage, stacks, given.params)
    resources = for_template("RESOURCE_PARAMS", given.resource_params, RESOURCES)
    found = [
        *problems_of(
            # Kept ones, too: a release before this one may have let them pass.
            for_functions({**parameters.kept, **given.params}),
            resources,
            for_template("MONITORING_PARAMS", given.monitoring_params, MONITORING),
        )
    ]
    visibility = values_of(resources, stacks.parameters(stage.resources_stack))
    found += problems_of_functions(parameters.given, parameters.values, visibility)
    found += problems_of_resources(visibility)

    def look() -> preflight.Ready:
        return preflight.check(
            account,
            stage,
            stacks,
            secret_arn=given.secret_arn,
            resource_parameters=resources.values,
            found=found,
        )

    try:
        return look(), parameters
    except SecretMissingError:
        if not sys.stdin.isatty():
            raise
        print(f"There is no secret {stage.secret_name} yet.")
        _keep_secret(account, stage)
        return look(), parameters


def _deploy(account: Account, stage: Stage, stacks: Stacks, given: argparse.Namespace) -> None:
    ready, parameters = _preflight(account, stage, stacks, given)
    _say_what_is_kept(parameters)
    env_file = roll_out(
        account,
        stage,
        stacks,
        ready,
        parameters=parameters,
        resource_parameters=for_template("", given.resource_params, RESOURCES).values,
        monitoring_parameters=for_template("", given.monitoring_params, MONITORING).values,
    )
    _say_what_next(env_file)


def _say_what_is_kept(parameters: FunctionParameters) -> None:
    for name, value in sorted(parameters.kept.items()):
        print(
            f'{name}={value} as in the last deployment; PARAMS="{name}=" goes back to the default'
        )
    for name in parameters.forgotten:
        print(f"{name} of the last deployment is left out: this release has no such parameter")


def _deploy_container(
    account: Account, stage: Stage, stacks: Stacks, given: argparse.Namespace
) -> None:
    kept = stacks.parameters(stage.container_stack)
    place = Place(
        given.image,
        given.vpc or kept.get("VpcId", ""),
        tuple((given.subnets or kept.get("SubnetIds", "")).replace(",", " ").split()),
    )
    parameters = for_template("PARAMS", given.params, CONTAINER)
    resources = for_template("RESOURCE_PARAMS", given.resource_params, RESOURCES)
    monitoring = for_template("MONITORING_PARAMS", given.monitoring_params, MONITORING)
    found = [
        *problems_of(parameters, resources, monitoring),
        *problems_of_container(values_of(parameters, kept)),
        *problems_of_resources(values_of(resources, stacks.parameters(stage.resources_stack))),
    ]
    ready = check_service(
        account,
        stage,
        stacks,
        place,
        secret_arn=given.secret_arn,
        resource_parameters=resources.values,
        found=found,
    )
    for warning in warnings_of(place):
        print(f"warning: {warning}")
    for line in kept_in_words(parameters, kept, given.vpc, given.subnets):
        print(line)
    env_file = deploy_service(
        account,
        stage,
        stacks,
        ready,
        place,
        parameters=parameters.values,
        resource_parameters=resources.values,
    )
    watch(stage, stacks, monitoring.values)
    _say_what_next(env_file)


def _say_what_next(env_file: Path) -> None:
    photos = write_samples(env_file.parent / "samples")
    print("\ndeployed. The first picture, from drawn samples (use your own photos as you like):\n")
    print(f"  . {_short(env_file)} && .venv/bin/hautech-worker submit --wait \\")
    print(f"      --image {_short(photos.garment)} --pose {_short(photos.pose)} \\")
    print(f"      --aspect-ratio 7:10 --prompt '{_PROMPT}'")


def _short(path: Path) -> Path:
    return path.relative_to(ROOT) if path.is_relative_to(ROOT) else path


if __name__ == "__main__":
    sys.exit(main())
