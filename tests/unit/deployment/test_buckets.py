"""Buckets are looked at under the name that they will have, before a stack is made that cannot use them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

from botocore.exceptions import ClientError, ParamValidationError

from infra.deployment.account import Account
from infra.deployment.buckets import bucket_problems

ACCOUNT = "123456789012"
STACK = "hautech-worker-resources-dev"
WRONG = {"InputBucketName": "photoss", "OutputBucketName": "pictures"}


@dataclass
class Buckets:
    """Stands for a session and its S3 client, by what `head_bucket` answers for each name."""

    known: dict[str, str] = field(default_factory=lambda: {"photos": "200", "pictures": "200"})
    region: str = "eu-west-1"

    def client(self, _: str) -> Buckets:
        return self

    def head_bucket(self, *, Bucket: str, ExpectedBucketOwner: str = "") -> dict[str, str]:  # noqa: N803 - of the SDK
        if ":" in Bucket:
            raise ParamValidationError(report="Invalid bucket name")
        status = self.known.get(Bucket, "404")
        if status == "theirs":
            status = "403" if ExpectedBucketOwner == ACCOUNT else "200"
        if status != "200":
            raise ClientError({"Error": {"Code": status, "Message": "no"}}, "HeadBucket")
        return {"BucketRegion": self.region}


def told(buckets: Buckets, outputs: dict[str, str] | None = None, **given: str) -> list[str]:
    account = Account(cast("Any", buckets), ACCOUNT, "me", "eu-west-1")
    return list(bucket_problems(account, STACK, outputs or {}, given))


def test_a_mistyped_bucket_is_told_before_the_first_deployment() -> None:
    (problem,) = told(Buckets(), ExistingInputBucket="photoss", ExistingOutputBucket="pictures")

    assert problem.startswith(
        "RESOURCE_PARAMS: ExistingInputBucket=photoss: there is no such bucket"
    )


def test_a_bucket_of_a_deployment_that_went_wrong_can_be_corrected() -> None:
    assert told(Buckets(), WRONG, ExistingInputBucket="photos") == []
    assert told(Buckets(), WRONG, ExistingInputBucket="") == []


def test_a_bucket_that_is_gone_is_told_with_the_parameter_that_names_another() -> None:
    (problem,) = told(Buckets(), WRONG)

    assert f"photoss (InputBucketName of stack {STACK}): there is no such bucket" in problem
    assert 'RESOURCE_PARAMS="ExistingInputBucket=…"' in problem


def test_a_new_bucket_must_be_of_this_account() -> None:
    buckets = Buckets({"photos": "theirs", "pictures": "200"})

    (problem,) = told(buckets, ExistingInputBucket="photos")
    assert f"it is not of account {ACCOUNT}" in problem
    # One that served before may be of an account that lets us use it.
    assert told(buckets, {"InputBucketName": "photos"}) == []


def test_a_bucket_of_another_region_is_told() -> None:
    (problem,) = told(Buckets(region="us-east-1"), ExistingInputBucket="photos")

    assert "it is in us-east-1, and not in eu-west-1" in problem


def test_what_is_no_name_at_all_is_left_to_the_pattern_of_the_template() -> None:
    assert told(Buckets(), ExistingInputBucket="s3://photos") == []
