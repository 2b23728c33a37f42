"""`make secret`, `make deploy` and `make undeploy`: python -m infra.deployment COMMAND --stage STAGE."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Sequence
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from infra.deployment import preflight
from infra.deployment.account import Account, sign_in
from infra.deployment.concurrency import concurrency_warning
from infra.deployment.errors import DeploymentError
from infra.deployment.function_parameters import (
    FunctionParameters,
    for_functions,
    read_parameters,
)
from infra.deployment.osls import ROOT
from infra.deployment.parameters import (
    CONTAINER,
    MONITORING,
    RESOURCES,
    for_template,
    problems_of,
)
from infra.deployment.removal import remove_stage
from infra.deployment.rollout import roll_out
from infra.deployment.secret import SecretMissingError, store_secret
from infra.deployment.secret_input import ask
from infra.deployment.service import Place, check_service, deploy_service, remove_service
from infra.deployment.stacks import Stacks
from infra.deployment.stage import Stage
from sandbox.samples import write_samples

_PROMPT = "a woman in a jacket, studio light"


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    given = _parser().parse_args(arguments)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # osls writes to the same place in between
    try:
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
            _preflight(account, stage, stacks, given)
            parameters = read_parameters(stage, stacks, given.params)
            if warning := concurrency_warning(account, parameters):
                print(f"warning: {warning}")
        elif given.command == "deploy":
            _deploy(account, stage, stacks, given)
        elif given.command == "deploy-container":
            _deploy_container(account, stage, stacks, given)
        elif given.command == "undeploy-container":
            remove_service(account, stage, stacks, with_resources=given.resources)
        else:
            remove_stage(account, stage, stacks, with_resources=given.resources)
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
            _add_pairs(command, "--monitoring-params", f"{MONITORING}; makes alarms")
        if name == "deploy-container":
            command.add_argument("--image", default="", help="with a tag or digest")
            command.add_argument("--vpc", default="", help="the network")
            command.add_argument("--subnets", default="", help="of that network, comma-separated")
            _add_pairs(command, "--params", CONTAINER)
        if name in {"preflight", "deploy", "deploy-container"}:
            _add_pairs(command, "--resource-params", RESOURCES)
        if name in {"undeploy", "undeploy-container"}:
            command.add_argument("--resources", action="store_true")
    return parser


def _add_pairs(command: argparse.ArgumentParser, option: str, of: str) -> None:
    text = f"name=value …, of the parameters of {of}"
    command.add_argument(option, default="", type=_pairs, help=text)


def _pairs(text: str) -> dict[str, str]:
    pairs = [word.partition("=") for word in text.split()]
    if wrong := [name for name, equals, _ in pairs if not (name and equals)]:
        raise argparse.ArgumentTypeError(f"{', '.join(wrong)}: must be name=value, space-separated")
    return {name: value for name, _, value in pairs}


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
) -> preflight.Ready:
    found = [
        *problems_of(
            for_functions(given.params),
            for_template("RESOURCE_PARAMS", given.resource_params, RESOURCES),
            for_template("MONITORING_PARAMS", given.monitoring_params, MONITORING),
        )
    ]
    arn = given.secret_arn
    try:
        return preflight.check(account, stage, stacks, secret_arn=arn, found=found)
    except SecretMissingError:
        if not sys.stdin.isatty():
            raise
        print(f"There is no secret {stage.secret_name} yet.")
        _keep_secret(account, stage)
        return preflight.check(account, stage, stacks, secret_arn=arn, found=found)


def _deploy(account: Account, stage: Stage, stacks: Stacks, given: argparse.Namespace) -> None:
    ready = _preflight(account, stage, stacks, given)
    parameters = read_parameters(stage, stacks, given.params)
    _say_what_is_kept(parameters)
    env_file = roll_out(
        account,
        stage,
        stacks,
        ready,
        parameters=parameters,
        resource_parameters=given.resource_params,
        monitoring_parameters=given.monitoring_params,
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
    subnets = tuple(word for word in given.subnets.replace(",", " ").split() if word)
    place = Place(given.image, given.vpc, subnets)
    found = problems_of(
        for_template("PARAMS", given.params, CONTAINER),
        for_template("RESOURCE_PARAMS", given.resource_params, RESOURCES),
    )
    ready = check_service(
        account, stage, stacks, place, secret_arn=given.secret_arn, found=[*found]
    )
    env_file = deploy_service(
        account,
        stage,
        stacks,
        ready,
        place,
        parameters=given.params,
        resource_parameters=given.resource_params,
    )
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
