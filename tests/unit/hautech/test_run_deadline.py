"""The paid call ends when it has to, with all of its exchanges and its answer's body."""

import io
from collections.abc import Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from requests import Response

from tests.unit.hautech.fakes import TOKEN, Clock, FakeNetwork, Reply, Seen, client_of
from tests.unit.hautech.raw_server import raw_server
from worker.hautech import (
    AnswerUnknownError,
    AuthenticationError,
    BadRequestError,
    ClientConfig,
    HautechClient,
    NotFoundError,
    NotSentError,
    StaticToken,
    WorkflowNotFoundError,
)
from worker.hautech import deadline as deadlines
from worker.hautech.deadline import Deadline

STARTED = Reply(201, {"pipelineId": "p-1"})
NO_ROUTE = Reply(404, {"message": "Cannot POST /v1/workflows/run/w-1"})
LIMITS: dict[str, Any] = {"connect_timeout_s": 5.0, "read_timeout_s": 15.0, "run_deadline_s": 20.0}


def after(clock: Clock, seconds: float, reply: Reply) -> Callable[[Seen], Reply]:
    """A reply whose header comes so late."""

    def answer(_: Seen) -> Reply:
        clock.now_s += seconds
        return reply

    return answer


def run(network: FakeNetwork, clock: Clock, **more: Any) -> str:
    client = client_of(network, clock=clock, **{**LIMITS, **more})
    return client.run_workflow("w-1", {}, metadata={})


def limits_of(timeout: Any) -> tuple[float, float, float]:
    return timeout.total, timeout.connect_timeout, min(timeout.total, timeout._read)


def test_connecting_and_waiting_together_get_what_the_call_may_take() -> None:
    network = FakeNetwork(STARTED)
    run(network, Clock())
    assert limits_of(network.timeouts[0]) == (20.0, 5.0, 15.0)


def test_each_further_exchange_gets_only_what_is_left() -> None:
    clock = Clock()
    network = FakeNetwork(
        after(clock, 4, Reply(401)), after(clock, 4, NO_ROUTE), after(clock, 4, STARTED)
    )
    assert run(network, clock) == "p-1"
    assert [limits_of(one) for one in network.timeouts] == [
        (20.0, 5.0, 15.0),
        (16.0, 5.0, 15.0),
        (12.0, 5.0, 12.0),
    ]


@pytest.mark.parametrize(("first_s", "exchanges"), [(15.0, 2), (15.5, 1)])
def test_a_fresh_token_is_tried_only_while_five_seconds_are_left(
    first_s: float, exchanges: int
) -> None:
    clock = Clock()
    network = FakeNetwork(after(clock, first_s, Reply(401)), Reply(401))
    with pytest.raises(AuthenticationError):
        run(network, clock)
    assert len(network.seen) == exchanges


@pytest.mark.parametrize(("first_s", "exchanges"), [(15.0, 2), (15.5, 1)])
def test_the_other_route_is_tried_only_while_five_seconds_are_left(
    first_s: float, exchanges: int
) -> None:
    clock = Clock()
    network = FakeNetwork(after(clock, first_s, NO_ROUTE), NO_ROUTE)
    with pytest.raises(NotFoundError) as caught:
        run(network, clock)
    assert len(network.seen) == exchanges
    # With one of two routes asked, nothing is known about the workflow, nor about the API's URL.
    assert isinstance(caught.value, WorkflowNotFoundError) is (exchanges == 2)
    assert not caught.value.detail.startswith("Cannot")


class SlowToken:
    """Takes its time, the second time another one."""

    def __init__(self, clock: Clock, *seconds: float) -> None:
        self.clock = clock
        self.seconds = list(seconds)

    def token(self) -> str:
        self.clock.now_s += self.seconds.pop(0)
        return TOKEN

    def reject(self, token: str) -> None:
        pass

    def account(self) -> str:
        return "slow"


def test_a_token_that_took_all_the_time_leads_to_no_paid_call() -> None:
    clock = Clock()
    network = FakeNetwork()
    with pytest.raises(NotSentError, match="nothing was sent"):
        run(network, clock, tokens=SlowToken(clock, 15.5))
    assert network.seen == []


def test_a_fresh_token_that_took_all_the_time_is_not_sent() -> None:
    clock = Clock()
    network = FakeNetwork(Reply(401))
    with pytest.raises(AuthenticationError):
        run(network, clock, tokens=SlowToken(clock, 0, 15.5))
    assert len(network.seen) == 1


def test_no_fresh_token_is_waited_for_when_no_time_is_left_to_send_it() -> None:
    clock = Clock()
    tokens = SlowToken(clock, 0)  # has no second one
    with pytest.raises(AuthenticationError):
        run(FakeNetwork(after(clock, 15.5, Reply(401))), clock, tokens=tokens)


def test_signing_in_gets_the_token_and_calls_nobody() -> None:
    clock = Clock()
    tokens = SlowToken(clock, 15.5, 0)
    network = FakeNetwork(STARTED)
    client = client_of(network, clock=clock, tokens=tokens, **LIMITS)
    client.sign_in()
    assert network.seen == []
    assert client.run_workflow("w-1", {}, metadata={}) == "p-1"


def test_the_argument_goes_before_the_setting() -> None:
    network = FakeNetwork(STARTED)
    client_of(network, **LIMITS).run_workflow("w-1", {}, metadata={}, deadline_s=3.0)
    assert limits_of(network.timeouts[0]) == (3.0, 3.0, 3.0)


def test_a_short_limit_still_allows_one_exchange() -> None:
    clock = Clock()
    network = FakeNetwork(after(clock, 2.5, NO_ROUTE))
    with pytest.raises(NotFoundError):
        run(network, clock, run_deadline_s=3.0)
    assert len(network.seen) == 1


def test_a_body_that_ends_too_late_leaves_the_outcome_unknown() -> None:
    clock = Clock()
    network = FakeNetwork(after(clock, 20.5, STARTED))
    with pytest.raises(AnswerUnknownError, match="not complete"):
        run(network, clock)


class Drip(io.BytesIO):
    """One byte a second."""

    def __init__(self, data: bytes, clock: Clock) -> None:
        super().__init__(data)
        self.clock = clock

    def read1(self, _: int | None = -1, /) -> bytes:
        self.clock.now_s += 1
        return self.read(1)


def test_the_text_of_a_refusal_is_read_only_while_time_is_left() -> None:
    clock = Clock()

    class Dripping(Reply):
        def to_response(self) -> Response:
            response = super().to_response()
            response.raw._fp = Drip(b"no, for many reasons", clock)
            return response

    with pytest.raises(BadRequestError, match="no,"):
        run(FakeNetwork(after(clock, 16.5, Dripping(400))), clock)
    assert clock.now_s <= 1000.0 + 20.0 + 1.0


class Socket:
    """Remembers how long it may wait."""

    def __init__(self, timeout_s: float | None) -> None:
        self.timeout_s = timeout_s

    def gettimeout(self) -> float | None:
        return self.timeout_s

    def settimeout(self, timeout_s: float) -> None:
        self.timeout_s = timeout_s


class NetworkWithSocket(FakeNetwork):
    """Its answers come from a socket that can be looked at."""

    def __init__(self, *script: Any) -> None:
        super().__init__(*script)
        self.sock = Socket(15.0)

    def send(self, *args: Any, **more: Any) -> Response:
        response = super().send(*args, **more)
        response.raw._connection = SimpleNamespace(sock=self.sock, close=lambda: None)
        return response


@pytest.mark.parametrize("reply", [STARTED, Reply(400, {"message": "no"})])
def test_no_read_of_the_body_waits_longer_than_what_is_left(reply: Reply) -> None:
    clock = Clock()
    network = NetworkWithSocket(after(clock, 12.0, reply))
    with suppress(BadRequestError):
        run(network, clock)
    assert network.sock.timeout_s == 8.0


@pytest.mark.parametrize(
    ("before_s", "left_s", "after_s"),
    [(15.0, 8.0, 8.0), (3.0, 8.0, 3.0), (None, 8.0, 8.0), (15.0, -1.0, 0.001)],
)
def test_a_socket_never_gets_more_time_than_it_had_and_never_none(
    before_s: float | None, left_s: float, after_s: float
) -> None:
    sock = Socket(before_s)
    raw = SimpleNamespace(connection=SimpleNamespace(sock=sock))
    deadlines.limit_reads(raw, Deadline.after(left_s, lambda: 1000.0))
    assert sock.timeout_s == after_s


@pytest.mark.parametrize("header", ["X-Kept: open", "Connection: close"])
def test_the_socket_of_a_real_answer_is_found(header: str, monkeypatch: Any) -> None:
    """Also when the connection has let go of it because it closes after this answer."""
    timeouts_s: list[float] = []

    def limit_and_look(raw: Any, _: Deadline) -> None:
        deadlines.limit_reads(raw, Deadline.after(7.0, lambda: 1000.0))
        timeouts_s.append(raw._fp.fp.raw._sock.gettimeout())

    monkeypatch.setattr("worker.hautech.transport.limit_reads", limit_and_look)

    def behave(wire: Any) -> None:
        wire.read_request()
        wire.answer(b'{"pipelineId": "p-1"}', header, status="201 Created")

    with (
        raw_server(behave) as server,
        HautechClient(ClientConfig(api_url=server.url, **LIMITS), StaticToken(TOKEN)) as client,
    ):
        assert client.run_workflow("w-1", {}, metadata={}) == "p-1"
    assert timeouts_s == [7.0]
