"""What a stack that failed says: the failure of this change, with its reason."""

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from infra.deployment.errors import DeploymentError
from infra.deployment.stacks import Stacks

NAME = "hautech-worker-resources-dev"
STACK_ID = f"arn:aws:cloudformation:eu-west-1:111122223333:stack/{NAME}/1"
IN_USE = f"Export {NAME}-EncryptionKeyArn cannot be updated as it is in use by hautech-worker-dev"


def event(logical_id: str, status: str, reason: str = "") -> dict[str, Any]:
    """An event of a resource, or of the stack itself, which goes by its own name."""
    made = {
        "StackId": STACK_ID,
        "StackName": NAME,
        "EventId": "1",
        "Timestamp": "2026-11-26T12:00:00Z",
        "LogicalResourceId": logical_id,
        "PhysicalResourceId": STACK_ID if logical_id == NAME else f"{logical_id}-1",
        "ResourceType": "AWS::CloudFormation::Stack" if logical_id == NAME else "AWS::SQS::Queue",
        "ResourceStatus": status,
    }
    return {**made, "ResourceStatusReason": reason} if reason else made


def failure_of(*pages: list[dict[str, Any]]) -> str:
    """What is raised when an update ends in a rollback after these pages of events, newest first."""
    client = boto3.client(
        "cloudformation",
        region_name="eu-west-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
    )
    stack = {"StackName": NAME, "StackId": STACK_ID, "CreationTime": "2026-11-26T12:00:00Z"}
    before = {"Stacks": [{**stack, "StackStatus": "UPDATE_COMPLETE"}]}
    after = {"Stacks": [{**stack, "StackStatus": "UPDATE_ROLLBACK_COMPLETE"}]}
    with Stubber(client) as answers:
        answers.add_response("describe_stacks", before)
        answers.add_response("get_template_summary", {"Parameters": []})
        answers.add_response("describe_stacks", before)
        answers.add_response("update_stack", {"StackId": STACK_ID})
        answers.add_response("describe_stacks", after)
        for number, page in enumerate(pages, start=1):
            more = {"NextToken": str(number)} if number < len(pages) else {}
            answers.add_response("describe_stack_events", {"StackEvents": page, **more})
        with pytest.raises(DeploymentError) as caught:
            Stacks(client, look_every_s=0, say=lambda _: None).apply(NAME, "{}")
    return str(caught.value)


def test_an_output_that_another_stack_imports_is_named_with_that_stack() -> None:
    said = failure_of(
        [
            event(NAME, "UPDATE_ROLLBACK_COMPLETE"),
            event(NAME, "UPDATE_ROLLBACK_IN_PROGRESS", IN_USE),
            event("RequestQueue", "UPDATE_COMPLETE"),
            event(NAME, "UPDATE_IN_PROGRESS", "User Initiated"),
        ]
    )

    assert IN_USE in said


def test_a_failure_of_an_earlier_change_is_not_taken_for_one_of_this() -> None:
    said = failure_of(
        [
            event("PollQueue", "UPDATE_FAILED", "refused today"),
            event(NAME, "UPDATE_IN_PROGRESS", "User Initiated"),
            event("RequestQueue", "UPDATE_FAILED", "refused last week"),
            event(NAME, "UPDATE_IN_PROGRESS", "User Initiated"),
        ]
    )

    assert "PollQueue (AWS::SQS::Queue): refused today" in said


def test_the_first_failure_is_found_behind_a_hundred_other_events() -> None:
    said = failure_of(
        [event("Key", "UPDATE_FAILED", "cancelled")] * 100,
        [
            event("PollQueue", "UPDATE_FAILED", "refused"),
            event(NAME, "UPDATE_IN_PROGRESS", "User Initiated"),
        ],
    )

    assert "PollQueue (AWS::SQS::Queue): refused" in said
