"""Assets are made anew before Hautech forgets them."""

from datetime import timedelta

import pytest

from tests.builders import NOON
from worker.jobs.assets import KEPT_AT_MOST, Asset, AssetKind


@pytest.mark.parametrize(
    ("life", "usable_for"),
    [
        (timedelta(days=7), timedelta(days=7) - timedelta(hours=1)),
        (timedelta(hours=1), timedelta(minutes=30)),
        (None, KEPT_AT_MOST),
    ],
)
def test_an_asset_is_usable_until_before_hautech_forgets_it(
    life: timedelta | None, usable_for: timedelta
) -> None:
    asset = Asset(
        kind=AssetKind.UPLOAD,
        value="image-1",
        made_at=NOON,
        expires_at=None if life is None else NOON + life,
    )
    assert asset.usable_until == NOON + usable_for
