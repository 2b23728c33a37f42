"""Resources go with nothing left to do, or with somebody's word that it may be lost."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from infra.deployment.account import Account
from infra.deployment.errors import DeploymentError
from infra.deployment.pending import look_for_work

OUTPUTS = {
    "RequestQueueUrl": "requests",
    "PollQueueUrl": "polls",
    "DeadLetterQueueUrl": "dead",
    "JobTableName": "jobs",
}
WAITING, IN_FLIGHT, DELAYED = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


def _refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "no"}}, "Call")


@dataclass
class Resources:
    """Stands for a session and its clients of queues and the job table."""

    queues: dict[str, dict[str, int] | ClientError] = field(default_factory=dict)
    jobs: dict[str, int] | ClientError = field(default_factory=dict)

    def client(self, _: str) -> Resources:
        return self

    def get_queue_attributes(self, *, QueueUrl: str, **_: Any) -> dict[str, Any]:  # noqa: N803 - of the SDK
        found = self.queues.get(QueueUrl, {})
        if isinstance(found, ClientError):
            raise found
        return {"Attributes": {name: str(number) for name, number in found.items()}}

    def query(self, *, ExpressionAttributeValues: dict[str, Any], **_: Any) -> dict[str, Any]:  # noqa: N803 - of the SDK
        if isinstance(self.jobs, ClientError):
            raise self.jobs
        state = ExpressionAttributeValues[":state"]["S"]
        return {"Items": [{}] * self.jobs.get(state, 0)}

    def look(self, *, goes: bool = True, is_forced: bool = False) -> None:
        account = Account(cast("Any", self), "123456789012", "me", "eu-west-1")
        look_for_work(account, OUTPUTS, goes=goes, is_forced=is_forced)


BUSY = Resources(
    {"requests": {WAITING: 3, DELAYED: 1}, "polls": {IN_FLIGHT: 2}, "dead": {WAITING: 5}},
    {"running": 2, "announcing": 1, "succeeded": 900, "failed": 9},
)


def test_resources_with_work_left_do_not_go_and_all_of_it_is_counted() -> None:
    with pytest.raises(DeploymentError) as caught:
        BUSY.look()

    said = str(caught.value)
    assert said.startswith("nothing was removed")
    for line in (
        "messages in the requests queue: 3 waiting, 1 delayed",
        "messages in the polls queue: 2 in flight",
        "messages in the dead-letter queue: 5 waiting",
        "jobs that are running: 2",
        "jobs that are announcing: 1",
        "FORCE=1",
    ):
        assert line in said
    assert "900" not in said


def test_by_force_they_go_and_what_is_lost_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    BUSY.look(is_forced=True)

    assert "jobs that are running: 2" in capsys.readouterr().out


def test_work_that_only_waits_is_a_warning(capsys: pytest.CaptureFixture[str]) -> None:
    BUSY.look(goes=False)

    said = capsys.readouterr().out
    assert said.startswith("warning: this waits")
    assert "3 waiting" in said


@pytest.mark.parametrize(
    "resources",
    [
        Resources(),
        Resources(
            {"requests": _refusal("AWS.SimpleQueueService.NonExistentQueue")},
            _refusal("ResourceNotFoundException"),
        ),
    ],
    ids=["at rest", "gone by hand"],
)
def test_nothing_is_said_of_nothing(
    resources: Resources, capsys: pytest.CaptureFixture[str]
) -> None:
    resources.look()

    assert capsys.readouterr().out == ""


@pytest.mark.parametrize(
    "resources",
    [Resources({"polls": _refusal("AccessDenied")}), Resources({}, _refusal("AccessDenied"))],
    ids=["queue", "table"],
)
def test_whoever_may_not_look_does_not_remove(resources: Resources) -> None:
    with pytest.raises(DeploymentError, match="could not be looked at"):
        resources.look()
