"""A download is the whole image or an error: never cut, never HTML, never from elsewhere."""

import hashlib
import io
import zlib
from typing import Any

import pytest

from tests.unit.hautech.fakes import Clock, FakeNetwork, Reply, client_of
from worker.hautech import (
    AuthenticationError,
    CutBodyError,
    DeadlineExceededError,
    ForbiddenUrlError,
    InvalidAnswerError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    TooLargeError,
)
from worker.hautech.image_kinds import sniff_image


def chunk(name: Any, data: Any) -> Any:
    body = name + data
    return len(data).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")


PNG = b"\x89PNG\r\n\x1a\n" + chunk(b"IDAT", b"\x07" * 200_000) + chunk(b"IEND", b"")
JPEG = b"\xff\xd8\xff\xe0" + b"\x07" * 5000 + b"\xff\xd9"
WEBP = b"RIFF" + (5000 + 4).to_bytes(4, "little") + b"WEBP" + b"\x07" * 5000
GIF = b"GIF89a" + b"\x07" * 500 + b"\x00;"
AVIF = b"\x00\x00\x00\x20ftypavif" + b"\x07" * 500
FORMATS = {"png": PNG, "jpg": JPEG, "webp": WEBP, "gif": GIF}

LINK = "https://cdn.hautech.ai/a?sig=hush"
IMAGE = Reply(200, {"id": "i-1", "url": LINK})


def whole(data: Any, **headers: Any) -> Any:
    return Reply(200, data, {"Content-Length": str(len(data)), **headers})


def fetch(
    network: Any,
    ref: Any = "i-1",
    *,
    max_bytes: Any = 1_000_000,
    sink: Any = None,
    clock: Any = None,
    **options: Any,
) -> Any:
    settings = {"allowed_hosts": options.pop("allowed_hosts", ())}
    client = client_of(network, clock=clock, **settings)
    return client.download_image(ref, sink or io.BytesIO(), max_bytes=max_bytes, **options)


def test_an_image_is_fetched_by_id_over_a_fresh_link_without_token() -> None:
    network, sink = FakeNetwork(IMAGE, whole(PNG)), io.BytesIO()
    done = fetch(network, sink=sink)
    assert sink.getvalue() == PNG
    assert done.size_bytes == len(PNG)
    assert done.sha256 == hashlib.sha256(PNG).hexdigest()
    assert (done.content_type, done.extension) == ("image/png", "png")
    assert network.paths == ["/v1/images/i-1", "/a?sig=hush"]
    assert "Authorization" not in network.seen[1].headers
    assert network.seen[1].headers["Accept-Encoding"] == "identity"


def test_a_link_is_fetched_directly() -> None:
    network = FakeNetwork(whole(PNG))
    assert fetch(network, LINK).size_bytes == len(PNG)
    assert len(network.seen) == 1


@pytest.mark.parametrize("extension", sorted(FORMATS))
@pytest.mark.parametrize("has_length", [True, False])
def test_the_type_is_read_from_the_bytes(extension: Any, has_length: Any) -> None:
    data = FORMATS[extension]
    reply = whole(data) if has_length else Reply(200, data, {"Content-Type": "text/plain"})
    assert fetch(FakeNetwork(IMAGE, reply)).extension == extension


@pytest.mark.parametrize("extension", sorted(FORMATS))
def test_without_a_length_a_cut_file_is_noticed_by_its_missing_end(extension: Any) -> None:
    with pytest.raises(CutBodyError, match="without a length"):
        fetch(FakeNetwork(IMAGE, Reply(200, FORMATS[extension][:-1])))


def test_without_a_length_a_format_whose_end_cannot_be_seen_is_refused() -> None:
    assert fetch(FakeNetwork(IMAGE, whole(AVIF))).content_type == "image/avif"
    with pytest.raises(CutBodyError):
        fetch(FakeNetwork(IMAGE, Reply(200, AVIF)))


@pytest.mark.parametrize("data", [JPEG + b"\x00" * 40, GIF + b"\x00"])
def test_zeros_after_the_end_marker_are_no_cut(data: Any) -> None:
    assert fetch(FakeNetwork(IMAGE, Reply(200, data))).size_bytes == len(data)


def test_a_body_shorter_than_its_length_is_cut() -> None:
    reply = Reply(200, PNG[:-100], {"Content-Length": str(len(PNG))})
    with pytest.raises(CutBodyError):
        fetch(FakeNetwork(IMAGE, reply))


def test_the_length_is_checked_even_if_the_layer_below_does_not() -> None:
    reply = Reply(200, PNG[:-100], {"Content-Length": str(len(PNG))}, is_length_checked=False)
    with pytest.raises(CutBodyError, match=f"of {len(PNG)} bytes"):
        fetch(FakeNetwork(IMAGE, reply))


@pytest.mark.parametrize("status", [401, 403, 404, 410])
def test_a_refused_link_is_replaced_once(status: Any) -> None:
    network, sink = FakeNetwork(IMAGE, Reply(status, b"<Error/>"), IMAGE, whole(PNG)), io.BytesIO()
    fetch(network, sink=sink)
    assert sink.getvalue() == PNG
    assert len(network.seen) == 4


def test_a_link_refused_twice_is_an_error_that_names_only_the_host() -> None:
    network = FakeNetwork(IMAGE, Reply(403, b"no"), IMAGE, Reply(403, b"<h1>Denied</h1>"))
    with pytest.raises(PermissionDeniedError) as caught:
        fetch(network)
    assert str(caught.value) == "GET cdn.hautech.ai: HTTP 403: HTML page: Denied"


def test_a_refused_link_that_was_given_has_no_replacement() -> None:
    with pytest.raises(NotFoundError):
        fetch(FakeNetwork(Reply(404)), LINK)


@pytest.mark.parametrize(("replies", "kind"), [(1, NotFoundError), (2, AuthenticationError)])
def test_an_image_that_the_api_refuses_is_not_asked_for_twice(replies: Any, kind: Any) -> None:
    network = FakeNetwork(*[Reply(404 if replies == 1 else 401)] * replies)
    with pytest.raises(kind):
        fetch(network)
    assert not network.script


def test_a_server_error_of_the_link_is_an_error() -> None:
    with pytest.raises(ServerError):
        fetch(FakeNetwork(IMAGE, Reply(503)))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"<!doctype html><title>Sign in</title>", "a page instead of a picture: .*HTML or JSON"),
        (b'{"message": "no", "more": 1}', "a page instead of a picture: .*HTML or JSON"),
        (b"", "it ends after 0 bytes"),
        (b"\x89PN", "it ends after 3 bytes"),
    ],
)
def test_what_is_not_the_picture_at_all_is_a_cut_and_may_be_tried_again(
    body: Any, says: Any
) -> None:
    sink = io.BytesIO()
    with pytest.raises(CutBodyError, match=says):
        fetch(FakeNetwork(IMAGE, whole(body)), sink=sink)
    assert sink.getvalue() == b""


@pytest.mark.parametrize(("body", "says"), [(b"%PDF-1.7 and so on", "25 50 44 46")])
def test_what_is_no_image_is_refused_before_the_sink_sees_it(body: Any, says: Any) -> None:
    sink = io.BytesIO()
    with pytest.raises(InvalidAnswerError, match=says):
        fetch(FakeNetwork(IMAGE, whole(body)), sink=sink)
    assert sink.getvalue() == b""


@pytest.mark.parametrize("status", [201, 204, 206])
def test_only_a_complete_answer_is_a_picture(status: Any) -> None:
    with pytest.raises(InvalidAnswerError):
        fetch(FakeNetwork(IMAGE, Reply(status, PNG)))


def test_a_compressed_body_is_refused() -> None:
    with pytest.raises(InvalidAnswerError, match="compressed"):
        fetch(FakeNetwork(IMAGE, whole(PNG, **{"Content-Encoding": "gzip"})))


def test_a_body_over_the_limit_is_refused_by_its_length() -> None:
    sink = io.BytesIO()
    with pytest.raises(TooLargeError):
        fetch(FakeNetwork(IMAGE, whole(PNG)), max_bytes=len(PNG) - 1, sink=sink)
    assert sink.getvalue() == b""
    assert fetch(FakeNetwork(IMAGE, whole(PNG)), max_bytes=len(PNG)).size_bytes == len(PNG)


def test_a_body_over_the_limit_is_refused_without_a_length() -> None:
    sink = io.BytesIO()
    with pytest.raises(TooLargeError):
        fetch(FakeNetwork(IMAGE, Reply(200, PNG)), max_bytes=100_000, sink=sink)
    assert len(sink.getvalue()) <= 100_000


def test_redirects_are_followed_to_allowed_hosts() -> None:
    network = FakeNetwork(
        IMAGE,
        Reply(302, b"", {"location": "/b"}),
        Reply(307, b"", {"location": "https://img.example/c"}),
        whole(PNG),
    )
    fetch(network, allowed_hosts=("img.example",))
    assert [one.url for one in network.seen[2:]] == [
        "https://cdn.hautech.ai/b",
        "https://img.example/c",
    ]


@pytest.mark.parametrize(
    "location",
    ["https://evil.example/x", "http://cdn.hautech.ai/x", "//evil.example/x", "file:///"],
)
def test_a_redirect_to_elsewhere_is_not_followed(location: Any) -> None:
    network = FakeNetwork(IMAGE, Reply(302, b"", {"location": location}))
    with pytest.raises(ForbiddenUrlError):
        fetch(network)
    assert len(network.seen) == 2


def test_redirects_end() -> None:
    with pytest.raises(InvalidAnswerError, match="redirects"):
        fetch(FakeNetwork(IMAGE, *[Reply(302, b"", {"location": "/a"})] * 4))


def test_a_link_to_a_host_that_is_not_allowed_is_not_followed() -> None:
    network = FakeNetwork(Reply(200, {"id": "i", "url": "https://cdn.example/x?sig=hush"}))
    with pytest.raises(ForbiddenUrlError, match="HAUTECH_DOWNLOAD_HOSTS") as caught:
        fetch(network)
    assert "cdn.example" in str(caught.value)
    assert "hush" not in str(caught.value)


def test_an_image_without_a_link_is_an_invalid_answer() -> None:
    with pytest.raises(InvalidAnswerError, match="no download link"):
        fetch(FakeNetwork(Reply(200, {"id": "i-1", "url": None})))


def test_the_deadline_covers_the_whole_transfer() -> None:
    # 200 kB in pieces of 64 KiB; at every look the clock moves on by two seconds.
    with pytest.raises(DeadlineExceededError, match="bytes came"):
        fetch(FakeNetwork(IMAGE, whole(PNG)), clock=Clock(step_s=2.0), deadline_s=15.0)
    assert fetch(FakeNetwork(IMAGE, whole(PNG)), clock=Clock(step_s=2.0), deadline_s=60.0)


def test_the_deadline_also_shortens_the_timeouts() -> None:
    network = FakeNetwork(IMAGE, whole(PNG))
    fetch(network, deadline_s=5.0)
    assert network.timeouts == [(10.0, 60.0), (5.0, 5.0)]


def test_no_request_goes_out_after_the_deadline() -> None:
    network = FakeNetwork(IMAGE)
    with pytest.raises(DeadlineExceededError):
        fetch(network, clock=Clock(step_s=10.0), deadline_s=5.0)
    assert len(network.seen) == 1


def test_an_error_of_the_sink_comes_through_unchanged() -> None:
    full = OSError(28, "No space left on device")

    class Full:
        def write(self, _data: bytes, /) -> int:
            raise full

    with pytest.raises(OSError, match="No space") as caught:
        fetch(FakeNetwork(IMAGE, whole(PNG)), sink=Full())
    assert caught.value is full


@pytest.mark.parametrize("head", [b"", b"RIFF\x00\x00\x00\x00WAVE", b"\x89PNX", b"BM", b"ftypavif"])
def test_other_bytes_are_no_image(head: Any) -> None:
    assert sniff_image(head) is None
