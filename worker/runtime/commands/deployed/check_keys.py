"""Checks the keys of buckets that were there before: whether the roles of what runs may use them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from worker.runtime.commands.deployed.asking import Aws
from worker.runtime.commands.deployed.stacks import Kind, Stack
from worker.runtime.commands.findings import Finding, findings_of

AREA: Final = "Keys"

_BUCKETS: Final = {"input": "InputBucket", "output": "OutputBucket"}
"""What a bucket is for, and what its outputs and the parameter of its keys begin with."""


def check_keys(aws: Aws, stack: Stack, resources: Stack) -> Iterator[Finding]:
    """A finding for each bucket whose default is to encrypt with a key that somebody made."""
    for name, begin in _BUCKETS.items():
        bucket = resources.outputs.get(f"{begin}Name", "")
        if bucket:
            check = partial(_key, aws, stack, resources, f"{name} {bucket}", begin, bucket)
            yield from findings_of(AREA, f"{name} {bucket}", check)


def _key(
    aws: Aws, stack: Stack, resources: Stack, name: str, begin: str, bucket: str
) -> Iterator[Finding]:
    key = _key_of(aws, bucket)
    parameter = f"{begin}KeyArn"
    named = [one for one in stack.parameters.get(parameter, "").split(",") if one]
    usable = {resources.outputs.get("EncryptionKeyArn", ""), *named}
    if key and key not in usable:  # an id, an alias, or another key
        asked = aws.ask("kms:DescribeKey", key, KeyId=key)["KeyMetadata"]
        # The account's own key of S3 may be used by everybody there, through S3.
        key = "" if asked.get("KeyManager") == "AWS" else str(asked["Arn"])
    if not key:
        return
    if key in usable:
        yield Finding(AREA, name, "ok", f"encrypted with {key}, which {stack.name} may use")
        return
    said = f"encrypted with {key}, which {stack.name} may not use"
    yield Finding(AREA, name, "failed", said, _fix(stack, parameter, ",".join([*named, key])))


def _key_of(aws: Aws, bucket: str) -> str:
    """ARN, id or alias of the key with which a bucket encrypts; "" where it is S3's own."""
    answer = aws.ask(
        "s3:GetEncryptionConfiguration",
        f"bucket {bucket}",
        call="s3:GetBucketEncryption",
        Bucket=bucket,
    )
    rules: list[Mapping[str, Any]] = answer["ServerSideEncryptionConfiguration"]["Rules"]
    defaults = [rule.get("ApplyServerSideEncryptionByDefault", {}) for rule in rules]
    return next((str(one["KMSMasterKeyID"]) for one in defaults if one.get("KMSMasterKeyID")), "")


def _fix(stack: Stack, parameter: str, keys: str) -> str:
    if stack.kind is Kind.CONTAINER:
        return f'make deploy-container PARAMS="{parameter}={keys}"'
    return f'make deploy PARAMS="{parameter[0].lower()}{parameter[1:]}={keys}"'
