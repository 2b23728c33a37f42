"""`<name>.error.json`: why a dropped photo gave no picture, for people who look into a folder.

They know photos and folders, not queues and codes: first what happened, then what to do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from worker.contracts.fields import rfc3339

WAITS: Final = "drop.incomplete"
"""The code of a group of photos that is not complete: no error of a job, so of this document only."""

LATE: Final = "drop.sidecar_late"
"""The code of a sidecar that came when its photo was a request already: of this document only, too."""

NO_ROW: Final = "drop.no_row"
"""The code of a list of which not one row succeeded."""

_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    WAITS: (
        "Photos that belong together are not all there.",
        "Put the missing ones into the same folder. It goes on by itself then.",
    ),
    LATE: (
        "The file beside the photo came too late: the photo is worked on without it.",
        "Put the photo into the folder again. The file beside it counts then.",
    ),
    NO_ROW: (
        "Not one row of the list gave a picture.",
        "Correct what the details and the list of results name, and put the list into the folder again.",
    ),
    "attempts.exhausted": (
        "Something did not work, again and again, and was given up.",
        "Put the photo into the folder again later. If it happens again, tell whoever runs this.",
    ),
    "batch.manifest": (
        "The list cannot be read.",
        "Correct it and put it into the folder again.",
    ),
    "hautech.refused": (
        "Hautech does not accept this photo, or what was asked for with it.",
        "Read the details, correct what they name, and put the photo into the folder again.",
    ),
    "image.forbidden": (
        "The photo may not be read.",
        "Tell whoever runs this: the permissions on the photo are not right.",
    ),
    "image.missing": (
        "The photo, or one that is used with it, was not there any more.",
        "Put it into the folder again, and leave it there until its picture has come.",
    ),
    "image.too_large": (
        "The photo is too large.",
        "Make it smaller and put it into the folder again.",
    ),
    "image.unreadable": (
        "The file is not a photo that can be used.",
        "Save it as JPEG or PNG and put it into the folder again.",
    ),
    "output.forbidden": (
        "The picture was made and cannot be stored.",
        "Tell whoever runs this: the permissions on the output folder are not right.",
    ),
    "output.taken": (
        "Another picture, or something else, stands where this one should go.",
        "Give the photo another name, or take away what stands there. Then put it into the folder again.",
    ),
    "output.unusable": (
        "What Hautech made is not a usable picture.",
        "Put the photo into the folder again, or try another one.",
    ),
    "pipeline.failed": (
        "Hautech could not make a picture of this photo.",
        "Try another photo of the garment, or put it into the folder again later.",
    ),
    "pipeline.lost": (
        "Hautech does not know of the picture any more.",
        "Put the photo into the folder again.",
    ),
    "pipeline.no_output": (
        "Hautech finished without a picture.",
        "Put the photo into the folder again, or try another one.",
    ),
    "pipeline.out_of_funds": (
        "The balance at Hautech is used up.",
        "Tell whoever runs this. Put the photo into the folder again when there is balance.",
    ),
    "pipeline.timeout": (
        "Hautech took too long.",
        "Put the photo into the folder again later.",
    ),
    "poll.malformed": (
        "A message was damaged.",
        "Put the photo into the folder again.",
    ),
    "record.too_large": (
        "There is too much text with this photo.",
        "Shorten what the file beside the photo says, and put the photo into the folder again.",
    ),
    "request.cancelled": (
        "It was cancelled.",
        "Nothing, if that was meant. Else put the photo into the folder again.",
    ),
    "request.conflict": (
        "This photo was worked on already, with other settings.",
        "Put it into the folder again under another name.",
    ),
    "request.expired": (
        "It was too late: the time that was given for this photo had passed.",
        "Give it more time (expiresAt), and put the photo into the folder again.",
    ),
    "request.invalid": (
        "What is asked for with this photo is not right.",
        "Correct what the details name, in the photo's name or in the file beside it, and drop it again.",
    ),
    "request.malformed": (
        "A message was damaged.",
        "Put the photo into the folder again.",
    ),
    "submission.unknown": (
        "It is not known whether Hautech has made the picture.",
        "Tell whoever runs this: it may have been paid for, and should be looked for first.",
    ),
}
_AT_UPLOAD: Final[Mapping[str, tuple[str, str]]] = {
    # Nothing but the photo was there to be refused. What cannot be a photo at all was noticed before.
    "hautech.refused": (
        "Hautech cannot read this photo. It seems to be damaged or cut short.",
        "Save it again, as JPEG or PNG, and put it into the folder again.",
    ),
}
_ANY: Final = ("It did not work.", "Read the details, or show them to whoever runs this.")


@dataclass(frozen=True, slots=True, kw_only=True)
class DropError:
    """What one such document says. `details` are sentences, secrets are in none of them."""

    photo: str
    code: str
    details: Sequence[str]
    rule: str
    at: datetime
    request_id: str | None = None
    stage: str = ""
    """Of the job, where it failed; "" if it was none."""

    def dumps(self) -> str:
        """The document, laid out for reading."""
        words = _AT_UPLOAD if self.stage == "upload" else _WORDS
        happened, to_do = words.get(self.code) or _WORDS.get(self.code, _ANY)
        document = {
            "photo": self.photo,
            "whatHappened": happened,
            "whatToDo": to_do,
            "details": list(self.details),
            "code": self.code,
            "rule": self.rule,
            "requestId": self.request_id,
            "at": rfc3339(self.at),
        }
        kept = {name: value for name, value in document.items() if value is not None}
        return json.dumps(kept, indent=2, ensure_ascii=False) + "\n"


def explained_codes() -> frozenset[str]:
    """The codes that this document has words of their own for."""
    return frozenset(_WORDS)
