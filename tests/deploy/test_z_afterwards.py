"""What must hold for everything that the tests before did together."""

from __future__ import annotations

import re
from collections import Counter

from tests.deploy.orders import Desk
from tests.deploy.stage import FUNCTIONS, DeployedStage

_SIGNED = re.compile(r"eyJ[\w-]{10,}\.[\w-]{10,}\.|[?&](?:signature|X-Amz-Signature)=\w", re.ASCII)
"""A JSON web token, or the query of a signed link."""


def test_nothing_was_paid_twice(stage: DeployedStage, desk: Desk) -> None:
    paid = Counter(
        (own["jobId"], own["step"])
        for own in (run["metadata"]["hautechWorker"] for run in stage.standin.runs())
    )

    assert len(paid) > len(desk.sent) / 2
    assert [step for step, times in paid.items() if times > 1] == []


def test_every_request_had_one_ending(stage: DeployedStage, desk: Desk) -> None:
    for request_id in desk.sent:
        assert len(desk.events(request_id)) == 1, request_id


def test_no_secret_stands_in_a_log(stage: DeployedStage) -> None:
    for name in FUNCTIONS:
        text = "\n".join(stage.log(name))

        assert text or name == "reconcile"  # that runs every five minutes
        assert not [canary for canary in stage.canaries if canary in text]
        assert _SIGNED.search(text) is None
