"""HTML of the contact sheet: no text becomes markup unless we say so."""

import html
import json
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.demo.markup import Markup, element, joined, json_tree, trusted

TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\x00"))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


class Reader(HTMLParser):
    """What a browser would see: tags with attributes, and text."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data) -> None:
        self.text += data


@given(TEXTS)
def test_any_text_stays_the_same_text_and_makes_no_tag(text: str) -> None:
    seen = Reader(element("p", text, title=text))

    assert seen.tags == [("p", {"title": text})]
    assert seen.text == text


@given(JSON)
def test_a_json_tree_reads_back_as_the_same_json(value) -> None:
    seen = Reader(json_tree(value))

    assert json.loads(seen.text) == value
    assert {tag for tag, _ in seen.tags} <= {"b", "i", "em"}


def test_markup_inside_markup_is_not_escaped_twice() -> None:
    assert element("p", element("b", "a & b")) == "<p><b>a &amp; b</b></p>"


def test_joined_escapes_what_is_not_markup() -> None:
    assert joined("<", trusted("<br>"), ">") == "&lt;<br>&gt;"


def test_adding_text_to_markup_does_not_make_it_trusted() -> None:
    """`Markup + str` is a plain string, so it is escaped when it is used."""
    smuggled = element("b", "x") + "<script>"

    assert not isinstance(smuggled, Markup)
    assert "<script>" not in element("p", smuggled)


def test_attributes_that_are_none_or_false_are_left_out() -> None:
    assert element("img", alt="", hidden=None, open=False, ismap=True) == '<img alt="" ismap>'


@pytest.mark.parametrize("name", ["on load", 'x"y', "x>", ""])
def test_an_attribute_name_that_html_does_not_know_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="no attribute name"):
        element("p", **{name: "x"})


def test_quotes_cannot_leave_an_attribute() -> None:
    hostile = '"><img src=x onerror=alert(1)>'

    assert html.escape(hostile) in element("a", href=hostile)
