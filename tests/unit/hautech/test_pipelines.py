"""Status reads stay small and know old deployments; the list never ends early in silence."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.unit.hautech.fakes import FakeNetwork, Reply, client_of
from worker.hautech import (
    InvalidAnswerError,
    ListTooLongError,
    NotFoundError,
    PipelinePhase,
    ServerError,
)

STATUS = "/v1/pipelines/p-1/status"
PLAIN = "/v1/pipelines/p-1"
NO_ROUTE = Reply(404, {"message": f"Cannot GET {STATUS}"})
NOT_FOUND = Reply(404, {"message": "Pipeline not found"})
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def record(status: Any, **more: Any) -> Any:
    return {"id": "p-1", "status": status, "metadata": {}, **more}


def test_a_pending_pipeline_costs_one_small_call() -> None:
    network = FakeNetwork(Reply(200, {"status": "pending"}))
    status = client_of(network).get_pipeline_status("p-1")
    assert (status.phase, status.pipeline) == (PipelinePhase.PENDING, None)
    assert network.paths == [STATUS]


def test_an_ended_pipeline_comes_with_its_record() -> None:
    body = {"status": "completed", "pipeline": record("completed", output={"imageId": "i"})}
    network = FakeNetwork(Reply(200, body))
    status = client_of(network).get_pipeline_status("p-1")
    assert status.phase is PipelinePhase.COMPLETED
    assert status.pipeline is not None
    assert status.pipeline.output == {"imageId": "i"}
    assert len(network.seen) == 1


@pytest.mark.parametrize("word", ["completed", "failed"])
def test_a_missing_record_is_fetched(word: Any) -> None:
    network = FakeNetwork(Reply(200, {"status": word, "pipeline": None}), Reply(200, record(word)))
    status = client_of(network).get_pipeline_status("p-1")
    assert status.pipeline is not None
    assert network.paths == [STATUS, PLAIN]


def test_an_unknown_word_is_neither_end_nor_error() -> None:
    network = FakeNetwork(Reply(200, {"status": "in_progress"}))
    status = client_of(network).get_pipeline_status("p-1")
    assert (status.phase, status.status) == (PipelinePhase.OTHER, "in_progress")


def test_a_deployment_without_the_status_route_is_remembered() -> None:
    network = FakeNetwork(
        NO_ROUTE, Reply(200, record("pending")), Reply(200, record("completed", output="i"))
    )
    client = client_of(network)
    assert client.get_pipeline_status("p-1").phase is PipelinePhase.PENDING
    assert client.get_pipeline_status("p-1").phase is PipelinePhase.COMPLETED
    assert network.paths == [STATUS, PLAIN, PLAIN]


def test_one_lagging_status_read_is_not_taken_for_a_missing_route() -> None:
    network = FakeNetwork(
        NOT_FOUND, Reply(200, record("pending")), Reply(200, {"status": "pending"})
    )
    client = client_of(network)
    client.get_pipeline_status("p-1")
    client.get_pipeline_status("p-1")
    assert network.paths == [STATUS, PLAIN, STATUS]


def test_lagging_status_reads_are_counted_in_a_row_only() -> None:
    lagging = [NOT_FOUND, Reply(200, record("pending"))]
    network = FakeNetwork(*lagging, *lagging, Reply(200, {"status": "pending"}), *lagging, *lagging)
    client = client_of(network)
    for _ in range(5):
        client.get_pipeline_status("p-1")
    assert network.paths.count(STATUS) == 5


def test_status_reads_that_keep_missing_are_given_up() -> None:
    lagging = [NOT_FOUND, Reply(200, record("pending"))]
    network = FakeNetwork(*lagging * 3, Reply(200, record("pending")))
    client = client_of(network)
    for _ in range(4):
        client.get_pipeline_status("p-1")
    assert network.paths.count(STATUS) == 3


def test_a_pipeline_that_is_not_there_is_not_found() -> None:
    network = FakeNetwork(NOT_FOUND, NOT_FOUND)
    with pytest.raises(NotFoundError):
        client_of(network).get_pipeline_status("p-1")


def test_an_unreadable_record_is_an_invalid_answer() -> None:
    with pytest.raises(InvalidAnswerError, match="status"):
        client_of(FakeNetwork(Reply(200, {"id": "p-1"}))).get_pipeline("p-1")


def test_a_read_that_fails_is_not_repeated_by_us() -> None:
    network = FakeNetwork(Reply(503, b"", {"retry-after": "3"}))
    with pytest.raises(ServerError) as caught:
        client_of(network).get_pipeline("p-1")
    assert caught.value.retry_after_s == 3.0
    assert len(network.seen) == 1


def page(*minutes_ago: Any, cursor: Any = None) -> Any:
    data = [
        {
            "id": f"p{ago}",
            "status": "pending",
            "metadata": {"ago": ago},
            "createdAt": (NOON - timedelta(minutes=ago)).isoformat(),
        }
        for ago in minutes_ago
    ]
    return Reply(200, {"data": data, "pageInfo": {"nextCursor": cursor}})


def walk(network: Any, back_min: Any, **options: Any) -> Any:
    until = NOON - timedelta(minutes=back_min)
    return list(client_of(network).iter_pipelines_newest_first(until, **options))


def test_the_list_is_walked_back_page_by_page_to_the_given_time() -> None:
    network = FakeNetwork(page(0, 1, cursor="a b"), page(2, 5, 6, cursor="c"))
    assert [one.pipeline_id for one in walk(network, 5)] == ["p0", "p1", "p2", "p5"]
    assert network.paths == [
        "/v1/pipelines?orderBy=createdAt_DESC&limit=50",
        "/v1/pipelines?orderBy=createdAt_DESC&limit=50&cursor=a+b",
    ]


def test_the_last_page_ends_the_walk() -> None:
    assert [one.metadata["ago"] for one in walk(FakeNetwork(page(0, 1)), 60)] == [0, 1]


def test_too_many_pages_are_an_error_and_not_the_end() -> None:
    network = FakeNetwork(page(0, cursor="a"), page(1, cursor="b"))
    with pytest.raises(ListTooLongError, match="2 pages"):
        walk(network, 60, max_pages=2)


def test_a_cursor_that_repeats_is_an_error() -> None:
    network = FakeNetwork(page(0, cursor="a"), page(1, cursor="a"))
    with pytest.raises(InvalidAnswerError, match="cursor"):
        walk(network, 60)


def test_a_preview_without_a_time_is_still_looked_at() -> None:
    body = {"data": [{"id": "p", "status": "pending", "metadata": {"k": 1}}]}
    assert [one.metadata for one in walk(FakeNetwork(Reply(200, body)), 1)] == [{"k": 1}]


def test_a_naive_time_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="aware"):
        client_of(FakeNetwork()).iter_pipelines_newest_first(datetime(2026, 3, 1))  # noqa: DTZ001 a naive time is what is refused
