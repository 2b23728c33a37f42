"""What the refusals of S3 say about an image that is read, or a place that is written to."""

from __future__ import annotations

from botocore.exceptions import ClientError

from worker.adapters.aws.errors import AwsCall, error_code, key_refusal, status_of
from worker.contracts.s3_uri import S3Uri
from worker.errors import ImageForbiddenError, ImageMissingError, OutputForbiddenError, WorkerError

MISSING_CODES = frozenset({"NoSuchKey", "NoSuchVersion", "404", "MethodNotAllowed", "405"})
"""405: that version is a delete marker (Source: S3 guide, "Working with delete markers")."""

_FORBIDDEN_CODES = frozenset({"AccessDenied", "AllAccessDisabled", "403", "Forbidden"})
"""The bucket's answer about this object; other 403 answers are about our credentials."""


def input_error(error: ClientError, uri: S3Uri) -> WorkerError | None:
    """What a failed read says about the image; None if it says nothing about it."""
    code = error_code(error)
    if code == "NoSuchBucket":
        return ImageMissingError(
            f"{uri}: there is no bucket {uri.bucket}: correct the URI, or upload the image first"
        )
    if code in MISSING_CODES or is_no_version(error, uri):
        what = f"version {uri.version_id} of this object" if uri.version_id else "such object"
        return ImageMissingError(f"{uri}: there is no {what}: upload it first, or correct the URI")
    if code == "InvalidObjectState":
        return ImageForbiddenError(
            f"{uri}: it lies in an archive class and cannot be read at once: restore it first"
        )
    if advice := _key_advice(error):
        return ImageForbiddenError(f"{uri}: S3 refuses it ({code}): {advice}")
    if code in _FORBIDDEN_CODES or code.upper().startswith("KMS"):
        return ImageForbiddenError(
            f"{uri}: S3 refuses it ({code}): allow {_permission(uri)} on it to the worker's role (and "
            "kms:Decrypt, if it is encrypted with a key). S3 answers the same for an object that does "
            f"not exist when the role lacks s3:ListBucket on {uri.bucket}: check the key, too"
        )
    return None


def output_error(error: ClientError, uri: S3Uri, call: AwsCall) -> WorkerError | None:
    """What a failed call says about a place that is written to, or looked into; None if it says nothing."""
    code = error_code(error)
    if code == "NoSuchBucket":
        return OutputForbiddenError(
            f"{uri}: there is no bucket {uri.bucket}: create it, or correct the request's output"
        )
    if code.upper().startswith("KMS"):
        return OutputForbiddenError(
            f"{uri}: the KMS key cannot be used ({code}): see that it exists, is enabled and in the "
            "bucket's region, and that the worker's role may use it (kms:GenerateDataKey, kms:Decrypt)"
        )
    if advice := _key_advice(error):
        return OutputForbiddenError(f"{uri}: S3 refuses {call.operation} ({code}): {advice}")
    if code in _FORBIDDEN_CODES:
        return OutputForbiddenError(
            f"{uri}: S3 refuses {call.operation} ({code}): allow {call.permission} on it to the "
            "worker's role (and the use of the bucket's key, if it has one of its own), and see that no "
            "bucket policy denies it"
        )
    return None


def _permission(uri: S3Uri) -> str:
    return "s3:GetObjectVersion" if uri.version_id else "s3:GetObject"


def is_no_version(error: ClientError, uri: S3Uri) -> bool:
    """Whether a version was asked for whose id has no form that S3 knows."""
    return (
        uri.version_id is not None
        and error_code(error) == "InvalidArgument"
        and status_of(error) == 400
        and "version id" in str(error).lower()
    )


def _key_advice(error: ClientError) -> str:
    refused = key_refusal(str(error))
    return refused and (
        f"allow {refused} to the worker's role (InputBucketKeyArn and OutputBucketKeyArn of its stack), "
        "and see that the key's policy lets this account decide"
    )
