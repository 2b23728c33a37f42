"""Memory of the stand-in stays bounded."""

from __future__ import annotations

from sandbox.hautech.contents import ContentStore


def test_contents_beyond_the_limit_move_to_disk_and_are_still_there() -> None:
    store = ContentStore(memory_limit_bytes=1000)
    contents = [bytes([number]) * 400 for number in range(10)]
    digests = [store.put(content) for content in contents]
    assert store.memory_bytes <= 1000
    assert [store.get(digest) for digest in digests] == contents
    assert len(store) == 10
    store.close()


def test_same_content_is_kept_once_in_memory_and_on_disk() -> None:
    store = ContentStore(memory_limit_bytes=1000)
    for _ in range(2):
        for number in range(4):
            store.put(bytes([number]) * 400)
    assert len(store) == 4
    store.close()
