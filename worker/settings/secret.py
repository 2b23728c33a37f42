"""A secret that is only ever shown by somebody who asks for it by name."""

from __future__ import annotations

from typing import NoReturn


class Secret:
    """A text that neither `repr`, `str`, formatting nor pickling gives away.

    Compared by value, so that two equal settings are equal. Not a defence against code that
    wants the value: `reveal` hands it out.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself: for the one call that needs it."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and self._value == other._value

    def __hash__(self) -> int:
        return hash((Secret, self._value))

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: it would stand in the file in plain text")
