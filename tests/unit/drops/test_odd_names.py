"""Names of files as people have them: each works from the event to the key of its picture, or is
refused or passed over with a reason."""

import json
from urllib.parse import quote_plus

import pytest

from tests.unit.drops.samples import GARMENTS, INPUT, OUTPUT, rules
from worker.contracts.output_place import parse_output
from worker.contracts.request import parse_request
from worker.contracts.s3_uri import S3Uri
from worker.drops.planning import Photo, plan_drop
from worker.drops.s3_events import read_s3_event
from worker.jobs.output_keys import document_key, output_key

FOLDER = "inbox/spring/"
_LONGEST = 1024 - len(FOLDER)

WORK = {
    "plain": "jacket.jpg",
    "spaces": "my white jacket.jpg",
    "two spaces": "my  jacket.jpg",
    "leading space": " jacket.jpg",
    "space before the extension": "jacket .jpg",
    "no-break space": "my\u00a0jacket.jpg",
    "plus": "a+b.jpg",
    "plus and space": "a + b.jpg",
    "percent": "50% wool.jpg",
    "looks encoded": "a%20b%2Bc.jpg",
    "ampersand": "h&m.jpg",
    "equals": "size=xl.jpg",
    "question mark": "is it blue?.jpg",
    "hash": "no #7.jpg",
    "at, comma, semicolon": "a@b,c;d.jpg",
    "quotes": "5'\"7 jacket.jpg",
    "brackets": "jacket (1) [copy].jpg",
    "braces": "{sku} {season}.jpg",
    "single brace": "a}b{.jpg",
    "asterisk and pipe": "a*b|c<d>.jpg",
    "backslash": "shop\\jacket.jpg",
    "colon": "10:30.jpg",
    "tilde and backtick": "~`jacket.jpg",
    "upper-case extension": "JACKET.JPG",
    "mixed-case extension": "jacket.JpEg",
    "double extension": "jacket.psd.png",
    "same extension twice": "jacket.jpg.jpg",
    "many dots": "a.b..c.jpg",
    "dots at the end": "jacket...jpg",
    "HEIC of a phone": "IMG_0042.HEIC",
    "tif": "scan.TIF",
    "avif": "new.avif",
    "underscore and dash": "-_jacket_-.jpg",
    "only digits": "0000.jpg",
    "umlauts, composed": "Mädchenkleid größe.jpg",
    "umlauts, decomposed": "Ma\u0308dchenkleid.jpg",
    "Vietnamese, decomposed": "a\u0302\u0301o da\u0300i.jpg",
    "Chinese": "白色夹克.jpg",
    "Japanese with dakuten": "か\u3099ジャケット.jpg",
    "Korean, decomposed": "\u1112\u1161\u11ab복.jpg",
    "Arabic, right to left": "معطف.jpg",
    "Hebrew with Latin": "מעיל blue.jpg",
    "marks of direction": "\u202etac\u202c.jpg",
    "emoji": "🧥.jpg",
    "emoji of several": "👩🏽‍🦰 jacket 🇫🇷.jpg",
    "zero width": "ja\u200bcket.jpg",
    "beyond the BMP": "𝒿acket.jpg",
    "three dots as one": "jacket….jpg",
    "name of a device": "CON.jpg",
    "as long as an output can be": "x" * 200 + ".jpg",
    "looks like a version": "a.jpg?versionId=3.jpg",
}

REFUSED = {
    "newline": ("jacket\nnew.jpg", "control characters"),
    "tab": ("a\tb.jpg", "control characters"),
    "null": ("a\x00b.jpg", "control characters"),
    "delete": ("a\x7fb.jpg", "control characters"),
    "backslash with dots": ("a\\..\\jacket.jpg", '".." segment'),
    "1,024 bytes": ("x" * (_LONGEST - 4) + ".jpg", "S3 allows 1,024"),
    "1,024 bytes of emoji": ("🧥" * ((_LONGEST - 4) // 4) + ".jpg", "S3 allows 1,024"),
}

PASSED_OVER = {
    "hidden": (".jacket.jpg", "hidden"),
    "what a Mac writes beside files": ("._jacket.jpg", "hidden"),
    "only an extension": (".jpg", "hidden"),
    "no extension": ("jacket", "wants inbox/{season}/{sku}.{ext}"),
    "dot at the end": ("jacket.", "wants inbox"),
    "space behind the extension": ("jacket.jpg ", "none of them"),
    "another extension": ("jacket.psd", "none of them"),
    "unfinished copy": ("jacket.jpg.part", "none of them"),
    "what Windows writes": ("Thumbs.db", "none of them"),
    "extension in full width": ("jacket.ｊｐｇ", "none of them"),
    "looks like a version": ("a.jpg?versionId=3", "none of them"),
    "dots for a folder": ("../jacket.jpg", "wants inbox"),
    "folder too deep": ("new/jacket.jpg", "wants inbox"),
    "slash twice": ("/jacket.jpg", "wants inbox"),
}

_RULES = rules(GARMENTS)


def uploaded(key):
    """The key as it arrives here by way of both kinds of events."""
    entity = {"key": quote_plus(key), "size": 7, "eTag": "e1"}
    direct = {
        "eventSource": "aws:s3",
        "eventTime": "2026-11-26T12:00:00Z",
        "eventName": "ObjectCreated:Put",
        "s3": {"bucket": {"name": "catalog"}, "object": entity},
    }
    bridge = {
        "detail-type": "Object Created",
        "source": "aws.s3",
        "time": "2026-11-26T12:00:00Z",
        "detail": {"bucket": {"name": "catalog"}, "object": entity | {"key": key}},
    }
    found = [
        *read_s3_event(json.loads(json.dumps({"Records": [direct]}))).uploads,
        *read_s3_event(json.loads(json.dumps(bridge))).uploads,
    ]
    assert [upload.key for upload in found] == [key, key]
    return found[0].key


def planned(key):
    match = _RULES.match("catalog", uploaded(key))
    assert match is not None, _RULES.misses("catalog", key)
    return plan_drop(match, [Photo("catalog", match.key, "v1", "e1")])


def test_there_are_at_least_forty():
    assert len(WORK) + len(REFUSED) + len(PASSED_OVER) >= 60


@pytest.mark.parametrize("name", WORK.values(), ids=WORK.keys())
def test_odd_name_works_to_the_key_of_its_picture(name):
    (document,) = planned(FOLDER + name).requests
    body = json.dumps(document)
    request = parse_request(body, input_buckets=INPUT, output_buckets=OUTPUT)
    photo = S3Uri.parse(request.input["imageId"])
    assert (photo.key, photo.version_id) == (FOLDER + name, "v1")
    place = request.output_uri
    for key in (
        output_key(place.key, request.request_id, 0, 1, "image/png"),
        document_key(place.key, request.request_id),
    ):
        assert parse_output(f"s3://{place.bucket}/{key}").key == key
    assert request.origin is not None
    assert request.origin.drop is not None
    assert request.origin.drop.error is not None
    assert request.request_id.isascii()


@pytest.mark.parametrize(("name", "reason"), REFUSED.values(), ids=REFUSED.keys())
def test_odd_name_is_refused_with_a_reason_and_a_place_to_tell_it(name, reason):
    plan = planned(FOLDER + name)
    assert plan.requests == ()
    assert reason in "; ".join(map(str, plan.problems))
    assert plan.error is not None
    parse_output(plan.error)


@pytest.mark.parametrize(("name", "reason"), PASSED_OVER.values(), ids=PASSED_OVER.keys())
def test_odd_name_is_passed_over_with_a_reason(name, reason):
    key = uploaded(FOLDER + name)
    assert _RULES.match("catalog", key) is None
    assert [why for _, why in _RULES.misses("catalog", key) if reason in why]


def test_names_that_only_differ_in_what_ids_cannot_hold_have_ids_of_their_own():
    names = [
        "a b.jpg",
        "a+b.jpg",
        "a%b.jpg",
        "a?b.jpg",
        "ä b.jpg",
        "a\u0308 b.jpg",
        "🧥.jpg",
        "白.jpg",
    ]
    ids = [planned(FOLDER + name).requests[0]["requestId"] for name in names]
    assert len(set(ids)) == len(names)
