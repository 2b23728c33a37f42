from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from worker.contracts.poll import PollMessage, parse_poll
from worker.errors import PollMessageError


def test_poll_message_reads_back() -> None:
    message = PollMessage(request_id="sku-1042-front", ticket=3)
    assert message.dumps() == '{"v":1,"requestId":"sku-1042-front","ticket":3}'
    assert parse_poll(message.dumps()) == parse_poll(message.dumps().encode()) == message


def test_fields_of_a_newer_release_are_skipped() -> None:
    assert parse_poll('{"v":1,"requestId":"a","ticket":0,"hint":true}').ticket == 0


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("", "the message: .*is not JSON"),
        (b"\xff", "is not JSON"),
        ("[]", "must be a JSON object"),
        ('{"v":2,"requestId":"a","ticket":0}', "v: 2: must be 1"),
        ('{"v":1,"request_id":"a","ticket":0}', "requestId: is required"),
        ('{"v":1,"requestId":"a b","ticket":0}', 'requestId: "a b": must be 1 to 128'),
        ('{"v":1,"requestId":"a","ticket":"0"}', "must be a whole number"),
        ('{"v":1,"requestId":"a","ticket":-1}', "must be at least 0"),
        ('{"requestId":"sku","workflow":"naomi"}', "send requests to the requests queue"),
    ],
)
def test_foreign_message_is_refused_with_what_is_wrong(body: Any, said: Any) -> None:
    with pytest.raises(PollMessageError, match=said) as caught:
        parse_poll(body)
    assert "Input should" not in caught.value.message


def test_ticket_is_never_negative() -> None:
    with pytest.raises(ValidationError):
        PollMessage(request_id="a", ticket=-1)
