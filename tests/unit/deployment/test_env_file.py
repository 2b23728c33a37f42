"""The file that points the command line at a deployed stage."""

import subprocess
from pathlib import Path

from infra.deployment.env_file import settings_of, write_env_file
from sandbox.aws.stack import OUTPUT_NAMES
from worker.settings import SETTINGS, load_settings


def test_a_shell_reads_back_what_was_written(tmp_path: Path) -> None:
    odd = 'a\'b "c" $HOME `id` \\ d'

    path = write_env_file("dev", {"WORKER_JOB_TABLE": odd}, folder=tmp_path / "new")

    script = f'. {path} && printf %s "$WORKER_JOB_TABLE"'
    shell = subprocess.run(["sh", "-c", script], capture_output=True, text=True, check=True)
    assert shell.stdout == odd


def test_the_outputs_are_all_that_the_worker_requires() -> None:
    outputs = {
        name: f"https://sqs.eu-west-1.amazonaws.com/1/{name}" for name in OUTPUT_NAMES.values()
    }
    outputs["ResultTopicArn"] = "arn:aws:sns:eu-west-1:123456789012:topic"
    outputs |= {"InputBucketName": "in-bucket", "OutputBucketName": "out-bucket"}
    outputs["JobTableName"] = "jobs"

    values = settings_of(outputs)

    assert set(values) == {spec.name for spec in SETTINGS if spec.required}
    assert load_settings({**values, "HAUTECH_API_TOKEN": "x"}).job_table == "jobs"
