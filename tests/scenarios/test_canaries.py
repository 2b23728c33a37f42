"""No secret comes out anywhere, whichever call fails in whichever way and says whatever it likes.

The real client, gateway and engine work for a Hautech that repeats the token, signed links and keys
in its errors. Then every place where a person or a program could read is searched for them.
"""

from __future__ import annotations

import io
import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest

from tests.builders import body
from tests.scenarios.harness import Service
from tests.scenarios.leaky import (
    FAULTS,
    MARK,
    PROXY_PASSWORD,
    ROUTES,
    SAID,
    TOKEN,
    Fault,
    LeakyHautech,
)
from tests.support.logs import logging_put_back
from worker.adapters.hautech_gateway import HautechGateway
from worker.engine.classify import classify
from worker.hautech import ClientConfig, HautechClient, StaticToken
from worker.jobs.document import to_document
from worker.telemetry import LogFormat, configure_logging


@pytest.fixture
def lines(request: pytest.FixtureRequest) -> Iterator[io.StringIO]:
    """Logging as a process has it, all of it; what was before is put back."""
    stream = io.StringIO()
    with logging_put_back():
        log_format: LogFormat = getattr(request, "param", "json")
        configure_logging(log_format=log_format, level="debug", stream=stream)
        logging.getLogger().setLevel(logging.DEBUG)
        yield stream


def service_on(network: LeakyHautech) -> Service:
    config = ClientConfig(proxy_url=f"http://user:{PROXY_PASSWORD}@proxy.example:3128")
    client = HautechClient(config, StaticToken(TOKEN), adapter=network)
    service = Service(max_attempts=3, paid_patience_s=120.0)
    service.world.hautech = HautechGateway(client)  # type: ignore[assignment] # the same port
    service.change_rules()
    return service


def everything_readable(service: Service) -> Iterator[tuple[str, str]]:
    """Every text that leaves the worker, with the name of the place."""
    world = service.world
    for job in world.store.all_jobs():
        yield "record", to_document(job)
        yield "repr of the job", repr(job)
    for event in world.topic.events:
        yield "event", event.text
        yield "event attributes", json.dumps(event.attributes)
    for queue in (world.dead_letters, world.requests, world.polls):
        for sent in queue.sent:
            yield "message", json.dumps([sent.body, dict(sent.attributes)])
    for uri in world.objects.puts:
        stored = world.objects.stored(uri)
        assert stored is not None
        yield "object", repr((str(uri), stored.metadata, stored.content_type))
        if stored.content_type == "application/json":
            yield "result document", stored.data.decode()
    for outcome in service.outcomes:
        yield "outcome", repr(outcome)


def assert_clean(service: Service, lines: io.StringIO) -> None:
    places = [*everything_readable(service), ("log", lines.getvalue())]
    found = [
        (place, text[max(0, text.find(MARK) - 200) : text.find(MARK) + 40])
        for place, text in places
        if MARK in text
    ]
    assert found == []


def run_with(fault: Fault, route: str, times: int, lines: io.StringIO) -> Service:
    network = LeakyHautech(route, [fault] * times)
    service = service_on(network)
    service.send(body())
    service.run()
    assert_clean(service, lines)
    assert lines.getvalue()
    return service


BOTH = pytest.mark.parametrize("lines", ["json", "console"], indirect=True)


@BOTH
def test_a_job_that_goes_well_shows_no_secret(lines: io.StringIO) -> None:
    service = service_on(LeakyHautech())
    service.send(body())
    service.run()
    assert service.event.data.status == "succeeded"
    assert_clean(service, lines)


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_call_that_fails_twice_shows_no_secret(
    route: str, fault: str, lines: io.StringIO
) -> None:
    run_with(FAULTS[fault], route, 2, lines)


@BOTH
@pytest.mark.parametrize("route", ["put", "run", "status", "picture"])
@pytest.mark.parametrize("fault", ["400", "503", "no json", "foreign link"])
def test_a_call_that_fails_for_good_shows_no_secret(
    route: str, fault: str, lines: io.StringIO
) -> None:
    run_with(FAULTS[fault], route, 10_000, lines)


@pytest.mark.parametrize("fault", FAULTS)
def test_the_error_itself_and_its_causes_show_no_secret(fault: str) -> None:
    """What a traceback would print, before any redaction of the log."""
    network = LeakyHautech("status", [FAULTS[fault]] * 9)
    client = HautechClient(ClientConfig(), StaticToken(TOKEN), adapter=network)
    try:
        report: Any = HautechGateway(client).look("p-1")
    except Exception as error:  # noqa: BLE001 - whatever comes is what is looked at
        classify(error)
        seen: BaseException | None = error
        while seen is not None:
            if type(seen).__module__.startswith("worker."):
                assert MARK not in str(seen)
                assert MARK not in repr(seen)
            seen = seen.__cause__
    else:
        said = [report.error_code, report.error_message, report.status]
        assert MARK not in repr(said)


def test_the_canaries_are_really_there() -> None:
    assert SAID.count(MARK) >= 12
    assert MARK in TOKEN
