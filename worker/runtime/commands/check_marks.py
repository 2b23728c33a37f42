"""Checks whether photos of drop folders can be put aside, and error documents written and taken away.

Where the rules put anything, a probe is written, read and deleted. Its name has no extension, so that no
rule takes it for a photo or a list.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from functools import partial

from worker.adapters.aws.errors import AwsCall, aws_errors
from worker.bootstrap import Application
from worker.drops.rule_set import Rule, RuleSet
from worker.errors import WorkerError
from worker.runtime.commands.check_storage import PROBE_FOLDER
from worker.runtime.commands.findings import Finding, findings_of

_PUT = AwsCall("S3", "PutObject", "s3:PutObject")
_READ = AwsCall("S3", "GetObject", "s3:GetObject")
_DELETE = AwsCall("S3", "DeleteObject", "s3:DeleteObject")
_DELETE_VERSION = AwsCall("S3", "DeleteObject", "s3:DeleteObjectVersion")


def check_marks(application: Application, rules: RuleSet, area: str) -> Iterator[Finding]:
    """One finding for each bucket in which the worker marks what became of a photo."""
    outputs = set(application.settings.output_buckets)
    buckets = {bucket for rule in rules.rules for bucket in _marked(rule, outputs)}
    for bucket in sorted(buckets):
        name = f"marks {bucket}"
        yield from findings_of(area, name, partial(_mark, application, bucket, area, name))


def _marked(rule: Rule, outputs: set[str]) -> Iterator[str]:
    """The buckets in which a rule writes or deletes marks."""
    for mark in (rule.on_success, rule.on_failure):
        if mark is not None:
            yield mark.folder.removeprefix("s3://").partition("/")[0]
            if mark.moves:
                yield rule.bucket
    if rule.writes_errors and not rule.is_manifest:
        yield from outputs


def _mark(application: Application, bucket: str, area: str, name: str) -> Iterator[Finding]:
    key = f"{PROBE_FOLDER}{uuid.uuid4()}"
    s3, place = application.clients.s3, f"s3://{bucket}/{key}"
    with aws_errors(_PUT, place):
        written = s3.put_object(Bucket=bucket, Key=key, Body=b"probe")
    try:
        # The bytes, too: they take the key of a bucket that has one, which a HEAD does not.
        with aws_errors(_READ, place):
            s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    finally:
        with aws_errors(_DELETE, place):
            deleted = s3.delete_object(Bucket=bucket, Key=key)
    said = "photos can be put aside and error documents taken away (a probe was written, read and deleted)"
    versions = [one.get("VersionId") for one in (written, deleted)]
    if not _are_gone(application, bucket, key, [one for one in versions if one]):
        said += "; a version of the probe stays, until the bucket removes old ones"
    yield Finding(area, name, "ok", said)


def _are_gone(application: Application, bucket: str, key: str, versions: list[str]) -> bool:
    """Deletes versions of the probe, for which a worker needs no permission and may have none."""
    try:
        for version in versions:
            with aws_errors(_DELETE_VERSION, f"s3://{bucket}/{key}"):
                application.clients.s3.delete_object(Bucket=bucket, Key=key, VersionId=version)
    except WorkerError:
        return False
    return True
