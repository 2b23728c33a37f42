"""Finds the generated images in a pipeline's output, whose shape is nowhere promised.

The output is whatever the workflow's template points at: an object, a list or a bare string.
Two passes, ids first, because an id can always be turned into a fresh link and a link cannot
be refreshed. An id that was sent as input is never a result: outputs may echo their inputs.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from worker.hautech.fields import is_id

MAX_DEPTH: Final = 4

_ID_KEYS: Final = (
    "imageId",
    "resultImageId",
    "generatedImageId",
    "outputImageId",
    "finalImageId",
)
_ID_LIST_KEYS: Final = ("imageIds", "images")
_WRAPPERS: Final = ("output", "result", "data", "image")
_URL_KEYS: Final = ("imageUrl", "url", "resultUrl")
_URL_LIST_KEYS: Final = ("imageUrls", "urls", "images")
_NO_LINK: Final = frozenset("/?#")
_INPUT_ECHOES: Final = frozenset(
    {"poseImageId", "garmentImageId", "preparedImageId", "maskImageId", "sourceImageId"}
)


@dataclass(frozen=True, slots=True)
class ImageRef:
    """One generated image: by id, or, where the output names none, by link."""

    image_id: str | None = None
    url: str | None = None

    def __repr__(self) -> str:
        return f"ImageRef({self.image_id or 'link'})"


def find_images(output: Any, *, sent_ids: Collection[str] = ()) -> tuple[ImageRef, ...]:
    """The generated images in a run's output, in order, each once; empty if there are none.

    Args:
        output: `Pipeline.output`, any JSON.
        sent_ids: Every id that was sent in the run's input.
    """
    sent = frozenset(one.lower() for one in sent_ids)
    if ids := dict.fromkeys(_ids(output, sent, 0)):
        return tuple(ImageRef(image_id=one) for one in ids)
    return tuple(ImageRef(url=one) for one in dict.fromkeys(_urls(output, 0)))


def read_prepared_image_id(output: Any, *, sent_ids: Collection[str] = ()) -> str | None:
    """The id of the prepared garment image, from the output of Prepare Image; None without one."""
    return _read_named(output, "preparedImageId", sent_ids)


def read_pose_id(output: Any, *, sent_ids: Collection[str] = ()) -> str | None:
    """The id of the pose (not of an image), from the output of Prepare Pose; None without one."""
    return _read_named(output, "poseId", sent_ids)


def _read_named(output: Any, name: str, sent_ids: Collection[str]) -> str | None:
    """The named id in the output or in one `data` or `output` wrapper; a bare UUID will do."""
    sent = frozenset(one.lower() for one in sent_ids)
    wrapped = [output.get("data"), output.get("output")] if isinstance(output, dict) else []
    for candidate in (output, *wrapped):
        if isinstance(candidate, dict):
            found = _new_ids([candidate.get(name)], sent)
        else:
            found = _bare_id(candidate, sent)
        if found:
            return found[0]
    return None


def _ids(value: Any, sent: frozenset[str], depth: int) -> list[str]:
    """Image ids in the value: bare, under a known key, in a wrapper, under the only likely key."""
    if depth > MAX_DEPTH:
        return []
    if isinstance(value, list):
        return [one for member in value for one in _ids(member, sent, depth + 1)]
    if isinstance(value, dict):
        return _ids_of_object(value, sent, depth)
    return _bare_id(value, sent)


def _ids_of_object(value: Mapping[str, Any], sent: frozenset[str], depth: int) -> list[str]:
    named = [value.get("id")] if value.get("kind") == "image" else []
    for candidate in (*named, *(value.get(key) for key in _ID_KEYS)):
        if found := _new_ids([candidate], sent):
            return found
    for key in (*_ID_LIST_KEYS, *_WRAPPERS):
        # Inside `image` and `images`, a record's plain `id` is an image id; elsewhere it could
        # be anything's.
        look = _image_ids if key in {"image", "images", "imageIds"} else _ids
        if found := look(value.get(key), sent, depth + 1):
            return found
    others = [value[key] for key in value if key.endswith("mageId") and key not in _INPUT_ECHOES]
    found = _new_ids(others, sent)
    return found if len(found) == 1 else []


def _image_ids(value: Any, sent: frozenset[str], depth: int) -> list[str]:
    """Image ids in a value that stands for images: ids, records with `id`, a list of those."""
    if isinstance(value, list) and depth <= MAX_DEPTH:
        return [one for member in value for one in _image_ids(member, sent, depth + 1)]
    if isinstance(value, str):
        return _new_ids([value], sent)
    found = _ids(value, sent, depth)
    if not found and isinstance(value, dict):
        return _new_ids([value.get("id")], sent)
    return found


def _urls(value: Any, depth: int) -> list[str]:
    """Links in the value, by the same order of keys. A key for an id may hold a link instead."""
    if depth > MAX_DEPTH:
        return []
    if isinstance(value, list):
        return [one for member in value for one in _urls(member, depth + 1)]
    if isinstance(value, dict):
        keys = (*_WRAPPERS, *_URL_KEYS, *_ID_KEYS, *_URL_LIST_KEYS, *_ID_LIST_KEYS)
        return next((found for key in keys if (found := _urls(value.get(key), depth + 1))), [])
    return [value] if _is_url(value) else []


def _new_ids(values: list[Any], sent: frozenset[str]) -> list[str]:
    """The values that are ids and were not sent by us. Under a known key any short word is an id.

    A text with a slash, a question mark or a space is none: it may be a link in a form that we do
    not follow, and ids are shown and stored where links must not be.
    """
    return [
        value
        for value in values
        if isinstance(value, str)
        and is_id(value)
        and _NO_LINK.isdisjoint(value)
        and value.lower() not in sent
    ]


def _bare_id(value: Any, sent: frozenset[str]) -> list[str]:
    """The value itself, if it looks like an id: any other text could be a sentence."""
    return _new_ids([value], sent) if isinstance(value, str) and is_uuid(value) else []


def is_uuid(text: str) -> bool:
    """Whether the text is a UUID in its usual 36 character form."""
    if len(text) != 36:
        return False
    try:
        return str(UUID(text)) == text.lower()
    except ValueError:
        return False


def _is_url(value: Any) -> bool:
    return isinstance(value, str) and value.lower().startswith(("https://", "http://"))
