"""The words of error documents."""

import json

import pytest

from tests.builders import NOON
from worker.contracts.drop_error import LATE, NO_ROW, WAITS, DropError, explained_codes
from worker.runtime.commands.advice import codes


def test_every_error_that_a_job_can_have_is_explained_to_who_dropped_the_photo() -> None:
    assert explained_codes() == {*codes(), WAITS, LATE, NO_ROW}


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("upload", "It seems to be damaged or cut short"),
        ("submit", "or what was asked for with it"),
    ],
)
def test_a_photo_that_hautech_refuses_by_itself_seems_damaged(stage: str, words: str) -> None:
    said = DropError(
        photo="s3://catalog/inbox/cut.png",
        code="hautech.refused",
        details=["POST /v1/images/upload/finalize: HTTP 400: Unsupported or corrupt image"],
        rule="garments",
        at=NOON,
        stage=stage,
    ).dumps()

    assert words in json.loads(said)["whatHappened"]


def test_it_says_what_happened_and_what_to_do_first() -> None:
    said = DropError(
        photo="s3://catalog/inbox/größe.jpg",
        code="image.too_large",
        details=["30,000,000 bytes"],
        rule="garments",
        at=NOON,
    ).dumps()
    document = json.loads(said)
    assert list(document)[:3] == ["photo", "whatHappened", "whatToDo"]
    assert document["whatHappened"] == "The photo is too large."
    assert "requestId" not in document
    assert "größe" in said  # as people read it


def test_a_code_of_a_later_release_has_words_all_the_same() -> None:
    said = DropError(photo="p", code="of.tomorrow", details=[], rule="r", at=NOON).dumps()
    assert json.loads(said)["whatToDo"]
