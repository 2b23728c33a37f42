"""The small reads: image, workflow, pose, account, balance, permission names."""

from decimal import Decimal
from typing import Any

import pytest

from tests.unit.hautech.fakes import TOKEN, FakeNetwork, Reply, client_of
from worker.hautech import Account, CallEvent, InvalidAnswerError, TooLargeError


def test_an_image_is_read_by_id() -> None:
    network = FakeNetwork(Reply(200, {"id": "i-1", "url": "https://cdn.hautech.ai/x"}))
    image = client_of(network).get_image("i-1")
    assert (image.image_id, image.url) == ("i-1", "https://cdn.hautech.ai/x")
    (sent,) = network.seen
    assert (sent.method, sent.path, sent.body) == ("GET", "/v1/images/i-1", None)
    assert sent.headers["Authorization"] == f"Bearer {TOKEN}"
    assert network.timeouts == [(10.0, 60.0)]


def test_workflow_and_pose_are_read_by_id() -> None:
    network = FakeNetwork(
        Reply(200, {"id": "w", "version": 2, "isPublic": True, "data": {"x": 1}}),
        Reply(200, {"id": "q", "previewImageId": "i"}),
    )
    client = client_of(network)
    workflow = client.get_workflow("w")
    assert (workflow.version, workflow.is_public) == (2, True)
    assert workflow.document["data"] == {"x": 1}
    assert client.get_pose("q").preview_image_id == "i"
    assert network.paths == ["/v1/workflows/w", "/v1/poses/q"]


@pytest.mark.parametrize(
    ("sent", "balance"),
    [
        (b'"12.3456789"', "12.3456789"),
        (b"-0.10000000000000000001", "-0.10000000000000000001"),
        (b'{"amount": 0.3}', "0.3"),
        (b"5", "5"),
    ],
)
def test_a_balance_is_exact_in_every_form(sent: Any, balance: Any) -> None:
    reply = Reply(200, b'{"id": "a", "balance": ' + sent + b"}")
    client = client_of(FakeNetwork(reply, reply))
    assert client.get_balance() == Decimal(balance)
    assert client.get_account().balance == Decimal(balance)


def test_a_balance_that_is_none_is_an_invalid_answer() -> None:
    with pytest.raises(InvalidAnswerError, match="balance"):
        client_of(FakeNetwork(Reply(200, {"balance": None}))).get_balance()


def test_permission_names_are_read_without_a_token() -> None:
    network = FakeNetwork(Reply(200, ["images:read", 5, "images:create"]))
    assert client_of(network).list_permissions() == ("images:read", "images:create")
    assert "Authorization" not in network.seen[0].headers


def test_a_json_body_over_the_limit_is_refused() -> None:
    network = FakeNetwork(Reply(200, b'{"id": "' + b"x" * 100 + b'"}'))
    with pytest.raises(TooLargeError, match="50 bytes"):
        client_of(network, max_json_bytes=50).get_image("i")


def test_html_with_status_200_is_an_invalid_answer_that_says_so() -> None:
    network = FakeNetwork(Reply(200, b"<html><title>Maintenance</title>"))
    with pytest.raises(InvalidAnswerError, match=r"not JSON: HTML page: Maintenance"):
        client_of(network).get_account()


def test_an_observer_hears_of_every_exchange_before_and_after() -> None:
    heard: list[CallEvent] = []
    network = FakeNetwork(
        Reply(401, b"", {"x-request-id": "r-1"}), Reply(200, {"id": "a"}, {"x-request-id": "r-2"})
    )
    client_of(network, observer=heard.append).get_account()
    assert [(one.phase, one.status, one.request_id) for one in heard] == [
        ("before", None, None),
        ("after", 401, "r-1"),
        ("before", None, None),
        ("after", 200, "r-2"),
    ]
    assert {(one.name, one.method, one.path_template) for one in heard} == {
        ("get_account", "GET", "/v1/accounts/self")
    }
    assert heard[-1].duration_s is not None


def test_an_observer_hears_of_failures_by_class() -> None:
    heard: list[CallEvent] = []
    network = FakeNetwork(OSError("cable"))
    with pytest.raises(Exception, match="lost"):
        client_of(network, observer=heard.append).run_workflow("w", {}, metadata={})
    assert (heard[-1].status, heard[-1].error) == (None, "AnswerUnknownError")


@pytest.mark.parametrize(("phase", "calls"), [("before", 0), ("after", 1)])
def test_what_an_observer_raises_ends_the_call_at_that_point(phase: Any, calls: Any) -> None:
    class Killed(BaseException):
        pass

    def kill(event: Any) -> None:
        if event.phase == phase:
            raise Killed

    network = FakeNetwork(Reply(201, {"pipelineId": "p"}))
    with pytest.raises(Killed):
        client_of(network, observer=kill).run_workflow("w", {}, metadata={})
    assert len(network.seen) == calls


@pytest.mark.parametrize(
    ("permissions", "expected"),
    [
        (["*"], True),
        (["images:create"], True),
        (["images.create"], True),
        (["images:*"], True),
        (["images.*"], True),
        (["images:read", "imagesx:*"], False),
        (["images"], False),
        ([], False),
        ({"images:create": True}, None),
        (None, None),
    ],
)
def test_an_account_says_whether_it_may_when_it_lists_permissions(
    permissions: Any, expected: Any
) -> None:
    account = Account.from_json({"id": "a-1", "permissions": permissions})
    assert account.allows("images:create") is expected


def test_a_balance_beyond_all_numbers_is_no_answer() -> None:
    # Found by fuzzing: a Decimal refuses such an exponent with an error that is no ValueError.
    network = FakeNetwork(Reply(200, b'{"balance": 1e+39999999999999999999999}'))
    with pytest.raises(InvalidAnswerError, match="not JSON"):
        client_of(network).get_balance()
