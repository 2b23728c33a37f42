import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.drops.sidecars import MAX_SIDECAR_BYTES, SidecarError, read_sidecar


@pytest.mark.parametrize(
    ("key", "text", "fields"),
    [
        ("in/a.json", '{"input": {"seed": 1}}', {"input": {"seed": 1}}),
        ("in/a.yaml", "input: {seed: 1}", {"input": {"seed": 1}}),
        ("in/a.yml", b"output: s3://shop/x/", {"output": "s3://shop/x/"}),
        ("in/a.JSON", b'{"input": null}', {"input": None}),
        ("in/a.yaml", "", {}),
        ("in/a.json", "  ", {}),
        ("in/a.yaml", "# nothing yet", {}),
    ],
)
def test_sidecar_says_what_is_different(key, text, fields):
    sidecar = read_sidecar(key, text)
    assert (sidecar.key, sidecar.fields) == (key, fields)


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("in/a.json", "{", "a.json: a.json is not JSON"),
        ("in/a.json", '{"a": 1, "a": 2}', "stands twice"),
        ("in/a.yaml", "input:\n  seed: 1\n  seed: 2", 'a.yaml, line 3: has the key "seed" twice'),
        ("in/a.yaml", "- a", "a.yaml: a list of 1: must have fields"),
        ("in/a.yaml", "promt: x", 'a.yaml: promt: "x": is not a field of a sidecar'),
        ("in/a.yaml", "input: x", 'a.yaml: input: "x": must have fields of its own'),
        ("in/a.yaml", "outputt: x", 'did you mean "output"?'),
        ("in/a.yaml", "requestId: x", "the id is derived from the photo"),
        ("in/a.yaml", "origin: {}", "the worker writes it"),
        ("in/a.yaml", b"input: {prompt: \xff}", "is not UTF-8"),
        ("in/a.json", b"\xff", "UTF-8"),
        ("in/a.yaml", "x" * (MAX_SIDECAR_BYTES + 1), "at most 65,536 are allowed"),
    ],
)
def test_sidecar_that_cannot_be_used_says_why(key, text, said):
    with pytest.raises(SidecarError, match=re.escape(said)):
        read_sidecar(key, text)


def test_every_unknown_field_is_told():
    with pytest.raises(SidecarError) as caught:
        read_sidecar("a.yaml", "a: 1\nb: 2\ninput: 3")
    assert len(caught.value.problems) == 3


@given(st.sampled_from(["a.json", "a.yaml"]), st.binary(max_size=60) | st.text(max_size=60))
def test_any_file_is_a_sidecar_or_an_error_in_words(key, text):
    try:
        read_sidecar(key, text)
    except SidecarError as error:
        assert error.problems  # noqa: PT017 - one of the two outcomes
