"""14.4: image links expire, need no token, and are fresh on each read."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.standin import Lab, png, running_lab


@pytest.fixture(scope="module")
def server() -> Iterator[Lab]:
    with running_lab() as lab:
        yield lab


@pytest.fixture
def lab(server: Lab) -> Lab:
    return server.fresh()


def test_link_gives_the_uploaded_bytes_without_a_token(lab: Lab) -> None:
    content = png("purple")
    answer = lab.media("GET", lab.upload(content)["url"])
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/png"
    assert answer.content == content


def test_link_is_on_the_media_host(lab: Lab) -> None:
    assert lab.upload()["url"].startswith(lab.stand_in.media_url)


def test_each_read_gives_a_fresh_link(lab: Lab) -> None:
    image = lab.upload()
    assert len({image["url"], *(lab.image(image["id"])["url"] for _ in range(2))}) == 3


def test_link_expires_and_the_next_read_gives_one_that_works(lab: Lab) -> None:
    image = lab.upload()
    lab.clock.advance(59)
    assert lab.media("GET", image["url"]).status_code == 200
    lab.clock.advance(1)
    assert lab.media("GET", image["url"]).status_code == 403
    assert lab.media("GET", lab.image(image["id"])["url"]).status_code == 200


def test_link_life_can_be_set(lab: Lab) -> None:
    lab.fresh(linkLifeSeconds=5)
    image = lab.upload()
    lab.clock.advance(5)
    assert lab.media("GET", image["url"]).status_code == 403


def test_link_cannot_be_changed_to_another_image(lab: Lab) -> None:
    first, second = lab.upload(png("red")), lab.upload(png("blue"))
    forged = first["url"].replace(first["id"], second["id"])
    assert lab.media("GET", forged).status_code == 403


def test_link_refuses_a_bearer_token(lab: Lab) -> None:
    headers = {"Authorization": f"Bearer {lab.token}"}
    assert lab.media("GET", lab.upload()["url"], headers=headers).status_code == 400


def test_expired_image_is_404_everywhere(lab: Lab) -> None:
    lab.fresh(linkLifeSeconds=3600)
    image = lab.upload(ttlSeconds=60)
    lab.clock.advance(60)
    assert lab.call("GET", f"/v1/images/{image['id']}").status_code == 404
    assert lab.call("POST", "/v1/images/many", json={"ids": [image["id"]]}).json() == []
    assert lab.media("GET", image["url"]).status_code == 404
