"""The AWS account that a person is signed in to, as boto3 finds it: profile, variables, SSO."""

from __future__ import annotations

import os
from dataclasses import dataclass

import boto3
from botocore import exceptions as sdk
from botocore.exceptions import BotoCoreError, ClientError

from infra.deployment.errors import PreflightError

_NO_REGION = "AWS_REGION: not set, and your AWS profile names no region: AWS_REGION=eu-west-1"
_SIGN_IN = (
    "sign in first (`aws sso login`, AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY)"
)


@dataclass(frozen=True, slots=True)
class Account:
    """Who we are and where: `session` makes the clients."""

    session: boto3.Session
    account_id: str
    identity: str
    region: str


def sign_in() -> Account:
    """The account of the machine's credentials, which are tried.

    Raises:
        PreflightError: there are none, they are refused, no region is set, or nothing answers.
    """
    region = None
    try:
        # boto3 by itself reads AWS_DEFAULT_REGION only; the worker and osls read this one, too.
        session = boto3.Session(region_name=os.environ.get("AWS_REGION") or None)
        region = session.region_name
        problems = [] if region else [_NO_REGION]
        if session.get_credentials() is None:
            problems.append(f"AWS credentials: there are none; {_SIGN_IN}")
        if not region or problems:
            raise PreflightError(*problems)
        who = session.client("sts").get_caller_identity()
    except (sdk.ConnectionError, sdk.HTTPClientError) as error:
        raise PreflightError(
            f"AWS cannot be reached: {error}; is there a network, does it need HTTPS_PROXY, and is "
            f"{region} (AWS_REGION) a region?"
        ) from error
    except (BotoCoreError, ClientError) as error:
        raise PreflightError(f"AWS credentials: {error}; {_SIGN_IN}") from error
    return Account(session, who["Account"], who["Arn"], region)
