"""The buckets of a stage: those that it will have, be they given now or there from before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError, ParamValidationError

from infra.deployment.account import Account
from worker.adapters.aws.errors import error_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_BUCKETS: Final = {
    "ExistingInputBucket": "InputBucketName",
    "ExistingOutputBucket": "OutputBucketName",
}
"""Parameter of infra/resources.yml, and the output that tells the bucket."""


def bucket_problems(
    account: Account, stack: str, outputs: Mapping[str, str], given: Mapping[str, str]
) -> Iterator[str]:
    """Buckets that cannot be used, each with the way to name another.

    Args:
        account: where, and whose they must be.
        stack: name of the resources stack.
        outputs: of that stack; none if it is not there yet.
        given: RESOURCE_PARAMS. A bucket that they name, or an empty name, takes the place of the
            one that the stack has: that one need not be there any more.
    """
    s3 = account.session.client("s3")
    for parameter, output in _BUCKETS.items():
        if parameter in given:
            bucket, of = given[parameter], f"RESOURCE_PARAMS: {parameter}={given[parameter]}"
            fix = "make it first, or name another; empty makes one"
        else:
            bucket = outputs.get(output, "")
            of = f"bucket {bucket} ({output} of stack {stack})"
            fix = (
                f'make it again, or name another: RESOURCE_PARAMS="{parameter}=…"; empty makes one'
            )
        # One that has served for long may well be of another account, whose policy lets us use it.
        owner = {"ExpectedBucketOwner": account.account_id} if parameter in given else {}
        if bucket and (reason := _reason(s3, account, bucket, owner)):
            yield f"{of}: {reason}: {fix}"


def _reason(s3: S3Client, account: Account, bucket: str, owner: Mapping[str, str]) -> str:
    try:
        found = s3.head_bucket(Bucket=bucket, **owner)
    except ParamValidationError:  # no name of a bucket: the template's pattern has said so
        return ""
    except ClientError as error:
        # HEAD has no body, so the status is all there is. (Source: S3 API, HeadBucket.)
        known = {
            "404": "there is no such bucket",
            "403": "you may not look at it"
            + (f", or it is not of account {account.account_id}" if owner else ""),
            "301": f"it is in another region than {account.region}",
        }
        return known.get(error_code(error), str(error))
    region = found.get("BucketRegion", account.region)
    return "" if region == account.region else f"it is in {region}, and not in {account.region}"
