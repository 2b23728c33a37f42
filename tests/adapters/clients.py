"""The worker's own clients for an emulator, made as the worker makes them: from the environment."""

from __future__ import annotations

import os
from unittest.mock import patch

from sandbox.aws import worker_environment
from tests.support.aws import DeployedAws
from worker.adapters.aws.clients import AwsClients

_made: dict[str, AwsClients] = {}


def clients_for(aws: DeployedAws) -> AwsClients:
    """One set per emulator and test process."""
    if aws.endpoint_url not in _made:
        clients = AwsClients(8)
        with patch.dict(os.environ, worker_environment(aws.outputs, aws)):
            _ = clients.dynamodb, clients.s3, clients.secretsmanager, clients.sns, clients.sqs
        _made[aws.endpoint_url] = clients
    return _made[aws.endpoint_url]
