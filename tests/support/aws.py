"""An emulated AWS with the real stack on it, for tests: what the `aws` fixtures hand out."""

import os
import secrets
from dataclasses import dataclass
from typing import NoReturn

import pytest

from sandbox.aws import LocalAws, StackOutputs, deploy


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedAws(LocalAws):
    """An emulator and one fresh stack of `infra/resources.yml` on it.

    `client(service)` makes clients, `outputs` names the queues, topic, table and buckets. It is a
    `LocalAws`, so `subscribe_queue` and `worker_environment` take it as it is.
    """

    emulator: str
    """`ministack` or `moto`, for the few tests of what only one of them does."""

    outputs: StackOutputs


def deploy_fresh(emulator: str, aws: LocalAws) -> DeployedAws:
    """Deploys the template under a new name (about 70 ms): nothing is shared with other tests."""
    outputs = deploy(aws, f"test-{secrets.token_hex(6)}")
    return DeployedAws(
        endpoint_url=aws.endpoint_url,
        region=aws.region,
        access_key_id=aws.access_key_id,
        secret_access_key=aws.secret_access_key,
        emulator=emulator,
        outputs=outputs,
    )


def missing_need(reason: object) -> NoReturn:
    """Skips the test on a laptop and fails it in CI, where everything must be there."""
    if os.environ.get("CI") == "true":
        pytest.fail(f"{reason}", pytrace=False)
    pytest.skip(f"{reason}")
