"""A run is sent once: what was refused may be sent again, what is unknown may not."""

from typing import Any

import pytest
import requests
from urllib3 import exceptions as urllib3_errors

from tests.unit.hautech.fakes import FakeNetwork, Reply, client_of
from worker.hautech import (
    AnswerUnknownError,
    BadRequestError,
    NotSentError,
    OutOfFundsError,
    PermissionDeniedError,
    RateLimitedError,
    RedirectedError,
    ServerError,
    WorkflowNotFoundError,
)

DOCS = "/v1/workflows/run/w-1"
SDK = "/v1/workflows/w-1/run"
STARTED = Reply(201, {"pipelineId": "p-1"})
NO_ROUTE = Reply(404, {"message": "Cannot POST /v1/workflows/run/w-1"})


def run(network: Any, workflow_id: Any = "w-1", **settings: Any) -> Any:
    return client_of(network, **settings).run_workflow(
        workflow_id, {"prompt": "x"}, metadata={"app": {"key": "k"}}
    )


def test_a_run_sends_input_and_metadata_and_returns_the_pipeline() -> None:
    network = FakeNetwork(STARTED)
    client = client_of(network)
    found = client.run_workflow("w-1", {"seed": 1}, metadata={"m": 1}, version_number=3)
    assert found == "p-1"
    (sent,) = network.seen
    assert (sent.method, sent.path) == ("POST", DOCS)
    assert sent.json == {"input": {"seed": 1}, "metadata": {"m": 1}, "versionNumber": 3}
    assert sent.headers["Content-Type"] == "application/json"
    assert sent.headers["Content-Length"] == str(len(sent.body or b""))


def test_without_a_version_none_is_sent() -> None:
    network = FakeNetwork(STARTED)
    run(network)
    assert "versionNumber" not in network.seen[0].json


def test_the_other_route_is_tried_after_404_and_remembered() -> None:
    network = FakeNetwork(NO_ROUTE, STARTED, STARTED)
    client = client_of(network)
    client.run_workflow("w-1", {}, metadata={})
    client.run_workflow("w-1", {}, metadata={})
    assert network.paths == [DOCS, SDK, SDK]


def test_a_remembered_route_that_vanishes_leads_back_to_the_other() -> None:
    network = FakeNetwork(NO_ROUTE, STARTED, NO_ROUTE, STARTED, STARTED)
    client = client_of(network)
    for _ in range(3):
        client.run_workflow("w-1", {}, metadata={})
    assert network.paths == [DOCS, SDK, SDK, DOCS, DOCS]


def test_404_on_both_routes_means_the_workflow_is_unknown_and_teaches_nothing() -> None:
    network = FakeNetwork(NO_ROUTE, Reply(404, {"message": "Workflow not found"}), STARTED)
    client = client_of(network)
    with pytest.raises(WorkflowNotFoundError, match=r"w-1 .*Workflow not found"):
        client.run_workflow("w-1", {}, metadata={})
    client.run_workflow("w-1", {}, metadata={})
    assert network.paths == [DOCS, SDK, DOCS]


def test_what_either_route_said_about_a_404_is_told() -> None:
    network = FakeNetwork(Reply(404, {"message": "Image 7 not found"}), NO_ROUTE)
    with pytest.raises(WorkflowNotFoundError, match=r"Image 7 not found; Cannot POST"):
        client_of(network).run_workflow("w-1", {}, metadata={})


@pytest.mark.parametrize(("route", "path"), [("docs", DOCS), ("sdk", SDK)])
def test_a_fixed_route_is_the_only_one_tried(route: Any, path: Any) -> None:
    network = FakeNetwork(NO_ROUTE)
    with pytest.raises(WorkflowNotFoundError):
        run(network, run_route=route)
    assert network.paths == [path]


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequestError),
        (402, OutOfFundsError),
        (403, PermissionDeniedError),
        (409, BadRequestError),
        (422, BadRequestError),
        (425, RateLimitedError),
        (429, RateLimitedError),
        (307, RedirectedError),
    ],
)
def test_a_refusal_is_sent_nowhere_else(status: Any, kind: Any) -> None:
    network = FakeNetwork(Reply(status, {"message": "no"}))
    with pytest.raises(kind):
        run(network)
    assert len(network.seen) == 1


@pytest.mark.parametrize("status", [408, 500, 502, 503, 504])
def test_a_server_error_leaves_the_outcome_unknown(status: Any) -> None:
    network = FakeNetwork(Reply(status, b"<html>"))
    with pytest.raises(ServerError) as caught:
        run(network)
    assert isinstance(caught.value, AnswerUnknownError)
    assert caught.value.status == status
    assert len(network.seen) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"{}",
        b"[]",
        b'{"pipelineId": null}',
        b'{"pipelineId": ""}',
        b'{"pipelineId": "' + b"p" * 201 + b'"}',
        b'{"pipe',
        b'{"operationId": "o-1"}',
        b"null",
        b"\xff",
    ],
)
def test_a_success_that_names_no_pipeline_leaves_the_outcome_unknown(body: Any) -> None:
    network = FakeNetwork(Reply(201, body))
    with pytest.raises(AnswerUnknownError) as caught:
        run(network)
    assert caught.value.status == 201
    assert len(network.seen) == 1


@pytest.mark.parametrize("status", [303, 304])
def test_an_answer_that_says_neither_leaves_the_outcome_unknown(status: Any) -> None:
    with pytest.raises(AnswerUnknownError):
        run(FakeNetwork(Reply(status)))


def test_an_oversized_answer_leaves_the_outcome_unknown() -> None:
    with pytest.raises(AnswerUnknownError):
        run(FakeNetwork(Reply(201, b" " * 100)), max_json_bytes=99)


def test_a_lost_answer_is_unknown_and_not_sent_again() -> None:
    lost = requests.ConnectionError(
        urllib3_errors.ProtocolError("Connection aborted.", ConnectionResetError(104, "reset"))
    )
    network = FakeNetwork(lost)
    with pytest.raises(AnswerUnknownError):
        run(network)
    assert len(network.seen) == 1


def test_one_401_is_retried_because_nothing_was_created() -> None:
    network = FakeNetwork(Reply(401), STARTED)
    assert run(network) == "p-1"
    assert network.paths == [DOCS, DOCS]


def test_a_lost_answer_after_a_401_is_unknown_too() -> None:
    network = FakeNetwork(Reply(401), Reply(502))
    with pytest.raises(AnswerUnknownError):
        run(network)
    assert len(network.seen) == 2


def test_what_was_not_sent_is_told_apart() -> None:
    refused = requests.ConnectionError(
        urllib3_errors.MaxRetryError(
            None,  # type: ignore[arg-type] # the pool is not looked at
            "/",
            urllib3_errors.NewConnectionError(None, "refused"),  # type: ignore[arg-type] # nor here
        )
    )
    with pytest.raises(NotSentError):
        run(FakeNetwork(refused))


@pytest.mark.parametrize("workflow_id", ["", ".", ".."])
def test_an_id_that_would_address_another_route_is_refused(workflow_id: Any) -> None:
    network = FakeNetwork()
    with pytest.raises(ValueError, match="workflow_id"):
        run(network, workflow_id)


def test_an_odd_id_is_escaped_into_one_segment() -> None:
    network = FakeNetwork(STARTED)
    run(network, "../a b?c#d")
    assert network.paths == ["/v1/workflows/run/..%2Fa%20b%3Fc%23d"]


def test_input_that_is_not_json_is_refused_before_anything_is_sent() -> None:
    network = FakeNetwork()
    with pytest.raises(ValueError, match="JSON"):
        client_of(network).run_workflow("w", {"seed": float("nan")}, metadata={})
