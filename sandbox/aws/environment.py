"""The environment of a worker process that works on an emulator instead of AWS."""

import os
from collections.abc import Mapping

from sandbox.aws.clients import LocalAws
from sandbox.aws.stack import StackOutputs


def worker_environment(
    outputs: StackOutputs, aws: LocalAws, extra: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The variables that name the stack's resources and the emulator, with `extra` on top.

    It holds nothing of our own environment: whoever starts the process adds PATH and HOME. Files
    and variables with which a developer's machine could send the worker to a real account or
    through a proxy are set to nothing.
    """
    return {
        "WORKER_REQUEST_QUEUE_URL": outputs.request_queue_url,
        "WORKER_POLL_QUEUE_URL": outputs.poll_queue_url,
        "WORKER_DEAD_LETTER_QUEUE_URL": outputs.dead_letter_queue_url,
        "WORKER_JOB_TABLE": outputs.job_table_name,
        "WORKER_RESULT_TOPIC_ARN": outputs.result_topic_arn,
        "WORKER_INPUT_BUCKETS": outputs.input_bucket_name,
        "WORKER_OUTPUT_BUCKETS": outputs.output_bucket_name,
        "AWS_ENDPOINT_URL": aws.endpoint_url,
        "AWS_REGION": aws.region,
        # Lambda and ECS set both; boto3 by itself reads only the second one.
        # Source: botocore.configprovider, session variable "region".
        "AWS_DEFAULT_REGION": aws.region,
        "AWS_ACCESS_KEY_ID": aws.access_key_id,
        "AWS_SECRET_ACCESS_KEY": aws.secret_access_key,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": "127.0.0.1,localhost",
    } | dict(extra or {})
