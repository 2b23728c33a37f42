from __future__ import annotations

from typing import Any

import pytest

from worker.contracts.messages import MessageKind, kind_of

S3 = {"eventSource": "aws:s3"}


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        ({"requestId": "r", "workflow": "naomi"}, "request"),
        ({"requestId": "r", "preset": "studio"}, "request"),
        ({"requestId": "r", "Records": [S3], "batchId": "b"}, "request"),
        ({}, "request"),
        ({"Records": []}, "request"),
        ({"Records": "text"}, "request"),
        ({"Records": [{"eventSource": "aws:sqs"}]}, "request"),
        ({"Records": [S3, 7]}, "request"),
        ({"source": "aws.s3"}, "request"),
        ({"Records": [S3]}, "s3_event"),
        ({"Records": [S3, {"eventSource": "minio:s3"}]}, "s3_event"),
        ({"Event": "s3:TestEvent", "Bucket": "b"}, "s3_event"),
        ({"source": "aws.s3", "detail-type": "Object Created", "detail": {}}, "s3_event"),
        ({"batchId": "b", "manifest": "s3://catalog/m.csv"}, "batch"),
        ({"batchId": None}, "batch"),
    ],
)
def test_kind_of_a_message_shows_in_its_form(document: dict[str, Any], kind: str) -> None:
    assert kind_of(document) is MessageKind(kind)
