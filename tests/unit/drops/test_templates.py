import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.drops.templates import Capture, PathTemplate, PathTemplateError


def names(template, key, parts=()):
    return PathTemplate.parse(template).match(key, parts)


@pytest.mark.parametrize(
    ("template", "key", "expected"),
    [
        ("inbox/{sku}.{ext}", "inbox/a.jpg", {"sku": "a", "ext": "jpg"}),
        ("inbox/{sku}.{ext}", "inbox/a.JPG", {"sku": "a", "ext": "jpg"}),
        ("inbox/{sku}.{ext}", "inbox/a.v2.jpg", {"sku": "a.v2", "ext": "jpg"}),
        ("inbox/{sku}.jpg", "inbox/a.JPG", {"sku": "a"}),
        ("inbox/{sku}.JPG", "inbox/a.jpg", {"sku": "a"}),
        ("inbox/{sku}.{ext}", "Inbox/a.jpg", None),
        ("inbox/{sku}.{ext}", "inbox/a/b.jpg", None),
        ("inbox/{sku}.{ext}", "inbox/a", None),
        ("inbox/{sku}.{ext}", "inbox/a.", None),
        ("inbox/{sku}.{ext}", "inbox/.jpg", None),
        ("inbox/{sku}.{ext}", "inbox.d/a", None),
        ("{a}-{b}.{ext}", "x-y-z.png", {"a": "x-y", "b": "z", "ext": "png"}),
        ("{a}-{b}.{ext}", "-y.png", None),
        ("{a}--{b}.{ext}", "x---y.png", {"a": "x-", "b": "y", "ext": "png"}),
        ("a{x}.{ext}", "aab.png", {"x": "ab", "ext": "png"}),
        ("{path...}/{sku}.{ext}", "a/b/c.png", {"path": "a/b", "sku": "c", "ext": "png"}),
        ("{path...}/{sku}.{ext}", "c.png", None),
        ("in/{path...}", "in/a/b.png", {"path": "a/b.png"}),
        ("in/{path...}", "in/", None),
        ("in/{rest...}/raw/{sku}.png", "in/a/raw/raw/s.png", {"rest": "a/raw", "sku": "s"}),
        ("{{{sku}}}.png", "{a}.png", {"sku": "a"}),
        ("été/{sku}.png", unicodedata.normalize("NFD", "été/é.png"), {"sku": "é"}),
        ("inbox/{sku}", "inbox/no extension", {"sku": "no extension"}),
    ],
)
def test_path_is_taken_apart(template, key, expected):
    assert names(template, key) == expected


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("sku_front.jpg", ("sku", "front")),
        ("a_b_front.jpg", ("a_b", "front")),
        ("sku_back_left.jpg", ("sku", "back_left")),
        ("sku_left.jpg", ("sku", "left")),
        ("sku_side.jpg", None),
        ("_front.jpg", None),
    ],
)
def test_part_is_one_of_the_words(key, expected):
    found = names("{sku}_{part}.{ext}", key, ["left", "back_left", "front"])
    assert (found and (found["sku"], found["part"])) == expected


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("", "is empty"),
        ("/inbox/{sku}.jpg", "begins with /"),
        ("inbox/", "empty segment"),
        ("inbox//{sku}.jpg", "empty segment"),
        ("inbox/.jpg", "empty segment"),
        ("inbox/../{sku}.jpg", '"." or ".."'),
        ("inbox/{sku", 'a single "{"'),
        ("inbox/{s ku}.jpg", "letters, digits and _"),
        ("inbox/sku}.jpg", 'a single "}"'),
        ("{sku}/{sku}.jpg", "{sku} twice"),
        ("{a}{b}.jpg", "nobody knows"),
        ("{n}.jpg", "number of the request"),
        ("{ext}/{sku}.jpg", "at the end"),
        ("{sku}{ext}", "nobody knows"),
        ("{sku}-{ext}", "without a dot"),
        ("{ext}", "without a dot"),
        ("{part}/{sku}.jpg", "{part} in a folder"),
        ("{a...}/{b...}", "more than one"),
        ("x{a...}/{b}.jpg", "segment of its own"),
        ("{a}\u0301/{b}.jpg", "joins the letter"),
    ],
)
def test_template_that_cannot_be_used_says_why(template, said):
    with pytest.raises(PathTemplateError, match=re.escape(said)):
        PathTemplate.parse(template)


def _as_regex(template: PathTemplate) -> str:
    """The same by looking back: slow for some keys, and what greedy matching means."""
    segments = [
        "".join(
            re.escape(piece)
            if isinstance(piece, str)
            else f"(?P<{piece.name}>{'.+' if piece.is_path else '[^/]+'})"
            for piece in segment
        )
        for segment in template.segments
    ]
    ext = "" if template.ext is None else r"\.(?P<ext>[^/.]+)"
    return "/".join(segments) + ext


_letters = st.text("ab-_/.", max_size=14)
_template = st.lists(
    st.sampled_from(["{x}", "{y}", "{z}", "a", "b", "-", "_", "/", "ab", "{p...}"]),
    min_size=1,
    max_size=7,
).map("".join)


@given(_template, st.booleans(), _letters)
def test_matches_are_those_of_a_greedy_regular_expression(text, has_ext, key):
    try:
        template = PathTemplate.parse(text + (".{ext}" if has_ext else ""))
    except PathTemplateError:
        return
    expected = re.fullmatch(_as_regex(template), key, re.DOTALL)
    found = template.match(key)
    has_path = any(isinstance(one[0], Capture) and one[0].is_path for one in template.segments)
    if has_path and found is None and expected and "//" in f"/{key}/":
        return  # whole segments, of which one at least is not empty
    assert found == (expected and expected.groupdict())


@given(st.text())
def test_no_key_makes_matching_fail(key):
    for template in ("inbox/{a}-{b}_{c}.{ext}", "{p...}/{a}.jpg", "{a}"):
        PathTemplate.parse(template).match(key)


def test_key_made_to_be_slow_is_not():
    # A regular expression would try some 10^12 ways here, and this test would time out.
    template = PathTemplate.parse("{a}-{b}-{c}-{d}-{e}-{f}-{g}x.{ext}")
    assert template.match("-" * 1_000 + ".jpg") is None
