"""Checks who we are for AWS, and where: region, credentials, account."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final, cast

import botocore.session
from botocore.config import Config

from worker.adapters.aws.errors import ENDPOINT_FIX, AwsCall, aws_errors, is_unreachable
from worker.contracts.text import redact
from worker.errors import UnavailableError
from worker.runtime.commands.environment import region_problems
from worker.runtime.commands.findings import Finding

if TYPE_CHECKING:
    from mypy_boto3_sts import STSClient

AREA: Final = "AWS"
_WHO = AwsCall("STS", "GetCallerIdentity", "sts:GetCallerIdentity")


def check_region() -> Iterator[Finding]:
    """That the SDK knows a region; nothing is found if it does."""
    for problem in region_problems():
        yield Finding(AREA, "region", "failed", problem.rule, problem.fix)


def check_identity(region: str, topic_arn: str) -> Iterator[Finding]:
    """The region and the caller. `topic_arn` may be empty; its account should be the caller's."""
    endpoint = redact(os.environ.get("AWS_ENDPOINT_URL", ""))
    local = f", at {endpoint} instead of AWS" if endpoint else ""
    yield Finding(AREA, "region", "ok", f"{region}{local}")
    client = _sts(region)
    try:
        with aws_errors(_WHO, region):
            caller = client.get_caller_identity()
    except UnavailableError as error:
        if is_unreachable(error) and client.meta.endpoint_url == os.environ.get("AWS_ENDPOINT_URL"):
            yield Finding(AREA, "endpoint", "failed", f"nobody answers at {endpoint}", ENDPOINT_FIX)
            return
        # A private network may have no way to STS; the worker itself does not need it.
        yield Finding(AREA, "credentials", "warning", f"could not ask who we are: {error.message}")
        return
    finally:
        client.close()
    account, arn = str(caller["Account"]), str(caller["Arn"])
    yield Finding(AREA, "credentials", "ok", f"{arn} (account {account})")
    parts = topic_arn.split(":")
    if len(parts) > 4 and parts[4] != account:
        said = f"the topic belongs to account {parts[4]}, the credentials to {account}"
        fix = "use credentials of that account, or allow this one in the policies of the resources"
        yield Finding(AREA, "account", "warning", said, fix)


def _sts(region: str) -> STSClient:
    config = Config(connect_timeout=3, read_timeout=5, retries={"total_max_attempts": 2})
    session = botocore.session.Session()
    return cast("STSClient", session.create_client("sts", region_name=region, config=config))
