"""An asset as the text that every cache keeps."""

from __future__ import annotations

from pydantic import TypeAdapter, ValidationError

from worker.jobs.assets import Asset

_ASSET: TypeAdapter[Asset] = TypeAdapter(Asset)


def asset_to_text(asset: Asset) -> str:
    """The asset as JSON."""
    return _ASSET.dump_json(asset).decode()


def asset_from_text(text: str) -> Asset | None:
    """The asset in a text; None for one of another release that this one cannot read.

    It is as if it were not there then: made anew, it is written anew.
    """
    try:
        return _ASSET.validate_json(text)
    except ValidationError:
        return None
