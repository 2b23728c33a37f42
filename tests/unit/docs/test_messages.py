"""The messages in the docs are messages that the worker takes or writes."""

import io
import json

import pytest

from tests.unit.docs.pages import blocks, marked, read
from worker.batches.manifest import read_manifest
from worker.batches.rows import RowMaker
from worker.contracts.batch import parse_batch
from worker.contracts.batch_event import BatchEvent
from worker.contracts.poll import PollMessage, parse_poll
from worker.contracts.request import parse_request
from worker.contracts.result import ResultEvent, message_attributes
from worker.errors import InvalidRequestError

BUCKETS = frozenset({"catalog", "drafts"})
SEND = "docs/how-to/send-a-request.md"
BATCH = "docs/how-to/send-a-batch.md"


def requests_in(page: str) -> list[dict]:
    documents = [json.loads(block) for block in blocks(read(page), "json")]
    return [document for document in documents if "workflow" in document]


def good_requests() -> list:
    refused = json.loads(blocks(marked(read(SEND), "refused") + "\n", "json")[0])
    return [
        pytest.param(request, id=f"{page}:{request['requestId']}")
        for page in ("README.md", SEND)
        for request in requests_in(page)
        if request != refused
    ]


@pytest.mark.parametrize("request_", good_requests())
def test_an_example_request_is_accepted(request_) -> None:
    parsed = parse_request(json.dumps(request_), input_buckets=BUCKETS, output_buckets=BUCKETS)

    assert parsed.request_id == request_["requestId"]


def test_all_named_workflows_have_an_example() -> None:
    shown = {request.values[0]["workflow"] for request in good_requests()}

    assert shown == {"full-naomi", "naomi", "prepare-image", "prepare-pose"}


def test_the_refused_example_is_refused_with_the_words_that_are_shown() -> None:
    part = marked(read(SEND), "refused") + "\n"
    (body,), (answer,) = blocks(part, "json"), blocks(part, "")

    with pytest.raises(InvalidRequestError) as raised:
        parse_request(body, input_buckets=BUCKETS, output_buckets=BUCKETS)

    assert [str(problem) for problem in raised.value.problems] == answer.splitlines()


def test_the_event_of_the_readme_answers_its_request() -> None:
    request, event = (json.loads(block) for block in blocks(read("README.md"), "json"))

    parsed = ResultEvent.loads(json.dumps(event))

    assert json.loads(parsed.dumps()) == event
    assert parsed.data.request_id == request["requestId"]
    assert parsed.data.metadata == request["metadata"]
    assert parsed.data.outputs[0].uri == f"{request['output']}{request['requestId']}.png"
    assert len(parsed.id) == 40


def test_the_poll_message_is_one() -> None:
    (body,) = blocks(read("docs/explanation/why-it-waits-for-free.md"), "json")

    assert parse_poll(body) == PollMessage(request_id="sku-1042-front", ticket=1)


def test_an_event_with_seven_metadata_texts_has_the_eleven_attributes_that_the_page_warns_of() -> (
    None
):
    event = json.loads(blocks(read("README.md"), "json")[1])
    event["data"]["metadata"] = {f"key{number}": "text" for number in range(9)}

    attributes = message_attributes(ResultEvent.loads(json.dumps(event)))

    assert len(attributes) == 11
    assert "up to seven of yours: eleven" in read("docs/how-to/read-the-result.md")


def test_the_batches_of_the_docs_are_batches_and_their_rows_requests() -> None:
    page = read(BATCH)
    buckets = {
        "input_buckets": frozenset({"catalog"}),
        "output_buckets": frozenset({"shop"}),
    }
    template, *messages, event = (json.loads(block) for block in blocks(page, "json"))
    assert [parse_batch(json.dumps(one), **buckets).batch_id for one in messages] == [
        "spring-24",
        "poses-24",
    ]
    assert json.loads(BatchEvent.loads(json.dumps(event)).dumps()) == event

    (table,) = blocks(page, "text")
    maker = RowMaker(batch_id="spring-24", template=template)
    data = table.encode()
    manifest = read_manifest(io.BytesIO(data), "spring.csv", size_bytes=len(data))
    maker.check_columns(manifest.columns or ())
    rows = [
        maker.request_of(row, lambda body: parse_request(body, **buckets)) for row in manifest.rows
    ]
    assert [row.problem for row in rows] == [None, None]
