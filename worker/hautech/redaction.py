"""Takes secrets out of text before it reaches a message: tokens, and all of a URL but its host."""

import re
from typing import Final

# A signed link is a credential: its path and query let anyone fetch the picture.
_URL: Final = re.compile(
    r"""(https?|wss?)://(?:[^\s/?#"'<>@]*@)?([^\s/?#"'<>\\]*)[^\s"'<>]*""", re.IGNORECASE
)
_JWT: Final = re.compile(r"eyJ[\w-]{5,}(?:\.[\w-]*){0,2}")
_BEARER: Final = re.compile(r"(bearer|basic)\s+[\w.~+/=-]{6,}", re.IGNORECASE)
_PEM: Final = re.compile(r"-----BEGIN [A-Z ]+-----.*?(?:-----END [A-Z ]+-----|\Z)", re.DOTALL)
_ASSIGNED: Final = re.compile(
    # No open-ended prefix: it would take quadratic time on a long word.
    r"""(signature|credential|token|secret|password|authorization)(["']?\s{0,9}[=:]\s{0,9}["']?)[^\s"'&,;}]+""",
    re.IGNORECASE,
)
_SPACES: Final = re.compile(r"[\s\x00-\x1f\x7f]+")

MAX_DETAIL_CHARS: Final = 300


def redact(text: str, *, max_chars: int = MAX_DETAIL_CHARS) -> str:
    """The text on one line, without tokens, keys and signed URLs, at most `max_chars` long.

    What was redacted before stays as it is.
    """
    # Long texts are cut first: a hostile body must not cost us regex time.
    text = text[: 20 * MAX_DETAIL_CHARS]
    text = _PEM.sub("[key]", text)
    text = _URL.sub(r"\1://\2/[…]", text)
    text = _JWT.sub("[token]", text)
    text = _BEARER.sub(r"\1 [token]", text)
    text = _ASSIGNED.sub(r"\1\2[secret]", text)
    text = _SPACES.sub(" ", text).strip()
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"
