"""No loops: whether what a rule writes can ever be what a rule watches.

Two sets of keys, each given by a form such as `inbox/{season}/{sku}.{ext}`, share a key or they do
not: that is decided, not tried out. A form here is a superset of the keys it stands for (any
extension, any number), so a "no" is certain, and a "yes" may be overcautious.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from enum import Enum

from worker.drops.templates import Capture, PathTemplate


class Wild(Enum):
    """What may stand at a place of a key besides a letter of its own."""

    IN_SEGMENT = "anything but /, once or more"
    ACROSS = "anything, once or more"


Token = str | Wild


@dataclass(frozen=True, slots=True)
class KeyForm:
    """A set of keys: letters, and places where any text of one character or more may stand."""

    tokens: tuple[Token, ...]

    @classmethod
    def watched(cls, template: PathTemplate) -> KeyForm:
        """Every key that a rule's `match` may take; extensions are not looked at."""
        tokens: list[Token] = []
        for index, segment in enumerate(template.segments):
            tokens += ["/"] if index else []
            for piece in segment:
                if isinstance(piece, Capture):
                    tokens.append(Wild.ACROSS if piece.is_path else Wild.IN_SEGMENT)
                else:
                    tokens += piece
        if template.ext is not None:
            tokens += [".", Wild.IN_SEGMENT]
        return cls(tuple(tokens))

    @classmethod
    def below(cls, folder: tuple[Token, ...], *, deep: bool) -> KeyForm:
        """Every key of a file in a folder (which ends in / or is empty), or also deeper below it."""
        return cls((*folder, Wild.ACROSS if deep else Wild.IN_SEGMENT))


def letters(text: str) -> tuple[Token, ...]:
    """A text as it stands in a key, in the composed form in which keys are compared."""
    return tuple(unicodedata.normalize("NFC", text))


def can_meet(one: KeyForm, other: KeyForm) -> bool:
    """Whether there is a key that is of both forms.

    A walk over pairs of places, one in each form, that some common beginning of a key reaches:
    at most length times length of them.
    """
    a, b = one.tokens, other.tokens
    seen = {(0, 0)}
    todo = [(0, 0)]
    while todo:
        i, j = todo.pop()
        if i == len(a) and j == len(b):
            return True
        if i == len(a) or j == len(b):
            continue
        if not _share_a_letter(a[i], b[j]):
            continue
        # The letter is taken: who may take more stays, or goes on; who may not goes on.
        for next_i in (i, i + 1) if isinstance(a[i], Wild) else (i + 1,):
            for next_j in (j, j + 1) if isinstance(b[j], Wild) else (j + 1,):
                if (next_i, next_j) not in seen:
                    seen.add((next_i, next_j))
                    todo.append((next_i, next_j))
    return False


def _share_a_letter(one: Token, other: Token) -> bool:
    if isinstance(one, str) and isinstance(other, str):
        return one == other
    if isinstance(one, str) or isinstance(other, str):
        letter, places = (one, other) if isinstance(one, str) else (other, one)
        return letter != "/" or places is Wild.ACROSS
    return True
