"""Every status becomes the one class that says what is known, whatever the body looks like."""

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.hautech.fakes import FakeNetwork, Reply, client_of, unhurried
from worker.hautech import errors
from worker.hautech.answers import Answer, error_of, read_error_body, retry_after_s

CLASS_OF_STATUS: Mapping[int, type[errors.HautechError]] = {
    400: errors.BadRequestError,
    401: errors.AuthenticationError,
    402: errors.OutOfFundsError,
    403: errors.PermissionDeniedError,
    404: errors.NotFoundError,
    408: errors.ServerError,
    410: errors.NotFoundError,
    425: errors.RateLimitedError,
    429: errors.RateLimitedError,
} | dict.fromkeys((300, 301, 302, 307, 308), errors.RedirectedError)


def expected_class(status: int) -> type[errors.HautechError]:
    if status in CLASS_OF_STATUS:
        return CLASS_OF_STATUS[status]
    if status < 400:
        return errors.InvalidAnswerError
    return errors.BadRequestError if status < 500 else errors.ServerError


def error_for(status: int, body: bytes = b"", headers: dict[str, str] | None = None) -> Any:
    return error_of(
        Answer(status, headers or {}, body), method="GET", target="/v1/things/1", now_s=0.0
    )


@pytest.mark.parametrize("status", [*range(300, 310), *range(400, 452), *range(500, 512), 599])
def test_every_status_becomes_its_class(status: Any) -> None:
    error = error_for(status, b'{"statusCode": 0, "message": "said so"}')
    assert type(error) is expected_class(status)
    assert error.status == status


@pytest.mark.parametrize(
    ("kind", "nothing_was_done"),
    [
        (errors.BadRequestError, True),
        (errors.AuthenticationError, True),
        (errors.RateLimitedError, True),
        (errors.ServerError, False),
        (errors.ReadTimedOutError, False),
    ],
)
def test_the_tree_answers_whether_something_may_have_been_done(
    kind: Any, nothing_was_done: Any
) -> None:
    assert issubclass(kind, errors.RefusedError) is nothing_was_done
    assert issubclass(kind, errors.AnswerUnknownError) is not nothing_was_done


def test_the_tree_drawn_in_the_docstring_lists_every_class() -> None:
    drawn = errors.__doc__ or ""
    for name, kind in vars(errors).items():
        if isinstance(kind, type):
            assert f" {name} " in drawn.replace("\n", "  "), name


def test_a_message_names_call_status_words_and_request_id() -> None:
    error = error_for(
        400,
        json.dumps({"message": ["ids must be an array", "ids should not be empty"]}).encode(),
        {"x-request-id": "req-7"},
    )
    assert str(error) == (
        "GET /v1/things/1: HTTP 400: ids must be an array; ids should not be empty "
        "(request id req-7)"
    )


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", ""),
        (b"   ", ""),
        (b"upstream gone", "upstream gone"),
        (b"<html><head><title>502 Bad Gateway</title></head></html>", "502 Bad Gateway"),
        (b"<!doctype html><p>no title", "HTML page"),
        (b'"just text"', "just text"),
        (b"[1, 2]", "[1, 2]"),
        (b"null", "null"),
        (b'{"message": "no"}', "no"),
        (b'{"message": ["a", "b", 3]}', "a; b"),
        (b'{"message": [], "error": "Bad Request"}', "Bad Request"),
        (b'{"message": null, "error": {"message": "deep"}}', "deep"),
        (b'{"errorMessage": "failed so"}', "failed so"),
        (b'{"detail": "in detail"}', "in detail"),
        (b'{"reason": "for a reason"}', "for a reason"),
        (b'{"other": 1}', '{"other": 1}'),
        (b"\xff\xfe\x00", "�"),
        (b"[" * 100_000, "[["),
    ],
)
def test_any_error_body_is_read_defensively(body: Any, said: Any) -> None:
    assert said in read_error_body(body).message


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
error_documents = st.dictionaries(
    st.sampled_from(["message", "error", "errorMessage", "errorCode", "code", "statusCode", "x"]),
    json_values,
)


@unhurried
@given(st.binary() | (json_values | error_documents).map(lambda value: json.dumps(value).encode()))
def test_reading_an_error_body_never_raises_and_errors_stay_short(body: Any) -> None:
    error = error_for(400, body)
    assert isinstance(error, errors.RefusedError)
    assert error.detail
    assert len(error.detail) < 700
    assert "\n" not in str(error)


@pytest.mark.parametrize("status", [400, 403])
def test_words_about_funds_mean_out_of_funds(status: Any) -> None:
    body = json.dumps({"message": "Not enough credits to run this workflow"}).encode()
    assert type(error_for(status, body)) is errors.OutOfFundsError


@pytest.mark.parametrize("message", ["refused", ["refused"]])
def test_an_error_code_about_funds_means_out_of_funds(message: Any) -> None:
    body = json.dumps({"message": message, "errorCode": "INSUFFICIENT_BALANCE"}).encode()
    assert type(error_for(403, body)) is errors.OutOfFundsError


@pytest.mark.parametrize("status", [400, 403])
def test_a_label_that_a_refusal_quotes_is_no_empty_account(status: Any) -> None:
    body = json.dumps({"message": 'label "New Balance, no credits left" matches nothing'}).encode()
    assert type(error_for(status, body)) is not errors.OutOfFundsError


def test_a_validation_list_that_quotes_the_prompt_is_no_empty_account() -> None:
    body = json.dumps({"message": ["prompt: shop with insufficient credit is too long"]})
    assert type(error_for(400, body.encode())) is errors.BadRequestError


def test_funds_in_a_server_error_stay_a_server_error() -> None:
    assert type(error_for(500, b"balance service down")) is errors.ServerError


@pytest.mark.parametrize(
    ("value", "expected_s"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Thu, 01 Jan 1970 00:02:00 GMT", 20.0),
        ("Thu, 01 Jan 1970 00:00:01 GMT", 0.0),
        ("Thu, 01 Jan 1970 00:02:00", 20.0),
        ("-5", None),
        ("1e9", None),
        ("99999999999", None),
        ("soon", None),
        ("", None),
        ("٣", None),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(value: Any, expected_s: Any) -> None:
    assert retry_after_s({"retry-after": value}, now_s=100.0) == expected_s


def test_retry_after_reaches_the_error() -> None:
    error = error_for(429, b"", {"retry-after": "12"})
    assert error.retry_after_s == 12.0


def test_an_odd_request_id_is_left_out() -> None:
    assert error_for(400, b"x", {"x-request-id": "a b\nc"}).request_id is None


def test_secrets_in_an_error_body_are_not_repeated() -> None:
    secret = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJhIn0.c2ln"
    body = json.dumps({"message": f"bad token {secret} at https://cdn.x/y?sig=hush"}).encode()
    text = str(error_for(401, body))
    assert secret not in text
    assert "hush" not in text


def test_a_redirect_is_an_error_that_shows_no_query() -> None:
    network = FakeNetwork(Reply(302, b"", {"location": "https://new.example/v1?token=hush"}))
    with pytest.raises(errors.RedirectedError) as caught:
        client_of(network).get_account()
    assert "new.example" in str(caught.value)
    assert "hush" not in str(caught.value)
    assert len(network.seen) == 1
