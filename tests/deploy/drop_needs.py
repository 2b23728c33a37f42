"""What needs the permissions of drop folders and tags: each does one thing and returns the request's id."""

from __future__ import annotations

import itertools
from typing import Any

from tests.deploy.drop_folder import TAGS, DropFolder
from tests.deploy.needs import not_fetched
from tests.deploy.orders import Desk
from tests.deploy.permissions import TAGGED

_numbers = itertools.count(1)


def photo(desk: Desk) -> str:
    """A photo that is dropped, and moved when its picture is there."""
    return DropFolder(desk).drop(_name("photo"), _garment(desk)).request_id


def text(desk: Desk) -> str:
    """A text that is dropped under the name of a photo, and moved when its job has failed."""
    return DropFolder(desk).drop(_name("text"), b"no photo at all").request_id


def photo_after_an_error(desk: Desk) -> str:
    """A photo that is dropped where one of that name failed before."""
    folder = DropFolder(desk)
    # The worker looks for the document when the pipeline has ended.
    dropped = folder.drop(_name("again"), _garment(desk))
    folder.leave_error(dropped)
    return dropped.request_id


def photo_after_an_error_by_requests(desk: Desk) -> str:
    """The same, whose request comes again when its pipeline has ended, before anybody has its picture."""
    return not_fetched(desk, photo_after_an_error)


def missing_photo_with_tags(desk: Desk) -> str:
    """A request with tags for a photo that is not there: its result document has them."""
    document = {"imageId": f"{desk.garment}.gone"}
    return desk.send(desk.request("prepare-image", document, **_tagged(desk)))[0]


def picture_with_tags(desk: Desk) -> str:
    """A request whose picture has tags."""
    return desk.send(desk.full_naomi(**_tagged(desk)))[0]


def _name(kind: str) -> str:
    return f"{kind}-{next(_numbers)}.png"


def _garment(desk: Desk) -> bytes:
    return desk.stage.read(desk.garment)


def _tagged(desk: Desk) -> dict[str, Any]:
    return {"output": f"{desk.output}{TAGGED}", "outputOptions": {"tags": TAGS}}
