"""Answers are read tolerantly: extra fields ignored, null like absent, money exact."""

import contextlib
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.hautech.fakes import unhurried
from worker.hautech.fields import ShapeError, credits_of, moment, whole_number
from worker.hautech.models import (
    Account,
    Image,
    Pipeline,
    PipelinePage,
    PipelinePhase,
    PipelinePreview,
    Pose,
    Workflow,
)

PIPELINE = {
    "id": "p-1",
    "kind": "pipeline",
    "creatorId": "c",
    "status": "failed",
    "metadata": {"app": {"key": "k"}},
    "input": {"seed": 1},
    "state": {
        "a": {"status": "completed", "output": 1},
        "b": {"status": "failed", "output": {"message": "no garment"}},
        "c": {"status": "failed"},
    },
    "tasks": [],
    "estimatedCredits": "0.05",
    "consumedCredits": "0.04375",
    "errorCode": "E1",
    "errorMessage": "no garment",
    "createdAt": "2026-03-01T10:00:00.000Z",
    "updatedAt": "2026-03-01T11:00:00+01:00",
    "fromTheFuture": {"x": 1},
}


def test_a_pipeline_is_read_with_exact_credits_and_its_first_failure() -> None:
    pipeline = Pipeline.from_json(PIPELINE)
    assert pipeline.pipeline_id == "p-1"
    assert pipeline.phase is PipelinePhase.FAILED
    assert pipeline.consumed_credits == Decimal("0.04375")
    assert pipeline.created_at == datetime(2026, 3, 1, 10, tzinfo=UTC)
    assert pipeline.updated_at == pipeline.created_at
    assert pipeline.first_failure is not None
    assert pipeline.first_failure.task_id == "b"
    assert pipeline.first_failure.error == {"message": "no garment"}
    assert pipeline.output is None


@pytest.mark.parametrize(
    ("read", "smallest"),
    [
        (Image.from_json, {"id": "x"}),
        (Pipeline.from_json, {"id": "x", "status": "pending"}),
        (PipelinePreview.from_json, {"id": "x", "status": "pending"}),
        (Account.from_json, {"id": "x"}),
        (Workflow.from_json, {"id": "x"}),
        (Pose.from_json, {"id": "x"}),
        (PipelinePage.from_json, {"data": []}),
    ],
)
def test_null_and_absent_are_the_same(read: Any, smallest: Any) -> None:
    full = dict.fromkeys(
        [*PIPELINE, "url", "width", "expiresAt", "alias", "balance", "permissions", "pageInfo"]
    )
    if "data" not in smallest:
        with_nulls = read({**full, **smallest})
        assert getattr(with_nulls, "document", None) or with_nulls == read(smallest)
    wrongs: list[Any] = [{}, [], "text", None, 3, {"id": ""}, {"id": 5}]
    for wrong in wrongs:
        with pytest.raises(ShapeError):
            read(wrong)


def test_an_image_id_is_read_under_either_name() -> None:
    assert Image.from_json({"imageId": "i"}).image_id == "i"
    assert Image.from_json({"id": "j", "imageId": "i"}).image_id == "j"


def test_sizes_may_be_floats() -> None:
    image = Image.from_json({"id": "i", "width": 832.0, "height": 1200})
    assert (image.width, image.height) == (832, 1200)


def test_no_record_shows_links_or_callers_data_when_printed() -> None:
    secret = {"x": "https://x/?sig=1"}
    state = {"t": {"status": "failed", "output": secret}}
    fields = {"id": "i", "status": "failed", "metadata": secret, "input": secret, "state": state}
    records = [
        Image.from_json({"id": "i", "url": "https://x/?sig=1"}),
        Pipeline.from_json({**fields, "output": secret}),
        PipelinePreview.from_json(fields),
        Workflow.from_json({"id": "i", "data": secret}),
    ]
    assert "sig" not in repr(records)


@pytest.mark.parametrize(
    ("word", "phase"),
    [
        ("pending", PipelinePhase.PENDING),
        ("completed", PipelinePhase.COMPLETED),
        ("finished", PipelinePhase.COMPLETED),
        ("failed", PipelinePhase.FAILED),
        ("error", PipelinePhase.FAILED),
        ("cancelled", PipelinePhase.FAILED),
        ("canceled", PipelinePhase.FAILED),
        ("expired", PipelinePhase.FAILED),
        ("in_progress", PipelinePhase.OTHER),
        ("COMPLETED", PipelinePhase.COMPLETED),
    ],
)
def test_status_words_have_a_meaning(word: Any, phase: Any) -> None:
    assert PipelinePhase.of(word) is phase
    assert phase.has_ended is (phase in {PipelinePhase.COMPLETED, PipelinePhase.FAILED})


@pytest.mark.parametrize(
    ("value", "amount"),
    [
        ("0.04375", Decimal("0.04375")),
        ("-3", Decimal(-3)),
        (" 1 ", Decimal(1)),
        (0.1, Decimal("0.1")),
        (7, Decimal(7)),
        ({"balance": "2.50"}, Decimal("2.50")),
        ({"amount": 3}, Decimal(3)),
        ({}, None),
        ("a lot", None),
        ("NaN", None),
        ("Infinity", None),
        ("0." + "1" * 60, Decimal("0." + "1" * 60)),
        ("1." + "0" * 63, None),
        ("1E+3000000", None),
        (True, None),
        (None, None),
        ([], None),
    ],
)
def test_credits_are_decimals_from_text_number_or_object(value: Any, amount: Any) -> None:
    assert credits_of(value) == amount


@pytest.mark.parametrize("value", [float("nan"), float("inf"), True, "5", None, [], {}])
def test_an_odd_size_is_no_size(value: Any) -> None:
    assert whole_number({"width": value}, "width") is None


@pytest.mark.parametrize("value", ["yesterday", 5, None, "", "0001-01-01T00:00:00+14:00"])
def test_an_odd_time_is_no_time(value: Any) -> None:
    assert moment({"at": value}, "at") is None


def test_a_time_without_offset_is_utc() -> None:
    assert moment({"at": "2026-03-01T10:00:00"}, "at") == datetime(2026, 3, 1, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    ("permissions", "names"),
    [(["a", 1, "b"], ("a", "b")), ({"a": True}, ("a",)), (None, ()), ("*", ())],
)
def test_permissions_may_be_a_list_or_an_object(permissions: Any, names: Any) -> None:
    assert Account.from_json({"id": "x", "permissions": permissions}).permissions == names


@pytest.mark.parametrize(
    ("info", "cursor"),
    [
        ({}, None),
        ({"nextCursor": None}, None),
        ({"nextCursor": ""}, None),
        (None, None),
        ({"nextCursor": "n"}, "n"),
    ],
)
def test_no_cursor_in_any_form_is_the_last_page(info: Any, cursor: Any) -> None:
    assert PipelinePage.from_json({"data": [], "pageInfo": info}).next_cursor == cursor


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=8,
)
documents = st.dictionaries(
    st.sampled_from([*PIPELINE, "width", "url", "balance", "permissions", "data", "pageInfo"]),
    json_values,
)


@unhurried
@given(json_values | documents)
def test_reading_anything_gives_a_value_or_a_shape_error(document: Any) -> None:
    for model in (Image, Pipeline, PipelinePreview, PipelinePage, Account, Workflow, Pose):
        with contextlib.suppress(ShapeError):
            model.from_json(document)


@pytest.mark.parametrize(
    "text",
    ["", "x" * 201, "a b", "a\nb", "\x1b[2J", "a\x9b", "a\u202eb", "a\u2028b", 7, None, ["a"]],
)
def test_what_would_not_fit_a_record_or_a_line_is_no_id(text: Any) -> None:
    for read in (Image.from_json, Pipeline.from_json, PipelinePreview.from_json):
        with pytest.raises(ShapeError, match="id: expected an id"):
            read({"id": text, "status": "pending"})


@pytest.mark.parametrize("text", ["x" * 200, "a/../b", "ä:1?#%2F"])
def test_ids_are_opaque_otherwise(text: str) -> None:
    assert Image.from_json({"id": text}).image_id == text
