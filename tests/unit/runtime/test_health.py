import contextlib
import json
import socket
import threading
from collections.abc import Iterator
from http.client import HTTPConnection
from typing import Any

import pytest

from tests.builders import NOON
from worker.engine.intake import Intake
from worker.errors import SettingsError
from worker.ports.notices import HoldReason
from worker.runtime.container import ContainerState
from worker.runtime.health import MAX_CONNECTIONS, HealthServer, liveness_reasons, readiness_reasons
from worker.runtime.receiver import ReceiverState
from worker.runtime.slots import Kind

OPEN = Intake()
HELD = Intake(reason=HoldReason.OUT_OF_FUNDS, until=NOON, for_s=12.0)


def receiver(**changes: Any) -> ReceiverState:
    fields: dict[str, Any] = {
        "last_success_age_s": 3.0,
        "trouble": None,
        "call_age_s": 2.0,
        "is_alive": True,
    }
    return ReceiverState(**(fields | changes))


def state(*, is_stopping: bool = False, intake: Intake = OPEN, **requests: Any) -> ContainerState:
    return ContainerState(
        is_stopping=is_stopping,
        in_hand=2,
        free_slots=30,
        oldest_in_hand_s=1.25,
        receivers={Kind.REQUESTS: receiver(**requests), Kind.POLLS: receiver()},
        intake=intake,
    )


def test_a_worker_that_receives_from_both_queues_is_alive_and_ready() -> None:
    assert liveness_reasons(state()) == readiness_reasons(state()) == []


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"last_success_age_s": None}, "requests: nothing was received yet"),
        ({"trouble": "SQS is away"}, "requests: SQS is away"),
        ({"is_stopping": True}, "stopping"),
    ],
)
def test_a_worker_that_cannot_take_work_is_alive_but_not_ready(
    changes: dict[str, Any], reason: str
) -> None:
    assert readiness_reasons(state(**changes)) == [reason]
    assert liveness_reasons(state(**changes)) == []


def test_a_worker_whose_receiver_ended_or_hangs_is_neither() -> None:
    assert liveness_reasons(state(is_alive=False)) == ["requests: the receiver has ended"]
    assert liveness_reasons(state(call_age_s=121.0)) == ["requests: a receive hangs for 121 s"]
    assert readiness_reasons(state(is_alive=False)) == ["requests: the receiver has ended"]


def test_a_receiver_that_ended_because_of_a_stop_is_no_reason_to_restart() -> None:
    assert liveness_reasons(state(is_stopping=True, is_alive=False)) == []


class Rig:
    def __init__(self) -> None:
        self.state = state()
        self.server = HealthServer("127.0.0.1", 0, lambda: self.state, lambda: b"figures 1\n")
        self.server.start()

    def get(self, path: str, method: str = "GET") -> tuple[int, Any]:
        connection = HTTPConnection("127.0.0.1", self.server.port, timeout=20)
        try:
            connection.request(method, path)
            answer = connection.getresponse()
            body = answer.read()
            return answer.status, json.loads(body) if body else None
        finally:
            connection.close()


@pytest.fixture
def rig() -> Iterator[Rig]:
    rig = Rig()
    yield rig
    rig.server.close()


def test_readiness_flips_with_the_state(rig: Rig) -> None:
    assert rig.get("/readyz") == (
        200,
        {
            "status": "ok",
            "reasons": [],
            "inHand": 2,
            "freeSlots": 30,
            "oldestInHandSeconds": 1.2,
            "intake": {"isHeld": False, "reason": None, "nextTryAt": None},
            "queues": {
                "requests": {"lastReceiveSecondsAgo": 3.0, "trouble": None},
                "polls": {"lastReceiveSecondsAgo": 3.0, "trouble": None},
            },
        },
    )
    rig.state = state(trouble="SQS is away")
    status, document = rig.get("/readyz")
    assert (status, document["reasons"]) == (503, ["requests: SQS is away"])
    assert rig.get("/healthz")[0] == 200
    rig.state = state()
    assert rig.get("/readyz?verbose")[0] == 200


def test_held_intake_is_shown_and_leaves_the_worker_ready(rig: Rig) -> None:
    rig.state = state(intake=HELD)
    status, document = rig.get("/readyz")
    assert (status, document["reasons"]) == (200, [])
    assert document["intake"] == {
        "isHeld": True,
        "reason": "out_of_funds",
        "nextTryAt": "2026-03-01T12:00:00.000Z",
    }


def test_the_figures_are_served_as_text(rig: Rig) -> None:
    connection = HTTPConnection("127.0.0.1", rig.server.port, timeout=20)
    connection.request("GET", "/metrics")
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, b"figures 1\n")
    assert answer.getheader("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    connection.close()


def test_liveness_flips_with_the_state(rig: Rig) -> None:
    assert rig.get("/healthz")[0] == 200
    rig.state = state(is_alive=False)
    assert rig.get("/healthz")[0] == 503


def test_a_head_request_has_a_status_and_no_body(rig: Rig) -> None:
    assert rig.get("/readyz", "HEAD") == (200, None)


def test_other_paths_say_which_there_are(rig: Rig) -> None:
    status, document = rig.get("/metric")
    assert status == 404
    assert "/healthz" in document["error"]


def test_a_port_that_is_taken_names_the_setting() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"WORKER_HEALTH_PORT: {port}: .*127.0.0.1"):
            HealthServer("127.0.0.1", port, state, bytes)


def test_closing_ends_the_thread_and_frees_the_port(rig: Rig) -> None:
    port = rig.server.port
    rig.server.close()
    assert not any(thread.name == "health" for thread in threading.enumerate())
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), timeout=20)


def test_slow_connections_give_way_to_a_probe(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    # Nobody is sent away for being slow: only a newer connection does that.
    monkeypatch.setattr("worker.runtime.health._Handler.timeout", 600)
    with contextlib.ExitStack() as stack:
        slow = []
        for _ in range(MAX_CONNECTIONS * 3):
            address = ("127.0.0.1", rig.server.port)
            slow.append(stack.enter_context(socket.create_connection(address, timeout=20)))
            slow[-1].sendall(b"GET /hea")
        assert rig.get("/healthz")[0] == 200
        for one in slow[: MAX_CONNECTIONS * 2]:
            assert one.recv(1) == b""


def test_a_port_that_cannot_take_a_connection_does_not_take_a_processor(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    tries, paused = [], threading.Event()

    def accept(_server: object) -> None:
        tries.append(1)
        raise OSError(24, "Too many open files")

    def pause(_seconds: float) -> None:
        paused.set()
        monkeypatch.undo()

    monkeypatch.setattr("worker.runtime.health.time.sleep", pause)
    monkeypatch.setattr("socketserver.TCPServer.get_request", accept)
    assert rig.get("/healthz")[0] == 200
    assert paused.is_set()
    assert len(tries) == 1
