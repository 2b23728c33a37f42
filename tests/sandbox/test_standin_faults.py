"""14.10: everything that can be made to go wrong, and that it goes wrong as it says."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests

from sandbox.hautech import FaultRule
from tests.support.standin import IDS, Lab, png, running_lab

RUN = f"/v1/workflows/run/{IDS['prepare-image']}"
SELF = "/v1/accounts/self"
# Long enough to be sure that nothing answers, while the client's patience ends the test.
FOREVER_S = 600
PATIENCE_S = (5, 0.2)


@pytest.fixture(scope="module")
def server() -> Iterator[Lab]:
    with running_lab() as lab:
        yield lab


@pytest.fixture
def lab(server: Lab) -> Lab:
    return server.fresh()


def test_unauthorized_once_then_fine(lab: Lab) -> None:
    lab.stand_in.add_fault({"route": "account.self", "kind": "status", "status": 401})
    assert [lab.call("GET", SELF).status_code for _ in range(2)] == [401, 200]


@pytest.mark.parametrize("status", [401, 402, 403, 429, 500, 502, 503])
def test_status_before_the_side_effect_leaves_nothing_behind(lab: Lab, status: int) -> None:
    lab.stand_in.add_fault({"route": "workflows.run", "kind": "status", "status": status})
    answer = lab.call("POST", RUN, json={"input": {}})
    assert answer.status_code == answer.json()["statusCode"] == status
    assert lab.stand_in.runs() == []


@pytest.mark.parametrize("status", [500, 502, 503])
def test_status_after_the_side_effect_leaves_a_paid_run(lab: Lab, status: int) -> None:
    lab.stand_in.add_fault(
        {"route": "workflows.run", "kind": "status", "status": status, "when": "after"}
    )
    answer = lab.call("POST", RUN, json={"input": {}, "metadata": {"k": "1"}})
    assert answer.status_code == status
    assert "pipelineId" not in answer.text
    assert [run["metadata"] for run in lab.stand_in.runs()] == [{"k": "1"}]


def test_retry_after_is_sent_only_when_asked_for(lab: Lab) -> None:
    rule = {"route": "pipelines.list", "kind": "status", "status": 429}
    lab.stand_in.add_fault(rule)
    lab.stand_in.add_fault({**rule, "retryAfter": 7})
    first, second = (lab.call("GET", "/v1/pipelines") for _ in range(2))
    assert "Retry-After" not in first.headers
    assert second.headers["Retry-After"] == "7"


@pytest.mark.parametrize(("kind", "count"), [("drop_before", 0), ("drop_after", 1)])
def test_dropped_connection_before_and_after_the_side_effect(
    lab: Lab, kind: str, count: int
) -> None:
    lab.stand_in.add_fault({"route": "workflows.run", "kind": kind})
    with pytest.raises(requests.ConnectionError):
        lab.call("POST", RUN, json={"input": {}})
    assert len(lab.stand_in.runs()) == count
    # The next call of the same session works again.
    assert lab.call("POST", RUN, json={"input": {}}).status_code == 201


@pytest.mark.parametrize(("when", "count"), [("before", 0), ("after", 1)])
def test_reset_is_seen_as_a_reset(lab: Lab, when: str, count: int) -> None:
    lab.stand_in.add_fault({"route": "workflows.run", "kind": "reset", "when": when})
    at = urlsplit(lab.stand_in.api_url)
    body = b'{"input": {}}'
    head = (
        f"POST {RUN} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {lab.token}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection((at.hostname, at.port), timeout=5) as connection:
        connection.sendall(head.encode() + body)
        with pytest.raises(ConnectionResetError):
            connection.recv(100)
    assert len(lab.stand_in.runs()) == count


def test_dropped_upload_after_the_side_effect_has_used_the_url_up(lab: Lab) -> None:
    lab.stand_in.add_fault({"route": "images.upload", "kind": "drop_after"})
    url = lab.upload_url()
    with pytest.raises(requests.ConnectionError):
        lab.media("PUT", url, files={"file": ("a.png", png())})
    assert lab.media("PUT", url, files={"file": ("a.png", png())}).status_code == 403


def test_html_page_of_a_proxy(lab: Lab) -> None:
    lab.stand_in.add_fault({"route": "account.self", "kind": "html", "status": 502})
    answer = lab.call("GET", SELF)
    assert answer.status_code == 502
    assert answer.headers["Content-Type"].startswith("text/html")
    assert "502 Bad Gateway" in answer.text


def test_silence_comes_after_the_side_effect(lab: Lab) -> None:
    lab.stand_in.add_fault({"route": "workflows.run", "kind": "silence", "delaySeconds": 0})
    with pytest.raises(requests.ConnectionError):
        lab.call("POST", RUN, json={"input": {}})
    assert len(lab.stand_in.runs()) == 1


def test_any_body_and_header_can_be_answered(lab: Lab) -> None:
    lab.stand_in.add_fault(
        {"route": "workflows.run", "kind": "body", "status": 201, "body": "{}", "when": "after"}
    )
    lab.stand_in.add_fault(
        {"route": "images.download", "kind": "status", "status": 302,
         "headers": {"Location": "http://other.example/x"}}
    )  # fmt: skip
    answer = lab.call("POST", RUN, json={"input": {}})
    assert (answer.status_code, answer.json()) == (201, {})
    assert len(lab.stand_in.runs()) == 1
    moved = lab.media("GET", lab.upload()["url"], allow_redirects=False)
    assert (moved.status_code, moved.headers["Location"]) == (302, "http://other.example/x")


def raw_download(url: str) -> tuple[str, bytes]:
    """Head and body exactly as they came over the wire."""
    at = urlsplit(url)
    with socket.create_connection((at.hostname, at.port), timeout=5) as connection:
        request = f"GET {at.path}?{at.query} HTTP/1.1\r\nHost: {at.netloc}\r\n\r\n"
        connection.sendall(request.encode())
        received = b""
        while piece := connection.recv(65536):
            received += piece
    head, _, body = received.partition(b"\r\n\r\n")
    return head.decode().lower(), body


def test_truncated_download_with_a_length_is_short_of_it(lab: Lab) -> None:
    content = png("green", (700, 700))
    lab.stand_in.add_fault({"route": "images.download", "kind": "truncate"})
    head, body = raw_download(lab.upload(content)["url"])
    assert f"content-length: {len(content)}" in head
    assert body == content[: len(content) // 2]


def test_truncated_download_in_chunks_lacks_the_last_one(lab: Lab) -> None:
    content = png("green", (700, 700))
    lab.stand_in.add_fault(
        {"route": "images.download", "kind": "truncate", "truncation": "chunked", "times": 2}
    )
    head, body = raw_download(lab.upload(content)["url"])
    assert "transfer-encoding: chunked" in head
    assert content[: len(content) // 2] in body
    assert not body.endswith(b"0\r\n\r\n")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        lab.media("GET", lab.upload(content)["url"])


def test_truncated_download_without_a_length_cannot_be_told_from_a_whole_one(lab: Lab) -> None:
    content = png("green", (700, 700))
    lab.stand_in.add_fault(
        {"route": "images.download", "kind": "truncate", "truncation": "close", "times": 2}
    )
    head, body = raw_download(lab.upload(content)["url"])
    assert "content-length" not in head
    assert "chunked" not in head
    assert body == content[: len(content) // 2]
    # This is the trap: requests accepts it.
    assert lab.media("GET", lab.upload(content)["url"]).content == body


def test_truncated_json_answer_is_possible_too(lab: Lab) -> None:
    lab.stand_in.add_fault({"route": "account.self", "kind": "truncate", "truncation": "close"})
    with pytest.raises(requests.exceptions.JSONDecodeError):
        lab.call("GET", SELF).json()


def test_slow_drip_sends_the_whole_body_in_pieces(lab: Lab) -> None:
    content = png("green", (300, 300))
    lab.stand_in.add_fault(
        {"route": "images.download", "kind": "slow_drip", "pieceBytes": 100, "intervalSeconds": 0}
    )
    assert lab.media("GET", lab.upload(content)["url"]).content == content


def test_slow_drip_pauses_between_pieces(lab: Lab) -> None:
    lab.stand_in.add_fault(
        {"route": "images.download", "kind": "slow_drip", "pieceBytes": 10,
         "intervalSeconds": FOREVER_S}
    )  # fmt: skip
    answer = lab.media("GET", lab.upload()["url"], stream=True, timeout=PATIENCE_S)
    with answer:
        assert len(answer.raw.read(10)) == 10
        with pytest.raises(requests.exceptions.ConnectionError, match="timed out"):
            next(answer.iter_content(10))


def test_delay_outlasts_an_impatient_client(lab: Lab) -> None:
    lab.stand_in.add_fault({"route": "account.self", "kind": "delay", "delaySeconds": FOREVER_S})
    with pytest.raises(requests.ReadTimeout):
        lab.call("GET", SELF, timeout=PATIENCE_S)
    assert lab.call("GET", SELF).status_code == 200


def test_delay_goes_together_with_another_fault(lab: Lab) -> None:
    lab.stand_in.add_fault({"route": "*", "kind": "delay", "delaySeconds": 0})
    lab.stand_in.add_fault({"route": "account.self", "kind": "status", "status": 503})
    assert lab.call("GET", SELF).status_code == 503
    assert [row["hits"] for row in lab.stand_in.faults()] == [1, 1]


def test_rule_skips_calls_first_and_stops_after_its_times(lab: Lab) -> None:
    lab.stand_in.add_fault({"route": "account.self", "kind": "status", "skip": 2, "times": 2})
    statuses = [lab.call("GET", SELF).status_code for _ in range(6)]
    assert statuses == [200, 200, 503, 503, 200, 200]


def test_rule_can_last_until_it_is_lifted(lab: Lab) -> None:
    lab.stand_in.add_fault({"route": "account.self", "kind": "status", "times": -1})
    assert {lab.call("GET", SELF).status_code for _ in range(5)} == {503}
    lab.stand_in.clear_faults()
    assert lab.call("GET", SELF).status_code == 200


def test_rule_can_name_method_and_path_or_part_of_the_body(lab: Lab) -> None:
    lab.stand_in.add_fault({"route": "GET /v1/accounts/*", "kind": "status", "times": -1})
    lab.stand_in.add_fault(
        {"route": "workflows.run", "kind": "status", "bodyContains": "sku-3", "times": -1}
    )
    assert lab.call("GET", SELF).status_code == 503
    assert lab.call("GET", "/v1/pipelines").status_code == 200
    statuses = [
        lab.call("POST", RUN, json={"input": {}, "metadata": {"sku": f"sku-{number}"}}).status_code
        for number in (2, 3, 4)
    ]
    assert statuses == [201, 503, 201]


def test_rule_of_a_group_covers_its_routes_and_no_others(lab: Lab) -> None:
    lab.stand_in.add_fault({"route": "workflows.run", "kind": "status", "times": -1})
    sdk = f"/v1/workflows/{IDS['prepare-image']}/run"
    assert lab.call("POST", sdk, json={"input": {}}).status_code == 503
    assert lab.call("GET", f"/v1/workflows/{IDS['naomi']}").status_code == 200


@pytest.mark.parametrize(
    ("rule", "words"),
    [({"route": "x", "kind": "explode"}, "kind.*explode"), ({"kind": "delay"}, "route.*missing"),
     ({"route": "x", "kind": "delay", "delay": 1}, "delay.*unknown"),
     ({"route": "x", "kind": "delay", "times": "1"}, "times.*int"),
     ({"route": "x", "kind": "status", "when": "later"}, "when.*later"),
     ({"route": "", "kind": "status"}, "route.*empty")],
    ids=str,
)  # fmt: skip
def test_bad_rule_is_refused_by_name(lab: Lab, rule: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=re.compile(words)):
        lab.stand_in.add_fault(rule)
    assert lab.stand_in.faults() == []


def test_rule_survives_the_way_through_json() -> None:
    rule = FaultRule(route="x", kind="status", headers={"A": "b"}, retry_after=3, delay_s=2.5)
    assert FaultRule.from_json(rule.to_json()) == rule
