import itertools
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.drops.loops import KeyForm, Wild, can_meet, letters
from worker.drops.templates import PathTemplate

_ALPHABET = "ab/"
_KEYS = [
    "".join(key) for length in range(1, 8) for key in itertools.product(_ALPHABET, repeat=length)
]
_TOKENS: list[str | Wild] = ["a", "b", "/", Wild.IN_SEGMENT, Wild.ACROSS]
_token = st.sampled_from(_TOKENS)
_form = st.lists(_token, min_size=1, max_size=4).map(lambda tokens: KeyForm(tuple(tokens)))


def _keys_of(form: KeyForm) -> set[str]:
    pieces = {Wild.IN_SEGMENT: "[^/]+", Wild.ACROSS: ".+"}
    pattern = "".join(pieces[token] if isinstance(token, Wild) else token for token in form.tokens)
    return {key for key in _KEYS if re.fullmatch(pattern, key)}


@given(_form, _form)
def test_forms_meet_if_and_only_if_some_key_is_of_both(one, other):
    # Two forms of four tokens that meet at all do so in a key of at most seven letters.
    assert can_meet(one, other) is bool(_keys_of(one) & _keys_of(other))
    assert can_meet(one, other) is can_meet(other, one)


@pytest.mark.parametrize(
    ("match", "folder", "deep", "meets"),
    [
        ("inbox/{sku}.{ext}", "inbox/", False, True),
        ("inbox/{sku}.{ext}", "outbox/", False, False),
        ("inbox/{sku}.{ext}", "", False, False),
        ("inbox/{sku}.{ext}", "", True, True),
        ("inbox/{sku}.{ext}", "inbox/done/", False, False),
        ("inbox/{path...}", "inbox/done/", False, True),
        ("{path...}", "anything/", False, True),
        ("{sku}.{ext}", "done/", False, False),
        ("{season}/{sku}.{ext}", "done/", False, True),
    ],
)
def test_folder_that_is_watched_is_seen(match, folder, deep, meets):
    form = KeyForm.below(letters(folder), deep=deep)
    assert can_meet(KeyForm.watched(PathTemplate.parse(match)), form) is meets


_template_pieces = st.lists(
    st.sampled_from(["{x}", "{y}", "a", "b", "/", "{p...}", "-"]), min_size=1, max_size=6
).map("".join)


@given(_template_pieces, st.booleans(), st.text("ab/-.", max_size=10))
def test_watched_form_has_every_key_that_a_template_takes(text, has_ext, key):
    try:
        template = PathTemplate.parse(text + (".{ext}" if has_ext else ""))
    except ValueError:
        return
    if template.match(key) is not None:
        assert can_meet(KeyForm.watched(template), KeyForm(letters(key)))
