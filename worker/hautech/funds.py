"""Tells an empty account from a text that merely uses the words: New Balance, a credit card holder.

The API documents no status for an empty account, so a run may be refused with 400 or 403, or fail
later; then only the words tell. Taking other words for these would stop all work, so it takes a
phrase about having too little, and what a text quotes (prompts, labels) does not count.
"""

import re
from functools import cache
from typing import Final

_MAX_CHARS: Final = 4000

# A quotation that is never closed was cut off, so it reaches to the end. A single quote opens one
# only where no word ends, and closes it only where none begins: "the account's" is no quotation.
_QUOTED: Final = re.compile(
    r'"(?:\\.|[^"\\])*(?:"|\\?\Z)'
    r"|`[^`]*(?:`|\Z)|“[^”]*(?:”|\Z)|«[^»]*(?:»|\Z)|‘[^’]*(?:’(?!\w)|\Z)"
    r"|(?<!\w)'(?:[^']|'(?=\w))*(?:'|\Z)",
    re.DOTALL,
)
_CAMEL: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_JOINTS: Final = re.compile(r"[_\-]+")

# Shoes, photographs and pockets: these are not the money.
_MONEY: Final = (
    r"(?:(?<!\bnew )(?<!\bwhite )(?<!\bcolor )(?<!\bcolour )\bbalance\b(?! bikes?\b)"
    r"|\bcredits?\b(?! cards?\b| to (?:the|an?|my)\b)|\bfunds?\b)"
)
_OF: Final = r"(?: [\w’']+){0,3}? "
_BEFORE: Final = (
    rf"\b(?:insufficient|not (?:have )?(?:enough|sufficient)|exceed(?:s|ed|ing)?){_OF}{_MONEY}",
    r"\b(?:out of|ran out of|run out of)(?: \w+)? (?:credits?|funds?)\b(?! cards?\b)",
    rf"\b(?:low|negative|zero|empty)(?: on)?(?: account| credit)? {_MONEY}",
    rf"\bno (?:more|remaining|available)(?: account)? {_MONEY}",
    rf"\bno {_MONEY} (?:left|remaining|available)\b",
    rf"\A\W*no {_MONEY}\W*\Z",
)
# The other order, with the amount or one word between: the credit limit that was reached.
_AFTER: Final = (
    rf"{_MONEY}(?: limit)?(?: of)?(?: ?[(:]? ?-?[\d.]+\)?)?(?: \w+)?"
    r"(?: (?:is|are|was|has|have|been|too|limit))*"
    r" (?:insufficient|not (?:enough|sufficient)|low|negative|exceeded|exhausted|depleted|used up"
    r"|reached|empty|below)\b"
)


def mentions_funds(*texts: str | None) -> bool:
    """Whether an error text or code says that the account's balance, credit or funds are used up.

    Args:
        texts: Messages and codes of one error, such as `Insufficient balance` or
            `INSUFFICIENT_FUNDS`. What stands in quotation marks is passed over, and so is all
            but the first 4,000 characters.
    """
    return any(text is not None and _speaks_of_funds(text[:_MAX_CHARS]) for text in texts)


def _speaks_of_funds(text: str) -> bool:
    plain = _JOINTS.sub(" ", _CAMEL.sub(" ", _QUOTED.sub(" … ", text)))
    return _funds().search(" ".join(plain.split())) is not None


@cache
def _funds() -> re.Pattern[str]:
    """All of these phrases. Compiled for the first error, for that takes longer than all other patterns of ours."""
    return re.compile("|".join((*_BEFORE, _AFTER, r"\bpayment required\b")), re.IGNORECASE)
