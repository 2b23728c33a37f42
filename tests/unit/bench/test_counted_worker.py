"""The counter of AWS requests, without a process."""

import json
from typing import Any

from bench.counted_worker import CallCounter


def test_requests_are_counted_by_service_and_operation_and_never_answered(tmp_path):
    counter = CallCounter(tmp_path / "counts.json")
    handler: Any = counter
    for name in ("sqs.ReceiveMessage", "s3.GetObject", "sqs.ReceiveMessage"):
        # The SDK takes anything else for the answer, and sends nothing.
        assert handler(event_name=f"before-send.{name}", request=object()) is None
    counter.write()
    assert json.loads((tmp_path / "counts.json").read_text()) == {
        "number": 1,
        "calls": {"sqs.ReceiveMessage": 2, "s3.GetObject": 1},
    }


def test_each_writing_has_the_next_number_and_leaves_nothing_else_behind(tmp_path):
    counter = CallCounter(tmp_path / "counts.json")
    counter.write()
    counter(event_name="before-send.sns.Publish")
    counter.write()
    document = json.loads((tmp_path / "counts.json").read_text())
    assert document == {"number": 2, "calls": {"sns.Publish": 1}}
    assert [path.name for path in tmp_path.iterdir()] == ["counts.json"]
