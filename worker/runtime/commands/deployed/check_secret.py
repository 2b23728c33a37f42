"""Checks the secret that a deployment signs in with: there, readable, shaped as it must be."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from typing import Final

from worker.adapters.aws.secrets_manager import SecretsManager
from worker.runtime.commands.deployed.asking import Aws
from worker.runtime.commands.findings import Finding, findings_of
from worker.settings import StoredCredentials, parse_stored_credentials

AREA: Final = "Secret"


def check_secret(aws: Aws, arns: Iterable[str]) -> Iterator[Finding]:
    """Each secret once; no part of its value is ever named.

    Args:
        aws: where.
        arns: HAUTECH_SECRET_ARN of everything that runs; an empty one was told of with the settings.
    """
    wanted = sorted({arn for arn in arns if arn})
    if len(wanted) > 1:
        said = f"what runs does not sign in with the same secret: {', '.join(wanted)}"
        yield Finding(AREA, "secret", "warning", said, "deploy again with one of them")
    for arn in wanted:
        yield from findings_of(AREA, "secret", partial(_read, aws, arn))


def _read(aws: Aws, arn: str) -> Iterator[Finding]:
    values = SecretsManager(aws.client("secretsmanager")).read_secret(arn)
    parse_stored_credentials(values, StoredCredentials(arn))
    yield Finding(AREA, "secret", "ok", f"{arn} can be read and has what is needed (not shown)")
