"""Path templates that capture: `inbox/{season}/{sku}.{ext}` taken apart once, matched often.

    {name}      part of one path segment, one character or more
    {name...}   whole segments, one or more; once per template
    {part}      one of the words that the rule's `parts` lists (last segment only)
    {ext}       the extension (at the end, after a dot), in lower case

Where a segment can be taken apart in several ways, the names to the left get as much as they can:
`{sku}_{part}.{ext}` takes `a_b_front.jpg` as a_b, front, jpg. Keys are compared in Unicode's
composed form (NFC), since Macs write names decomposed; the extension is compared without case.

Matching never looks back: a key of 1,024 bytes made to be slow takes no longer than any other.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

from worker.contracts import filling
from worker.contracts.filling import NAME_PATTERN, BadTemplateError
from worker.contracts.text import shown_key

EXT: Final = "ext"
PART: Final = "part"
RESERVED: Final = frozenset({"n"})
"""Names with a meaning of their own when a template is filled: no path can capture them."""

_CAPTURE = re.compile(rf"({NAME_PATTERN})(\.\.\.)?")


class PathTemplateError(ValueError):
    """A `match` that cannot be used; the message says which rule it breaks."""


@dataclass(frozen=True, slots=True)
class Capture:
    """A name in a template; `is_path` if it takes whole segments."""

    name: str
    is_path: bool = False


Piece = str | Capture
Segment = tuple[Piece, ...]


@dataclass(frozen=True, slots=True)
class PathTemplate:
    """A template taken apart. `segments` are without the extension, which is `ext`: None if the
    template has no dot in its last segment, "" if any (it ends in `.{ext}`), else the one it names.
    """

    text: str
    segments: tuple[Segment, ...]
    ext: str | None

    @classmethod
    def parse(cls, text: str) -> PathTemplate:
        """Raises PathTemplateError."""
        pieces = list(pieces_of(unicodedata.normalize("NFC", text)))
        _check_names(pieces)
        pieces, ext = _without_extension(pieces)
        segments = tuple(_segments(pieces))
        _check_segments(segments, text)
        return cls(text, segments, ext)

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that a match gives, in order."""
        found = [piece.name for segment in self.segments for piece in _captures(segment)]
        return (*found, EXT) if self.ext == "" else tuple(found)

    @property
    def folder_names(self) -> tuple[str, ...]:
        """The names that stand before the last segment."""
        return tuple(piece.name for segment in self.segments[:-1] for piece in _captures(segment))

    @property
    def has_part(self) -> bool:
        """Whether `{part}` is in it."""
        return PART in self.names

    def match(self, key: str, parts: Collection[str] = ()) -> dict[str, str] | None:
        """What each name stands for in a key, or None if the key is not of this form.

        `parts` are the words that `{part}` may stand for; of several that fit, the longest.
        """
        stem = unicodedata.normalize("NFC", key)
        names: dict[str, str] = {}
        if self.ext is not None:
            stem, dot, ext = stem.rpartition(".")
            ext = ext.lower()
            if not dot or "/" in ext or not ext or (self.ext and ext != self.ext):
                return None
            if not self.ext:
                names[EXT] = ext
        segments = stem.split("/")
        if not self.has_part:
            found = _match_segments(self.segments, segments)
            return None if found is None else found | names
        for word in sorted(parts, key=lambda one: (-len(one), one)):
            found = _match_segments(_with_word(self.segments, word), segments)
            if found is not None:
                return found | {PART: word} | names
        return None


def pieces_of(text: str) -> Iterator[Piece]:
    """The literals and names of a `match`, in order. Raises PathTemplateError."""
    try:
        pieces = tuple(filling.pieces_of(text))
    except BadTemplateError as error:
        raise PathTemplateError(str(error)) from None
    for piece in pieces:
        if isinstance(piece, str):
            yield piece
            continue
        found = _CAPTURE.fullmatch(piece.name)
        if found is None:
            raise PathTemplateError(
                f"has {{{shown_key(piece.name)}}}: a name in a path is letters, digits and _, up to 32"
            )
        yield Capture(found[1], found[2] is not None)


def _check_names(pieces: list[Piece]) -> None:
    names = [piece.name for piece in pieces if isinstance(piece, Capture)]
    if not pieces:
        raise PathTemplateError("is empty")
    for name in names:
        if names.count(name) > 1:
            raise PathTemplateError(f"has {{{name}}} twice")
        if name in RESERVED:
            raise PathTemplateError(f"has {{{name}}}: that is the number of the request")
    for left, right in itertools.pairwise(pieces):
        if isinstance(left, Capture) and isinstance(right, Capture):
            raise PathTemplateError(
                f"has {{{left.name}}}{{{right.name}}}: where one ends and the other begins, nobody "
                "knows; put a character between them"
            )
        if isinstance(left, Capture) and isinstance(right, str) and unicodedata.combining(right[0]):
            raise PathTemplateError(
                f"has a mark behind {{{left.name}}} that joins the letter before"
            )


def _without_extension(pieces: list[Piece]) -> tuple[list[Piece], str | None]:
    *before, last = pieces
    if isinstance(last, Capture):
        if last.name != EXT:
            return pieces, None
        if not before or not isinstance(before[-1], str) or not before[-1].endswith("."):
            raise PathTemplateError("has {ext} without a dot before it")
        literal = before[-1][:-1]
        return [*before[:-1], *([literal] if literal else [])], ""
    if any(isinstance(piece, Capture) and piece.name == EXT for piece in before):
        raise PathTemplateError("has {ext} in its midst: it stands at the end")
    stem, dot, ext = last.rpartition(".")
    if not dot or "/" in ext:
        return pieces, None
    return [*before, *([stem] if stem else [])], ext.lower()


def _segments(pieces: list[Piece]) -> Iterator[Segment]:
    current: list[Piece] = []
    for piece in pieces:
        if isinstance(piece, Capture):
            current.append(piece)
            continue
        first, *rest = piece.split("/")
        if first:
            current.append(first)
        for literal in rest:
            yield tuple(current)
            current = [literal] if literal else []
    yield tuple(current)


def _check_segments(segments: tuple[Segment, ...], text: str) -> None:
    if text.startswith("/"):
        raise PathTemplateError("begins with /: keys in S3 do not")
    if not all(segments):
        raise PathTemplateError("has an empty segment: it ends in / or has // or only an extension")
    if any(segment in ((".",), ("..",)) for segment in segments):
        raise PathTemplateError('has a "." or ".." segment')
    paths = [segment for segment in segments if any(_is_path(piece) for piece in segment)]
    if len(paths) > 1:
        raise PathTemplateError("has more than one {name...}")
    if paths and len(paths[0]) > 1:
        raise PathTemplateError("has a {name...} that is not a segment of its own, between slashes")
    if any(piece.name == PART for segment in segments[:-1] for piece in _captures(segment)):
        raise PathTemplateError("has {part} in a folder: photos that belong together lie together")


def _captures(segment: Segment) -> list[Capture]:
    return [piece for piece in segment if isinstance(piece, Capture)]


def _is_path(piece: Piece) -> bool:
    return isinstance(piece, Capture) and piece.is_path


def _with_word(segments: tuple[Segment, ...], word: str) -> tuple[Segment, ...]:
    """The template for one part: its word stands where `{part}` stood."""
    joined: list[Piece] = []
    for piece in segments[-1]:
        literal = word if isinstance(piece, Capture) and piece.name == PART else piece
        if isinstance(literal, str) and joined and isinstance(joined[-1], str):
            joined[-1] += literal
        else:
            joined.append(literal)
    return (*segments[:-1], tuple(joined))


def _match_segments(wanted: tuple[Segment, ...], found: list[str]) -> dict[str, str] | None:
    path_at = next((at for at, one in enumerate(wanted) if _is_path(one[0])), None)
    if path_at is None:
        return _match_each(wanted, found) if len(wanted) == len(found) else None
    before, after = wanted[:path_at], wanted[path_at + 1 :]
    rest = found[len(before) : len(found) - len(after)]
    if not rest or len(found) < len(before) + len(after) or not any(rest):
        return None
    heads = _match_each(before, found[: len(before)])
    tails = _match_each(after, found[len(found) - len(after) :])
    piece = wanted[path_at][0]
    if heads is None or tails is None or isinstance(piece, str):
        return None
    return heads | {piece.name: "/".join(rest)} | tails


def _match_each(wanted: tuple[Segment, ...], found: list[str]) -> dict[str, str] | None:
    names: dict[str, str] = {}
    for segment, text in zip(wanted, found, strict=True):
        captured = _match_one(segment, text)
        if captured is None:
            return None
        names |= captured
    return names


def _match_one(segment: Segment, text: str) -> dict[str, str] | None:
    """From right to left, each literal as far right as it can stand: the names to the left get
    the most. If there is any way to take the text apart, this one works, so nothing is tried twice.
    """
    names: dict[str, str] = {}
    end = len(text)
    waiting: str | None = None  # the name whose text ends at `end`
    for index in range(len(segment) - 1, -1, -1):
        piece = segment[index]
        if isinstance(piece, Capture):
            waiting = piece.name
            continue
        if waiting is None:
            at = end - len(piece) if text.endswith(piece, 0, end) else -1
        elif index == 0:
            at = 0 if text.startswith(piece) and len(piece) < end else -1
        else:
            at = text.rfind(piece, 0, end - 1)
        if at < 0:
            return None
        if waiting is not None:
            names[waiting] = text[at + len(piece) : end]
        end, waiting = at, None
    if waiting is not None and end > 0:
        names[waiting], end, waiting = text[:end], 0, None
    return names if end == 0 and waiting is None else None
