"""Each permission of each role taken away once: the step that needs it fails and says so.

That proves the roles minimal; that everything else in this folder works proves them sufficient. What
met a missing permission goes on when it is back. Only S3's refusals of a job's own object end the
job, by design: nobody knows whether that will ever be allowed.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import pytest

from tests.deploy import drop_needs, needs
from tests.deploy.orders import Desk
from tests.deploy.permissions import Permission
from tests.deploy.stage import FUNCTIONS, PIPELINE_S, DeployedStage

pytestmark = pytest.mark.usefixtures("folder")

UNSEEN: Final = {
    "sqs:ReceiveMessage": "the emulator's poller asks for no permission; Lambda's would be refused",
    "sqs:DeleteMessage": "the same: Lambda deletes what a function has done",
    "TakeRequests: sqs:GetQueueAttributes": "the same: only the poller looks at that queue",
    "s3:ListBucket": "the emulator says NoSuchKey with and without it; S3 says AccessDenied",
    "kms:Decrypt": "nothing is encrypted with a key here",
    "kms:GenerateDataKey": "the same",
    "xray:PutTraceSegments": "Lambda sends them; the emulator has no X-Ray",
    "xray:PutTelemetryRecords": "the same",
    "logs:CreateLogStream": "Lambda writes the logs; the emulator does so with no role",
    "logs:PutLogEvents": "the same",
}
"""Actions whose absence the emulator cannot show, and why. They are read by hand."""

_LIMIT = {"WORKER_MAX_PIPELINES_IN_FLIGHT": "1000"}
"""With a limit, functions count the jobs in flight."""

_LOOK_EVERY_S = 0.2

_OVER: Final = "over"
"""How a batch ends."""


@dataclass(frozen=True, slots=True)
class Probe:
    """Permissions that are taken away at once, what needs them, and how that ends afterwards.

    Attributes:
        function: whose role.
        taken: `Sid: action`; the first one is the one in question.
        begin: does what needs it.
        ending: `succeeded`, or the code with which the request fails, or `over` for a batch.
        is_fresh: whether it takes a process that has just started, with a limit of jobs in flight.
        is_healed: whether what met it is carried on at once: new requests are held until it is.
    """

    function: str
    taken: tuple[str, ...]
    begin: Callable[[Desk], str]
    ending: str = "succeeded"
    is_fresh: bool = False
    is_healed: bool = False

    def __str__(self) -> str:
        return f"{self.function} without {self.taken[0]}"


def _probe(function: str, permission: str, begin: Callable[[Desk], str], **more: object) -> Probe:
    return Probe(function, (permission,), begin, **more)  # type: ignore[arg-type]  # the rest of it


PROBES: Final = [
    # What S3 refuses ends a job, so these come while no other is on its way.
    _probe("requests", "ReadPhotos: s3:GetObject", needs.picture, ending="image.forbidden"),
    _probe(
        "requests", "ReadPhotos: s3:GetObjectVersion", needs.old_version, ending="image.forbidden"
    ),
    _probe("requests", "WritePictures: s3:PutObject", needs.missing_photo, ending="image.missing"),
    _probe("polls", "ReadPhotos: s3:GetObject", needs.woken, ending="image.forbidden"),
    _probe(
        "polls",
        "ReadPhotos: s3:GetObjectVersion",
        needs.woken_old_version,
        ending="image.forbidden",
    ),
    _probe("polls", "WritePictures: s3:PutObject", needs.picture, ending="output.forbidden"),
    _probe(
        "requests",
        "WritePictures: s3:PutObjectTagging",
        drop_needs.missing_photo_with_tags,
        ending="image.missing",
    ),
    _probe(
        "polls",
        "WritePictures: s3:PutObjectTagging",
        drop_needs.picture_with_tags,
        ending="output.forbidden",
    ),
    # A photo that cannot be put aside, or whose error document stays, has its ending all the same.
    _probe("requests", "PutPhotosAside: s3:PutObject", drop_needs.text, ending="image.unreadable"),
    _probe(
        "requests", "PutPhotosAside: s3:DeleteObject", drop_needs.text, ending="image.unreadable"
    ),
    _probe("polls", "PutPhotosAside: s3:PutObject", drop_needs.photo),
    _probe("polls", "PutPhotosAside: s3:DeleteObject", drop_needs.photo),
    _probe("polls", "TakeErrorsAway: s3:DeleteObject", drop_needs.photo_after_an_error),
    _probe(
        "requests",
        "TakeErrorsAway: s3:DeleteObject",
        drop_needs.photo_after_an_error_by_requests,
    ),
    # What comes from here on goes on later, side by side.
    _probe("requests", "SendRequests: sqs:SendMessage", drop_needs.photo),
    _probe("polls", "TakePolls: sqs:ChangeMessageVisibility", needs.slow_picture),
    _probe("requests", "WritePictures: s3:GetObject", needs.picture_that_was_not_fetched),
    _probe("requests", "StartPolls: sqs:SendMessage", needs.picture),
    _probe("requests", "PutAway: sqs:SendMessage", needs.no_json),
    _probe("requests", "Announce: sns:Publish", needs.no_json),
    _probe("requests", "KeepJobs: dynamodb:GetItem", needs.wrong_field),
    _probe("requests", "KeepJobs: dynamodb:PutItem", needs.picture),
    _probe("requests", "KeepJobs: dynamodb:UpdateItem", needs.picture_sent_twice),
    Probe(
        "requests",
        # A request is handed back when something is wrong; so something must be.
        ("TakeRequests: sqs:ChangeMessageVisibility", "KeepJobs: dynamodb:PutItem"),
        needs.picture,
    ),
    _probe("requests", "StartPolls: sqs:GetQueueAttributes", needs.picture, is_fresh=True),
    _probe("polls", "PutAway: sqs:SendMessage", needs.doomed_picture, ending="pipeline.failed"),
    _probe("polls", "Announce: sns:Publish", needs.picture),
    _probe("polls", "KeepJobs: dynamodb:GetItem", needs.picture),
    _probe("polls", "KeepJobs: dynamodb:PutItem", needs.picture),
    _probe("polls", "KeepJobs: dynamodb:UpdateItem", needs.picture),
    _probe("polls", "WritePictures: s3:GetObject", needs.picture),
    _probe("polls", "TakePolls: sqs:GetQueueAttributes", needs.picture, is_fresh=True),
    _probe("requests", "MarkRows: dynamodb:BatchWriteItem", needs.refused_row),
    _probe("polls", "MarkRows: dynamodb:BatchWriteItem", needs.batch, ending=_OVER),
    _probe("polls", "SendRows: sqs:SendMessage", needs.batch, ending=_OVER),
    _probe("polls", "ReadRows: dynamodb:BatchGetItem", needs.batch, ending=_OVER),
    _probe("polls", "FollowOn: sqs:SendMessage", needs.old_batch, ending=_OVER),
    # From here on functions hold requests for a while, since Hautech seems to refuse them.
    _probe(
        "polls",
        "SignInAtHautech: secretsmanager:GetSecretValue",
        needs.picture,
        is_fresh=True,
        is_healed=True,
    ),
    _probe(
        "requests", "SignInAtHautech: secretsmanager:GetSecretValue", needs.picture, is_fresh=True
    ),
    # What reconcile does needs no request to be taken.
    _probe("reconcile", "FindSilentJobs: dynamodb:Query", needs.silent),
    _probe("reconcile", "WakeJobs: dynamodb:GetItem", needs.silent),
    _probe("reconcile", "WakeJobs: dynamodb:PutItem", needs.silent),
    _probe("reconcile", "WakeJobs: dynamodb:UpdateItem", needs.silent),
    _probe("reconcile", "StartPolls: sqs:SendMessage", needs.silent),
    _probe("reconcile", "StartPolls: sqs:GetQueueAttributes", needs.survey),
    _probe(
        "reconcile", "SignInAtHautech: secretsmanager:GetSecretValue", needs.survey, is_fresh=True
    ),
]


@pytest.fixture(scope="module")
def endings(stage: DeployedStage, desk: Desk) -> dict[str, str]:
    """How the requests must end that met a missing permission, by id. Functions are warm."""
    desk.wait_for_pictures(needs.picture(desk))
    return {}


@pytest.fixture
def _as_before(stage: DeployedStage) -> Iterator[None]:
    yield
    stage.standin.clear_faults()
    stage.standin.set_options(durationSeconds=PIPELINE_S)
    stage.enable("polls", is_on=True)


@pytest.mark.usefixtures("_as_before")
@pytest.mark.parametrize("probe", PROBES, ids=str)
def test_the_step_that_lacks_a_permission_says_which(
    stage: DeployedStage, desk: Desk, endings: dict[str, str], probe: Probe
) -> None:
    role = stage.roles[probe.function]
    taken = [Permission(*one.split(": ", 1)) for one in probe.taken]
    assert set(taken) <= set(role.permissions)
    wanted = _told(taken[0].action, role.resource_name(taken[0]))
    if probe.is_fresh:
        stage.start_anew(probe.function, **_LIMIT)
    begun_at = time.time()

    with role.without(*taken):
        request_id = probe.begin(desk)
        stage.wait_for(
            lambda: any(map(wanted.search, stage.log(probe.function, since=begun_at - 1)))
        )

    if request_id:
        endings[request_id] = probe.ending
    if probe.is_healed:
        desk.send_again(request_id)
        desk.wait_for_pictures(request_id)


def _told(action: str, resource: str) -> re.Pattern[str]:
    """How a log says that an action is missing; of two that one call needs, it is the second."""
    return re.compile(rf"allow (?:\S+ and )?{re.escape(action)}\b.*{resource}")


def test_what_met_a_missing_permission_goes_on_when_it_is_back(
    stage: DeployedStage, desk: Desk, endings: dict[str, str]
) -> None:
    stage.invoke("reconcile")
    for request_id, ending in endings.items():
        if ending == "succeeded" and stage.job(request_id):
            desk.send_again(request_id)  # rather than wait for two minutes until its poll is back

    for request_id, ending in endings.items():
        if ending == "succeeded":
            desk.wait_for_pictures(request_id)
        elif ending == _OVER:
            desk.wait_for_batch(request_id)
        else:
            desk.wait_for_failure(request_id, ending)


def test_every_permission_was_taken_away_once(stage: DeployedStage) -> None:
    seen = {(one.function, one.taken[0]) for one in PROBES}
    allowed = {
        (function, str(permission))
        for function in FUNCTIONS
        for permission in stage.roles[function].permissions
    }
    unseen = {
        (function, permission)
        for function, permission in allowed
        if permission in UNSEEN or permission.partition(": ")[2] in UNSEEN
    }

    assert seen | unseen == allowed
    assert seen & unseen == set()
