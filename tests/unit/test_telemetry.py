import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import structlog

from tests.support.logs import logging_put_back
from worker.telemetry import (
    configure_logging,
    is_secret_name,
    may_hold_secret,
    redact,
    redact_text,
)

CANARY = "c4n4ryc4n4ryc4n4ryc4n4ry"
JWT = f"eyJhbGciOiJSUzI1NiJ9.eyJ{CANARY}.sig{CANARY}"
PEM = f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n{CANARY}\n-----END PRIVATE KEY-----"


class Sink:
    def __init__(self) -> None:
        self.stream = io.StringIO()

    @property
    def text(self) -> str:
        return self.stream.getvalue()

    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text.splitlines()]


@pytest.fixture
def sink() -> Iterator[Sink]:
    """Logging as a process has it; what was before is put back."""
    with logging_put_back():
        yield Sink()


def test_a_line_is_one_json_object_with_time_level_and_context(sink: Sink) -> None:
    configure_logging(log_format="json", stream=sink.stream)
    structlog.contextvars.bind_contextvars(request_id="sku-1")
    structlog.get_logger().info("pipeline adopted", action="pipeline_adopted", credits=None)
    [event] = sink.events()
    at = datetime.fromisoformat(event.pop("timestamp"))
    assert at.tzinfo == UTC
    assert event == {
        "level": "info",
        "event": "pipeline adopted",
        "action": "pipeline_adopted",
        "credits": None,
        "request_id": "sku-1",
    }


def test_console_lines_are_for_people(sink: Sink) -> None:
    configure_logging(log_format="console", stream=sink.stream)
    structlog.get_logger().warning("slow down", action="throttled")
    assert "slow down" in sink.text
    assert "action=throttled" in sink.text
    assert "\x1b" not in sink.text  # no colours off a terminal


# Moves the cursor (ESC and its one-character form), begins a line, turns the direction of writing.
STEERING = "\x1b[2J \x9b2J\nFAKE\r\u2028\u202e\x7f"


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_what_others_wrote_steers_no_terminal_and_begins_no_line(
    sink: Sink, log_format: Any
) -> None:
    configure_logging(log_format=log_format, stream=sink.stream)
    structlog.get_logger().warning(f"said {STEERING}", pipeline_id=STEERING, short="\x1b[2J")
    logging.getLogger("library").warning("library said %s", STEERING)
    lines = sink.text.split("\n")
    assert [line.isprintable() for line in lines] == [True, True, True]
    assert lines[2] == ""
    assert all("x1b[2J" in line or "u001b[2J" in line for line in lines[:2])


def test_json_lines_read_back_as_they_were(sink: Sink) -> None:
    configure_logging(log_format="json", stream=sink.stream)
    structlog.get_logger().info("x", said=STEERING)
    assert json.loads(sink.text)["said"] == STEERING


def test_a_stack_trace_keeps_its_lines_on_the_console(sink: Sink) -> None:
    def fail() -> None:
        raise ValueError("\x1b[2J")

    configure_logging(log_format="console", stream=sink.stream)
    try:
        fail()
    except ValueError:
        structlog.get_logger().exception("a bug")
    assert "\n    raise ValueError" in sink.text
    assert "ValueError: \\x1b[2J" in sink.text


def test_off_a_terminal_the_format_is_json(sink: Sink) -> None:
    configure_logging(stream=sink.stream)
    structlog.get_logger().info("hello")
    assert sink.events()[0]["event"] == "hello"


def test_the_level_leaves_lines_out(sink: Sink) -> None:
    configure_logging(log_format="json", level="warning", stream=sink.stream)
    structlog.get_logger().info("quiet")
    structlog.get_logger().warning("loud")
    assert [event["event"] for event in sink.events()] == ["loud"]


def test_a_header_that_breaks_off_is_told_once_and_by_us(sink: Sink) -> None:
    configure_logging(log_format="json", stream=sink.stream)
    logging.getLogger("urllib3.connection").warning("Failed to parse headers: %s", CANARY)
    assert sink.text == ""


def test_libraries_speak_from_warning_on_through_the_same_renderer(sink: Sink) -> None:
    configure_logging(log_format="json", stream=sink.stream)
    logging.getLogger("urllib3.connectionpool").info("quiet")
    logging.getLogger("urllib3.connectionpool").warning("retry %s?X-Amz-Signature=%s", "/a", CANARY)
    [event] = sink.events()
    assert event["logger"] == "urllib3.connectionpool"
    assert event["level"] == "warning"
    assert "timestamp" in event
    assert CANARY not in sink.text


PLANTED: list[Any] = [
    f"Authorization: Bearer {CANARY}",
    f"authorization: Basic {CANARY}==",
    JWT,
    f"the token {JWT} was refused",
    PEM,
    PEM.replace("\n", "\\n"),
    f"-----BEGIN RSA PRIVATE KEY-----\n{CANARY}",
    f"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC{CANARY * 4}",
    f"https://files.hautech.ai/u/1?X-Amz-Credential=x&X-Amz-Signature={CANARY}",
    f"https://files.hautech.ai/u/1?token={CANARY}#x",
    f"https://files.hautech.ai/u/1?sig={CANARY}",
    f"https://files.hautech.ai/u/1?anything={CANARY}",
    f"http://user:{CANARY}@proxy.example.com:3128/",
    f"GET /u/1?X-Amz-Signature={CANARY} HTTP/1.1",
    f"/u/1?a=1&sig={CANARY}&b=2",
    f"AKIA{CANARY.upper()[:16]} and {CANARY.upper()[:0]}",
    f"aws_secret_access_key = {CANARY}",
    f"Credential=AKIAX/20260101, SignedHeaders=host, Signature={CANARY}",
    f'{{"fileToken": "{CANARY}"}}',
    f"{{'api_key': '{CANARY}'}}",
    f"password={CANARY}",
    {"api_token": CANARY},
    {"Authorization": CANARY},
    {"X-Amz-Security-Token": CANARY},
    {"a": [{"b": ({"keySecret": CANARY},)}]},
    [f"Bearer {CANARY}"],
    {f"https://x.example.com/?sig={CANARY}": 1},
    f"Bearer {CANARY}".encode(),
    {"cookies": [CANARY]},
    ValueError(f"no answer from https://x.example.com/a?token={CANARY}"),
]


@pytest.mark.parametrize("log_format", ["json", "console"])
@pytest.mark.parametrize("planted", PLANTED, ids=range(len(PLANTED)))
def test_no_canary_leaves_the_process(sink: Sink, log_format: Any, planted: Any) -> None:
    configure_logging(log_format=log_format, stream=sink.stream)
    log = structlog.get_logger()
    log.info("a value", value=planted)
    if isinstance(planted, str):
        log.info(planted)
        logging.getLogger("boto3").warning("it says %s", planted)
        structlog.contextvars.bind_contextvars(where=planted)
        log.info("from the context")
    assert sink.text
    assert CANARY.lower() not in sink.text.lower()
    assert CANARY.upper()[:16] not in sink.text


@pytest.mark.parametrize("name", ["token", "api_token", "X-Amz-Signature", "secret", "password"])
@pytest.mark.parametrize("log_format", ["json", "console"])
def test_what_stands_under_a_secrets_name_is_gone(sink: Sink, log_format: Any, name: str) -> None:
    configure_logging(log_format=log_format, stream=sink.stream)
    structlog.get_logger().info("a value", **{name: CANARY})
    assert CANARY not in sink.text


def refuse(_: object) -> None:
    raise ValueError(f"https://x.example.com/a?token={CANARY}")


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_stack_traces_are_redacted_too(sink: Sink, log_format: Any) -> None:
    configure_logging(log_format=log_format, stream=sink.stream)
    log = structlog.get_logger()
    try:
        try:
            refuse(CANARY)
        except ValueError as inner:
            raise RuntimeError(f"Bearer {CANARY}") from inner
    except RuntimeError:
        log.exception("it failed")
        logging.getLogger("botocore").exception("it failed there, too")
    assert sink.text.count("RuntimeError") >= 2
    assert CANARY not in sink.text


def test_a_value_that_contains_itself_or_cannot_be_json_still_makes_a_line(sink: Sink) -> None:
    configure_logging(log_format="json", stream=sink.stream)
    loop: dict[str, Any] = {}
    loop["self"] = loop
    structlog.get_logger().info("odd", loop=loop, keys={(1, 2): object()}, at=datetime.now(UTC))
    [event] = sink.events()
    assert event["event"] == "odd"


CLEAN = [
    "job sku-1042-front: submitting -> running, because pipeline 6f0c started",
    "s3://catalog/generated/sku-1042/a.png",
    "https://sqs.eu-west-1.amazonaws.com/123456789012/requests",
    "GET /v1/pipelines/6f0c/status: HTTP 503: upstream is away (request id 77)",
    "arn:aws:sns:eu-west-1:123456789012:results",
]


@pytest.mark.parametrize("text", CLEAN)
def test_a_clean_text_is_not_even_looked_at_closely(text: str) -> None:
    assert not may_hold_secret(text)
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "HAUTECH_API_TOKEN: not set (Hautech developer portal)",
        "Hautech refuses the worker's token: check HAUTECH_API_TOKEN",
        "s3://catalog/raw/a.png?versionId=3sL4kqtJlcpXroDTDmJ",
        "the basic idea",
    ],
)
def test_prose_about_secrets_stays_readable(text: str) -> None:
    assert redact_text(text) == text


def test_what_is_no_text_keeps_its_kind() -> None:
    value = {"count": 3, "ok": True, "ratio": 0.5, "none": None, "tokens": 7, "list": [1, "a"]}
    assert redact(value) == value


@pytest.mark.parametrize("name", ["request_id", "poll_ticket", "secret_arn", "key", "pipeline_id"])
def test_other_names_are_no_secrets(name: str) -> None:
    assert not is_secret_name(name)


@pytest.mark.parametrize(
    "unit",
    ["a-", "a.", "x://", "x:/", "bearer ", "eyJ", "-----BEGIN A-----", "token ", "MIIa", "sig"],
)
def test_a_hostile_text_of_a_quarter_megabyte_is_passed_over_once(unit: str) -> None:
    # Where a pattern begins again at every character, this takes minutes and the test times out.
    redact_text(unit * (250_000 // len(unit)))


@pytest.mark.parametrize("before", ["x", "é", "_", "1", "error:", "-"])
@pytest.mark.parametrize(
    "secret",
    [
        f"https://h/a?x={CANARY}",
        f"https://u:{CANARY}@h/a",
        f"Bearer {CANARY}",
        JWT,
        f"MIIEvQIBADANBgkqhkiG9w0BAQEFAASC{CANARY}{CANARY}{CANARY}",
    ],
)
def test_a_secret_right_behind_other_letters_is_one_too(before: str, secret: str) -> None:
    assert CANARY not in redact_text(f"{before}{secret}")
