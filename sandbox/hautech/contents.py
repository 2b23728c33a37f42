"""Keeps uploaded bytes once per content, in memory up to a limit and on disk beyond it."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path


class ContentStore:
    """Bytes by their SHA-256. The oldest move to a temporary folder when memory is full.

    Safe to use from the drawing threads beside the event loop.
    """

    def __init__(self, memory_limit_bytes: int = 64 * 1024 * 1024) -> None:
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        self._memory_bytes = 0
        self._limit_bytes = memory_limit_bytes
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._on_disk: set[str] = set()
        self._lock = threading.Lock()

    def put(self, content: bytes) -> str:
        """Stores the bytes, unless they are known, and returns their SHA-256 in hex."""
        digest = hashlib.sha256(content).hexdigest()
        with self._lock:
            if digest not in self._memory and digest not in self._on_disk:
                self._memory[digest] = content
                self._memory_bytes += len(content)
                while self._memory_bytes > self._limit_bytes and len(self._memory) > 1:
                    self._spill()
        return digest

    def get(self, digest: str) -> bytes:
        """The bytes behind a digest that `put` returned."""
        with self._lock:
            if digest in self._memory:
                self._memory.move_to_end(digest)
                return self._memory[digest]
        return self._file(digest).read_bytes()

    @property
    def memory_bytes(self) -> int:
        """Bytes held in memory now."""
        return self._memory_bytes

    def __len__(self) -> int:
        return len(self._memory) + len(self._on_disk)

    def close(self) -> None:
        """Removes the temporary folder."""
        if self._folder is not None:
            self._folder.cleanup()

    def _spill(self) -> None:
        digest, content = self._memory.popitem(last=False)
        self._memory_bytes -= len(content)
        self._file(digest).write_bytes(content)
        self._on_disk.add(digest)

    def _file(self, digest: str) -> Path:
        if self._folder is None:
            self._folder = tempfile.TemporaryDirectory(prefix="hautech-stand-in-")
        return Path(self._folder.name) / digest
