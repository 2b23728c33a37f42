"""Templates, columns and patches: what becomes of a row."""

from typing import Any

import pytest

from tests.builders import INPUT_BUCKETS, OUTPUT_BUCKETS
from worker.batches.matrix import matrix_rows, matrix_size
from worker.batches.rows import RowMaker, RowRequest
from worker.batches.source_row import SourceRow
from worker.batches.template import RowError
from worker.contracts.request import Request, parse_request
from worker.errors import ManifestError

TEMPLATE: dict[str, Any] = {
    "workflow": "full-naomi",
    "input": {
        "imageId": "s3://catalog/raw/{sku}.png",
        "poseImageId": "s3://catalog/poses/standing.png",
        "aspectRatio": "7:10",
        "prompt": "a {colour} jacket",
        "seed": "{seed}",
    },
    "output": "s3://shop/{season}/{sku}/",
    "metadata": {"sku": "{sku}", "note": "{note}"},
}
VALUES: dict[str, Any] = {
    "sku": "1042",
    "season": "spring",
    "colour": "white",
    "seed": "7",
    "note": "",
}


def check(body: str) -> Request:
    return parse_request(body, input_buckets=INPUT_BUCKETS, output_buckets=OUTPUT_BUCKETS)


def maker(template: dict[str, Any] | None = None, **more: Any) -> RowMaker:
    return RowMaker(batch_id="spring-24", template=template or TEMPLATE, **more)


def row(values: dict[str, Any] | None = None, **patch: Any) -> SourceRow:
    return SourceRow(row=17, line=18, values=values or {}, patch=patch)


def made(source: SourceRow, **more: Any) -> RowRequest:
    return maker(None, **more).request_of(source, check)


def test_a_row_of_a_spreadsheet_fills_the_template() -> None:
    document = maker().document_of(row(VALUES))
    assert document == {
        "requestId": "spring-24.17",
        "workflow": "full-naomi",
        "input": {
            "imageId": "s3://catalog/raw/1042.png",
            "poseImageId": "s3://catalog/poses/standing.png",
            "aspectRatio": "7:10",
            "prompt": "a white jacket",
            "seed": 7,
        },
        "output": "s3://shop/spring/1042/",
        "metadata": {"sku": "1042"},
        "origin": {"batch": {"id": "spring-24", "row": 17}},
    }
    assert made(row(VALUES)).problem is None
    assert made(row(VALUES)).pipelines == 1


def test_columns_that_name_a_field_set_it_and_empty_ones_do_not() -> None:
    columns = {
        **VALUES,
        "input.prompt": "a man",
        "input.isHuman": "FALSE",
        "input.label": "",
        "metadata.season": "spring",
        "output": "s3://shop/x/",
    }
    document = maker().document_of(row(columns))
    assert document["input"]["prompt"] == "a man"
    assert document["input"]["isHuman"] is False
    assert "label" not in document["input"]
    assert document["metadata"] == {"sku": "1042", "season": "spring"}
    assert document["output"] == "s3://shop/x/"


def test_text_that_is_no_number_is_left_for_the_checks_to_name() -> None:
    problem = made(row({**VALUES, "seed": "7.5"})).problem
    assert problem == 'input.seed: "7.5": must be a whole number (for example 42)'


def test_a_json_row_is_laid_over_the_template_and_fills_its_names() -> None:
    more = {"seed": 7, "input": {"prompt": "a man"}, "metadata": {"note": None, "a": 1}}
    source = row(**{**VALUES, **more})
    document = maker().document_of(source)
    assert document["input"]["prompt"] == "a man"
    assert document["input"]["seed"] == 7
    assert document["metadata"] == {"sku": "1042", "a": 1}
    assert document["output"] == "s3://shop/spring/1042/"


def test_a_key_of_a_json_row_that_nobody_asks_for_is_told() -> None:
    problem = made(row(**VALUES, colur="red")).problem
    assert problem is not None
    assert 'colur: "red": is not a field of a request' in problem


@pytest.mark.parametrize("name", ["requestId", "origin"])
def test_a_row_cannot_say_who_it_is(name: str) -> None:
    with pytest.raises(RowError, match="rows have it from their batch"):
        maker().document_of(row(**{**VALUES, name: "mine"}))
    with pytest.raises(ManifestError, match="what a batch gives its rows"):
        maker().check_columns([*VALUES, name])


def test_an_empty_value_inside_a_text_is_no_request() -> None:
    problem = made(row({**VALUES, "colour": ""})).problem
    assert problem == "input.prompt needs {colour}, which is empty"


def test_braces_and_own_names_and_names_left_for_later() -> None:
    template = {
        "output": "s3://shop/{batchId}/{row}/",
        "input": {"prompt": "{{sku}} {{"},
        "outputOptions": {"key": "{sku}/{requestId}-{n}.{ext}"},
    }
    document = maker(template).document_of(row({"sku": "1042", "n": "7"}))
    braces = maker(template).document_of(row({"sku": "{n}"}))
    assert braces["outputOptions"]["key"] == "{{n}}/{requestId}-{n}.{ext}"
    assert document["output"] == "s3://shop/spring-24/17/"
    assert document["input"]["prompt"] == "{sku} {"
    assert document["outputOptions"]["key"] == "1042/{requestId}-{n}.{ext}"


def test_a_column_may_be_called_as_people_call_columns() -> None:
    template = {
        "input": {"label": "{Größe (EU)}", "seed": "{1}"},
        "output": "s3://shop/{Farb-Nr.}/",
    }
    columns: dict[str, Any] = {"Größe (EU)": "L", "1": "7", "Farb-Nr.": "4.2"}
    one = maker(template)
    one.check_columns(columns)
    document = one.document_of(row(columns))
    assert document["input"] == {"label": "L", "seed": "7"}
    assert document["output"] == "s3://shop/4.2/"
    columns["Gro\u0308ße (EU)"] = columns.pop("Größe (EU)")
    assert one.document_of(row(**columns))["input"]["label"] == "L"


def test_a_json_row_may_name_what_only_the_keys_of_pictures_use() -> None:
    template = {"outputOptions": {"key": "{colour}/{requestId}-{n}.{ext}"}}
    document = maker(template).document_of(row(colour="blue", n=7))
    assert document["outputOptions"]["key"] == "blue/{requestId}-{n}.{ext}"
    assert "colour" not in document
    assert document["n"] == 7, "no name of a row: the checks of a request tell it"


def test_a_name_without_a_value_says_which_there_are() -> None:
    problem = made(row(**{**VALUES, "colour": None, "color": "white"})).problem
    assert problem == "input.prompt needs {colour}, which is empty"
    values = {name: value for name, value in VALUES.items() if name != "colour"}
    problem = made(row({**values, "color": "white"})).problem
    said = 'input.prompt needs the name {colour}, which nothing gives (did you mean "color"?)'
    assert problem == said


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (["sku", "season", "colour", "note"], r"asks for \{seed\}, which no column is called"),
        (["sku", "seson", "colour", "seed", "note"], 'did you mean "seson"'),
        ([*VALUES, "input"], "would be a whole object"),
        ([*VALUES, "inputs.prompt"], 'did you mean "input"'),
        ([*VALUES, "input."], "names no field behind its dot"),
    ],
)
def test_columns_that_fit_no_row_are_refused_before_any_is_sent(
    columns: list[str], said: str
) -> None:
    with pytest.raises(ManifestError, match=said):
        maker().check_columns(columns)


def test_columns_that_nobody_asks_for_are_no_trouble() -> None:
    maker().check_columns([*VALUES, "price", "Art. No.", "input.label"])


def test_a_bad_row_says_why_in_the_words_of_a_request() -> None:
    problem = made(row({**VALUES, "sku": "../1042"})).problem
    assert problem is not None
    assert "input.imageId" in problem
    assert "output" in problem


def test_a_row_expires_with_its_batch_unless_it_says_otherwise() -> None:
    expires_at = "2030-01-31T12:00:00.000Z"
    assert maker(expires_at=expires_at).document_of(row(VALUES))["expiresAt"] == expires_at
    own = row({**VALUES, "expiresAt": "2029-01-01T00:00:00Z"})
    assert maker(expires_at=expires_at).document_of(own)["expiresAt"] == "2029-01-01T00:00:00Z"


def test_a_matrix_goes_through_all_its_members_and_can_begin_anywhere() -> None:
    matrix: dict[str, list[Any]] = {
        "imageId": ["s3://catalog/a.png", "s3://catalog/b.png"],
        "seed": [1, 2, 3],
    }
    assert matrix_size(matrix) == 6
    rows = list(matrix_rows(matrix))
    assert [(one.row, one.values["imageId"][-5], one.values["seed"]) for one in rows] == [
        (1, "a", 1),
        (2, "a", 2),
        (3, "a", 3),
        (4, "b", 1),
        (5, "b", 2),
        (6, "b", 3),
    ]
    assert list(matrix_rows(matrix, after=4)) == rows[4:]


def test_a_list_of_a_matrix_sets_an_input_and_fills_a_name() -> None:
    template = {
        **TEMPLATE,
        "input": {**TEMPLATE["input"], "prompt": "a jacket", "imageId": None, "seed": None},
        "output": "s3://shop/{seed}/",
        "metadata": {},
    }
    values = {"imageId": "s3://catalog/a.png", "seed": 3, "metadata.pose": "standing"}
    found = maker(template, is_matrix=True).document_of(row(values))
    assert found["input"]["imageId"] == "s3://catalog/a.png"
    assert found["input"]["seed"] == 3
    assert found["output"] == "s3://shop/3/"
    assert found["metadata"] == {"pose": "standing"}


def test_a_workflow_that_is_no_text_is_told_and_does_not_end_the_visit() -> None:
    template = {**TEMPLATE, "workflow": ["full-naomi"]}
    found = maker(template).request_of(row(VALUES), check)
    assert "workflow: a list of 1: must be text" in str(found.problem)


def test_values_that_would_fill_the_memory_are_refused_before_they_are_filled_in() -> None:
    template = {**TEMPLATE, "metadata": {"note": "{note}" * 40_000}}
    found = maker(template).request_of(row({**VALUES, "note": "x" * 100_000}), check)
    assert "would fill 4,000,0" in str(found.problem)
    template = {**TEMPLATE, "metadata": {"note": "{note}" * 40}}
    assert made(row({**VALUES, "note": "x" * 100_000})).problem != found.problem


def test_a_list_member_that_stands_in_two_places_is_set_in_one_and_left_in_the_other() -> None:
    template = {**TEMPLATE, "input": "{all}", "metadata": {"all": "{all}", "sku": "{sku}"}}
    matrix: dict[str, list[Any]] = {"all": [{"prompt": "a"}], "sku": ["1042"], "season": ["spring"]}
    (source,) = matrix_rows(matrix)
    document = maker(template, is_matrix=True).document_of(source)
    assert document["metadata"]["all"] == {"prompt": "a"}
    assert document["input"]["sku"] == "1042"
    assert matrix["all"] == [{"prompt": "a"}]


def test_a_negative_number_is_told_to_be_too_small_and_not_to_be_no_number() -> None:
    problem = made(row({**VALUES, "input.seed": "-3"})).problem
    assert problem is not None
    assert "whole number" not in problem
    assert "-3" in problem
