"""14.3: the three steps of an upload, and how strict they are."""

from __future__ import annotations

import io
from collections.abc import Iterator
from datetime import timedelta

import pytest
from PIL import Image

from sandbox.hautech.clock import rfc3339
from tests.support.standin import TIMEOUT_S, Lab, png, running_lab


@pytest.fixture(scope="module")
def server() -> Iterator[Lab]:
    with running_lab() as lab:
        yield lab


@pytest.fixture
def lab(server: Lab) -> Lab:
    return server.fresh()


def test_upload_url_is_on_another_host_and_path(lab: Lab) -> None:
    url = lab.upload_url()
    assert url.startswith(lab.stand_in.media_url + "/uploads/")
    assert lab.stand_in.media_url != lab.stand_in.api_url


def test_initialize_takes_no_body(lab: Lab) -> None:
    path = "/v1/images/upload/initialize"
    assert lab.call("POST", path, json={}).status_code == 400
    announced = lab.call("POST", path, headers={"Content-Type": "application/json"})
    assert announced.status_code == 400
    assert lab.call("POST", path).status_code == 200


def test_upload_refuses_a_bearer_token(lab: Lab) -> None:
    answer = lab.media(
        "PUT",
        lab.upload_url(),
        files={"file": ("a.png", png())},
        headers={"Authorization": f"Bearer {lab.token}"},
    )
    assert answer.status_code == 400


def test_upload_refuses_raw_bytes(lab: Lab) -> None:
    url = lab.upload_url()
    assert lab.media("PUT", url, data=png()).status_code == 400
    typed = lab.media("PUT", url, data=png(), headers={"Content-Type": "image/png"})
    assert typed.status_code == 400


def test_upload_refuses_a_form_without_file_or_filename(lab: Lab) -> None:
    url = lab.upload_url()
    other_part = lab.media("PUT", url, files={"image": ("a.png", png())})
    assert other_part.status_code == 400
    nameless = lab.media("PUT", url, files={"file": (None, png())})
    assert nameless.status_code == 400
    broken = lab.media(
        "PUT", url, data=b"--x", headers={"Content-Type": "multipart/form-data; boundary=y"}
    )
    assert broken.status_code == 400
    # None of the refused tries has used the URL up.
    assert lab.media("PUT", url, files={"file": ("a.png", png())}).status_code == 200


def test_upload_url_works_once(lab: Lab) -> None:
    url = lab.upload_url()
    assert lab.media("PUT", url, files={"file": ("a.png", png())}).status_code == 200
    assert lab.media("PUT", url, files={"file": ("a.png", png())}).status_code == 403
    # A used URL is refused before anybody looks at what comes with it.
    assert lab.media("PUT", url, data=b"raw").status_code == 403


def test_upload_url_expires(lab: Lab) -> None:
    lab.fresh(uploadUrlLifeSeconds=30)
    url = lab.upload_url()
    lab.clock.advance(30)
    assert lab.media("PUT", url, files={"file": ("a.png", png())}).status_code == 403


def test_upload_url_cannot_be_made_up(lab: Lab) -> None:
    url = lab.upload_url()
    for forged in (
        url.replace("expires=1", "expires=9"),
        url.replace("/uploads/", "/uploads/x"),
        url.split("?")[0],
    ):
        assert lab.media("PUT", forged, files={"file": ("a.png", png())}).status_code == 403


def test_too_large_a_file_is_413(lab: Lab) -> None:
    lab.fresh(uploadLimitBytes=1000)
    answer = lab.media("PUT", lab.upload_url(), files={"file": ("a.png", b"x" * 1001)})
    assert answer.status_code == 413


@pytest.mark.parametrize(
    ("file_format", "name"), [("PNG", "png"), ("JPEG", "jpg"), ("WEBP", "webp")]
)
def test_finalize_reads_size_and_format_from_the_bytes(
    lab: Lab, file_format: str, name: str
) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (33, 17), "teal").save(buffer, format=file_format)
    # The filename lies about the format on purpose.
    image = lab.finalize(lab.file_token(buffer.getvalue(), "my.photo.tiff")).json()
    assert (image["width"], image["height"], image["format"]) == (33, 17, name)
    assert (image["originalFilenameBase"], image["originalFilenameExt"]) == ("my.photo", "tiff")


def test_bytes_that_are_no_image_are_400_at_finalize(lab: Lab) -> None:
    assert lab.finalize(lab.file_token(b"hello")).status_code == 400
    cut_off = png(size=(600, 600))[:-700]
    assert lab.finalize(lab.file_token(cut_off)).status_code == 400


def test_file_token_works_once(lab: Lab) -> None:
    token = lab.file_token(png())
    assert lab.finalize(token).status_code == 201
    again = lab.finalize(token)
    assert again.status_code == 400
    assert again.json()["message"] == "Invalid file token"


def test_missing_or_unknown_file_token_is_400(lab: Lab) -> None:
    path = "/v1/images/upload/finalize"
    assert lab.call("POST", path, json={}).status_code == 400
    assert lab.call("POST", path, json={"fileToken": 7}).status_code == 400
    assert lab.finalize("made-up").status_code == 400


def test_ttl_becomes_the_time_of_expiry(lab: Lab) -> None:
    image = lab.upload(ttlSeconds=3600)
    assert image["expiresAt"] == rfc3339(lab.clock() + timedelta(hours=1))


@pytest.mark.parametrize("ttl", [0, -1, 1.5, "60", True])
def test_bad_ttl_is_400_with_a_list_and_leaves_the_token_usable(lab: Lab, ttl: object) -> None:
    token = lab.file_token(png())
    answer = lab.finalize(token, ttlSeconds=ttl)
    assert answer.status_code == 400
    assert isinstance(answer.json()["message"], list)
    assert lab.finalize(token, ttlSeconds=60).status_code == 201


def test_same_bytes_are_stored_once(lab: Lab) -> None:
    for _ in range(3):
        lab.upload(png("green"))
    counters = lab.stand_in.counters()
    assert (counters["images"], counters["contents"]) == (3, 1)


def test_unknown_body_keys_are_ignored(lab: Lab) -> None:
    answer = lab.call(
        "POST",
        "/v1/images/upload/finalize",
        json={"fileToken": lab.file_token(png()), "version": 3},
        timeout=TIMEOUT_S,
    )
    assert answer.status_code == 201
