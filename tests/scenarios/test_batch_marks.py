"""A dropped list of which nothing came says why, beside where its results would have been."""

import json
from typing import Any

import pytest

from tests.scenarios.drops import put, service_with
from tests.scenarios.harness import Service
from worker.contracts.s3_uri import S3Uri

ERROR = S3Uri("shop", "lists/wrong.error.json")
GOOD = b"sku,input.imageId\n1042,s3://catalog/raw/jacket.png\n"
LISTS = """
  - name: lists
    bucket: catalog
    match: "batches/{name}.csv"
    manifest: true
    preset: studio
    output: "s3://shop/lists/{sku}/"
"""


def dropped(data: bytes, service: Service | None = None, *, rules: str = LISTS) -> Service:
    service = service or service_with(rules)
    service.send(put(service, "batches/wrong.csv", data))
    service.run()
    return service


def document(service: Service) -> dict[str, Any]:
    stored = service.world.objects.stored(ERROR)
    assert stored is not None
    said: dict[str, Any] = json.loads(stored.data)
    return said


@pytest.mark.parametrize(
    ("data", "reason"), [(b"skuu\n1\n", "sku"), (b"sku,input.imageId\n", "row"), (b"\xff\xfe", "")]
)
def test_a_list_that_cannot_be_used_says_why(data: bytes, reason: str) -> None:
    said = document(dropped(data))

    assert said["whatHappened"] == "The list cannot be read."
    assert said["whatToDo"] == "Correct it and put it into the folder again."
    assert said["photo"].startswith("s3://catalog/batches/wrong.csv")
    assert said["rule"] == "lists"
    assert reason in said["details"][0]


def test_a_list_without_one_good_row_names_its_first_rows_and_the_list_of_results() -> None:
    rows = b"".join(b"%d,s3://elsewhere/a.png\n" % number for number in range(8))
    said = document(dropped(b"sku,input.imageId\n" + rows))

    assert said["code"] == "drop.no_row"
    assert [text.partition(":")[0] for text in said["details"]] == [
        *(f"line {number}" for number in range(2, 7)),
        "all rows",
    ]
    assert said["details"][-1].endswith(".results.jsonl")


def test_a_list_that_is_corrected_takes_it_away() -> None:
    service = dropped(b"skuu\n1\n")
    dropped(GOOD, service)

    assert service.world.objects.head(ERROR) is None


def test_a_list_with_one_good_row_leaves_none() -> None:
    service = dropped(GOOD + b"1043,nothing\n")

    assert service.world.objects.head(ERROR) is None


def test_a_rule_without_errors_leaves_none() -> None:
    service = dropped(b"skuu\n1\n", rules=LISTS + "    errors: false\n")

    assert service.world.objects.head(ERROR) is None


def test_a_list_that_is_no_batch_at_all_says_why_too() -> None:
    service = service_with(LISTS)
    body = {
        "batchId": "wrong",
        "manifest": "s3://catalog/batches/wrong.csv",
        "request": {"output": "s3://shop/{", "workflow": "full-naomi"},
        "origin": {
            "drop": {
                "source": "s3://catalog/batches/wrong.csv",
                "rule": "lists",
                "error": str(ERROR),
            }
        },
    }
    service.send(json.dumps(body))
    service.run()

    assert document(service)["code"] == "request.invalid"


def test_nobody_has_it_written_into_a_bucket_that_is_not_listed() -> None:
    service = service_with(LISTS)
    service.send(put(service, "batches/other.csv", b"skuu\n"))
    body = {
        "batchId": "other",
        "manifest": "s3://catalog/batches/other.csv",
        "request": {"output": "s3://shop/lists/", "workflow": "full-naomi"},
        "origin": {
            "drop": {
                "source": "s3://catalog/batches/other.csv",
                "rule": "lists",
                "error": "s3://elsewhere/other.error.json",
            }
        },
    }
    service.send(json.dumps(body))
    service.run()

    assert service.world.batches.load("other") is None
    assert service.world.objects.head(S3Uri("elsewhere", "other.error.json")) is None
