"""Loads the settings of a command together with the AWS region, all problems told in one round.

The region is no setting of ours: the SDK finds it in the environment or in its own files. Without
it nothing on AWS can be reached, so it is asked for along with the rest and not one error later.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping

import botocore.session
from botocore.exceptions import BotoCoreError

from worker.errors import Problem, SettingsError
from worker.settings import Settings, load_settings


def load_with_region(
    environ: Mapping[str, str], *, needs: Collection[str] | None = None
) -> Settings:
    """As `load_settings`, for a use that calls AWS; asks nothing of the network.

    Raises SettingsError with every problem, that of the region last.
    """
    problems: list[Problem] = []
    settings: Settings | None = None
    try:
        settings = load_settings(environ, needs=needs)
    except SettingsError as error:
        problems += error.problems
    problems += region_problems()
    if settings is None or problems:
        raise SettingsError(problems)
    return settings


def region_problems() -> list[Problem]:
    """Why the AWS SDK knows no region; nothing if it does. Asks nothing of the network."""
    # As the adapters find it (worker.adapters.aws.clients): botocore by itself reads only
    # AWS_DEFAULT_REGION and the profile (Source: botocore.configprovider, "region").
    if os.environ.get("AWS_REGION"):
        return []
    try:
        region = botocore.session.Session().get_config_variable("region")
    except BotoCoreError as error:  # such as a profile that does not exist
        rule = f"the AWS SDK cannot use its settings: {error}"
        return [Problem("AWS settings", "", rule, "check AWS_PROFILE and AWS_CONFIG_FILE")]
    if region:
        return []
    rule = "not set: the AWS SDK does not know the region of the queues, the table and the buckets"
    fix = "export AWS_REGION=eu-west-1, say, or name a profile that has one (AWS_PROFILE)"
    return [Problem("AWS_REGION", "", rule, fix)]
