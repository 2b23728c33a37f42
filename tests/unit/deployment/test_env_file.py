"""The file that points the command line at a deployed stage."""

import subprocess

from infra.deployment.env_file import remove_env_file, settings_of, write_env_file
from sandbox.aws.stack import OUTPUT_NAMES
from worker.settings import SETTINGS, load_settings


def test_a_shell_reads_back_what_was_written() -> None:
    odd = 'a\'b "c" $HOME `id` \\ d'

    path = write_env_file("dev", {"WORKER_JOB_TABLE": odd})

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


def test_a_file_is_removed_and_that_of_another_stage_stays() -> None:
    gone, kept = write_env_file("dev", {}), write_env_file("dev-2", {})

    remove_env_file("dev")
    remove_env_file("dev")  # whoever undeploys from another machine has none

    assert (gone.exists(), kept.exists()) == (False, True)
