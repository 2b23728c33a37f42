"""A trace header is carried on as far as it is one, and never a reason to fail."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.contracts.trace import clean_trace, trace_id_of

ROOT = "1-5759e988-bd862e3fe1be46a994272793"
HEADER = f"Root={ROOT};Parent=53995c3f42cd8ad8;Sampled=1"


@pytest.mark.parametrize(
    ("header", "kept"),
    [
        (HEADER, HEADER),
        (f"Root={ROOT}", f"Root={ROOT}"),
        (f"Sampled=0; Root={ROOT}", f"Root={ROOT};Sampled=0"),
        (f"{HEADER};Lineage=1:a87bd80c:2", HEADER),
        (f"Self=1-67891234-12456789abcdef012345678;{HEADER}", HEADER),
        (f"Root={ROOT};Parent=not hex;Sampled=?", f"Root={ROOT};Sampled=?"),
    ],
)
def test_root_parent_and_sampling_are_carried_on(header: str, kept: str) -> None:
    assert clean_trace(header) == kept
    assert trace_id_of(kept) == ROOT


@pytest.mark.parametrize(
    "header",
    [
        None,
        7,
        "",
        "Root=",
        "Root=1-5759e988",
        f"Root={ROOT.upper()}",
        "Parent=53995c3f42cd8ad8;Sampled=1",
        f"Root={ROOT}\r\nX-Evil: yes",
        f"{HEADER};x={'y' * 2_000}",
    ],
)
def test_what_is_no_trace_header_is_none(header: object) -> None:
    assert clean_trace(header) is None


@given(st.text() | st.text(alphabet="Root=1-abc;Parent Sampled?0\r\n") | st.none() | st.integers())
def test_whatever_comes_the_result_is_none_or_fit_for_a_header(header: object) -> None:
    kept = clean_trace(header)
    assert kept is None or (kept.isascii() and kept.isprintable() and clean_trace(kept) == kept)


def test_no_trace_has_no_id() -> None:
    assert trace_id_of(None) is None
