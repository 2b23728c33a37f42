"""Pictures on their way take no more memory and disk than there is, however many come at once."""

from __future__ import annotations

import io
import tracemalloc
from contextlib import ExitStack

import pytest

from worker.engine.spool import MEMORY_BYTES, SpoolRoom
from worker.errors import HeldBackError

PIECE = bytes(64 * 1024)


def test_a_picture_comes_out_as_it_went_in() -> None:
    data = bytes(range(256)) * 40
    with SpoolRoom(len(data)).spool() as spool:
        spool.write(data[:5_000])
        spool.write(data[5_000:])
        spool.seek(0)
        assert spool.read() == data


def test_what_is_larger_than_a_megabyte_does_not_lie_in_memory() -> None:
    room = SpoolRoom(1024 * MEMORY_BYTES)
    tracemalloc.start()
    try:
        with ExitStack() as stack:
            for spool in [stack.enter_context(room.spool()) for _ in range(4)]:
                for _ in range(8 * MEMORY_BYTES // len(PIECE)):
                    spool.write(PIECE)
            _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes < 4 * MEMORY_BYTES


def test_pictures_share_the_room_and_who_finds_none_gives_its_own_back() -> None:
    room = SpoolRoom(3 * len(PIECE))
    with room.spool() as first:
        first.write(PIECE)
        with room.spool() as second:
            second.write(PIECE)
            with pytest.raises(HeldBackError, match="other pictures"):
                second.write(PIECE * 2)
        first.write(PIECE)
        first.write(PIECE)
    with room.spool() as third:
        third.write(PIECE * 3)


def test_a_picture_that_is_fetched_again_into_the_same_file_takes_its_room_once() -> None:
    with SpoolRoom(len(PIECE)).spool() as spool:
        for _ in range(3):
            spool.seek(0)
            spool.truncate()
            spool.write(PIECE)
        assert spool.seek(0, io.SEEK_END) == len(PIECE)
