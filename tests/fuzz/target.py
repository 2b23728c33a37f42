"""What can be fuzzed: a function that takes any bytes and raises only when a promise is broken."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Target:
    """One way in.

    Attributes:
        name: How it is called on the command line.
        check: Reads the bytes as the worker would, and asserts what it promises. Errors that are
            documented are part of the promise; all others come through and are findings.
        seeds: Inputs to begin with, of which some are accepted.
        share: How many of a thousand executions it gets, about; the slower it is, the fewer.
        max_bytes: Longest input that is tried.
    """

    name: str
    check: Callable[[bytes], None]
    seeds: tuple[bytes, ...]
    share: int
    max_bytes: int = 4096


def text_of(data: bytes) -> str:
    """Any bytes as text; half characters among it, as a JSON escape can make them."""
    return data.decode("utf-8", "surrogatepass") if _is_utf8(data) else data.decode("latin-1")


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return False
    return True
