"""`submit`: everything is checked before anything is sent, and the same again is the same job."""

import json
import os
import re
import struct
import zlib
from datetime import timedelta

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner

from tests.builders import FULL_NAOMI_INPUT, body, message
from tests.unit.cli.conftest import ENVIRONMENT
from worker.adapters.memory import MemoryJobStore, MemoryObjectStore, MemoryQueue
from worker.adapters.memory.pictures import draw_png
from worker.contracts.s3_uri import S3Uri
from worker.errors import CredentialsRefusedError, UnavailableError
from worker.jobs.object_marks import is_ours
from worker.runtime.cli import app
from worker.runtime.commands.live import Show

POSE = "s3://catalog/poses/standing.png"
FLAGS = ("--pose", POSE, "--aspect-ratio", "7:10", "--prompt", "a woman in a white jacket")


def _claiming(width_px: int, height_px: int) -> bytes:
    """A PNG whose header claims that size."""
    data = bytearray(draw_png("claim"))
    struct.pack_into(">II", data, 16, width_px, height_px)
    struct.pack_into(">I", data, 29, zlib.crc32(data[12:29]))
    return bytes(data)


def sent(service) -> list[dict]:
    return [json.loads(one.body) for one in service.world.requests.sent]


def test_flags_become_a_request_and_the_photo_goes_to_the_input_bucket(
    invoke, service, photo
) -> None:
    done = invoke(
        *("submit", "--image", photo, *FLAGS, "--label", "a white jacket", "--seed", 7),
        *("--no-is-human", "--enhance-prompt", "--metadata", "sku=1042", "--metadata", "n=a=b"),
    )

    assert done.exit_code == 0, done.output
    (request,) = sent(service)
    key = request["input"]["imageId"].removeprefix("s3://catalog/")
    assert re.fullmatch(r"uploads/[0-9a-f]{16}/my-jacket\.png", key)
    stored = service.world.objects.stored(S3Uri("catalog", key))
    assert stored.data == photo.read_bytes()
    assert stored.content_type == "image/png"
    request_id = request.pop("requestId")
    assert re.fullmatch("my-jacket-[0-9a-f]{8}", request_id)
    assert done.stdout == f"{request_id}\n"
    del request["input"]["imageId"]
    assert request == {
        "workflow": "full-naomi",
        "input": {
            "poseImageId": POSE,
            "aspectRatio": "7:10",
            "prompt": "a woman in a white jacket",
            "label": "a white jacket",
            "isHuman": False,
            "enhancePrompt": True,
            "seed": 7,
        },
        "metadata": {"sku": "1042", "n": "a=b"},
        "output": "s3://shop/generated/",
    }


def test_the_same_submit_twice_is_the_same_request_and_one_upload(invoke, service, photo) -> None:
    first = invoke("submit", "--image", photo, *FLAGS)
    second = invoke("submit", "--image", photo, *FLAGS)

    assert first.stdout == second.stdout
    assert sent(service)[0] == sent(service)[1]
    assert len(service.world.objects.puts) == 1
    assert "1 photo already in s3://catalog/uploads/." in second.stderr
    assert "Uploaded" not in second.stderr
    assert "The same request again is the same job" in second.stderr
    assert "the same id with other content is refused" in second.stderr
    assert max(len(line) for line in second.stderr.splitlines()) <= 80


def test_an_uploaded_photo_is_no_drop_where_it_was_put(invoke, service, photo) -> None:
    invoke("submit", "--image", photo, *FLAGS)
    (place,) = service.world.objects.puts
    found = service.world.objects.head(place)
    assert is_ours(found.metadata, place)
    assert not is_ours(found.metadata, S3Uri("catalog", "inbox/my-jacket.png"))


def test_another_seed_is_another_job(invoke, service, photo) -> None:
    ids = {invoke("submit", "--image", photo, *FLAGS, "--seed", n).stdout for n in (1, 2)}

    assert len(ids) == 2


def test_naomi_takes_the_pose_as_pose_id(invoke, service, photo) -> None:
    done = invoke("submit", "--workflow", "naomi", "--image", photo, *FLAGS)

    assert done.exit_code == 0, done.output
    assert sent(service)[0]["input"]["poseId"] == POSE


def test_an_option_that_the_workflow_does_not_take_names_those_that_it_takes(invoke) -> None:
    done = invoke("submit", "--workflow", "prepare-pose", *FLAGS)

    assert done.exit_code == 2
    assert "this workflow does not take it" in done.stderr
    assert "it takes --pose, --aspect-ratio" in done.stderr


def test_a_rule_about_two_fields_names_their_options(invoke, photo) -> None:
    words = ("--workflow", "naomi", "--image", photo, "--pose", POSE, "--prompt", "a label")

    done = invoke("submit", *words)

    assert "--aspect-ratio (input.aspectRatio)" in done.stderr
    assert "is required when --pose is an s3:// URI" in done.stderr


def test_ids_of_hautech_are_passed_on(invoke, service) -> None:
    words = ("--workflow", "naomi", "--pose-id", "pose-1", "--image-id", "image-1")

    done = invoke("submit", *words, "--prompt", "a man")

    assert done.exit_code == 0, done.output
    assert sent(service)[0]["input"] == {
        "poseId": "pose-1",
        "imageId": "image-1",
        "prompt": "a man",
    }
    assert sent(service)[0]["requestId"].startswith("naomi-")


def test_expires_in_counts_from_now(invoke, service, services, photo) -> None:
    done = invoke("submit", "--image", photo, *FLAGS, "--expires-in", "90m")

    assert sent(service)[0]["expiresAt"] == "2030-01-02T04:34:05.000Z"
    assert services.clock.now() + timedelta(minutes=90) == services.clock.advance(5400)
    assert "another job" in done.stderr


def test_all_problems_are_told_under_the_names_of_the_flags_and_nothing_is_sent(
    invoke, service, tmp_path
) -> None:
    text = tmp_path / "notes.png"
    text.write_text("no picture")

    done = invoke(
        *("submit", "--image", text, "--pose", "gone.png", "--aspect-ratio", "7:11", "--seed", -1),
        *("--output", "s3://elsewhere/x/"),
    )

    assert done.exit_code == 2
    told = " ".join(done.stderr.split())
    for words in ("--image", "--pose", "--aspect-ratio", "--prompt", "--seed", "--output"):
        assert words in told
    assert "No such file" in told
    assert "6 problems; nothing was uploaded or sent." in told
    assert sent(service) == []
    assert service.world.objects.puts == []


def test_problems_are_json_for_scripts(invoke) -> None:
    done = invoke("submit", "--image", "s3://catalog/a.png", "--json")

    problems = json.loads(done.stdout)["problems"]
    assert {"input.poseImageId", "input.aspectRatio", "input.prompt"} == {
        problem["field"] for problem in problems
    }


@pytest.mark.parametrize("form", ["object", "array", "lines"])
def test_a_file_may_hold_one_request_an_array_or_lines(invoke, service, tmp_path, form) -> None:
    documents = [message(requestId=f"sku-{n}") for n in range(1 if form == "object" else 25)]
    text = {
        "object": json.dumps(documents[0], indent=2),
        "array": json.dumps(documents),
        "lines": "\n\n".join(json.dumps(one) for one in documents),
    }[form]
    path = tmp_path / "requests.json"
    path.write_text(text)

    done = invoke("submit", path)

    assert done.exit_code == 0, done.output
    assert sorted(sent(service), key=str) == sorted(documents, key=str)
    assert done.stdout.split() == [one["requestId"] for one in documents]


def test_local_paths_in_a_file_are_relative_to_the_file(invoke, service, tmp_path, photo) -> None:
    document = message("prepare-image", input={"imageId": f"./{photo.name}"}, requestId=None)
    (tmp_path / "request.json").write_text(json.dumps(document))

    done = invoke("submit", tmp_path / "request.json")

    assert done.exit_code == 0, done.output
    assert sent(service)[0]["input"]["imageId"].endswith("/my-jacket.png")


def test_lists_of_ids_may_hold_local_paths(invoke, service, photo) -> None:
    workflow = "0f8fad5b-d9cb-469f-a165-70867728950e"
    document = message(workflow, input={"deep": [{"imageIds": [str(photo), "id-2"]}]})

    done = invoke("submit", "-", stdin=json.dumps(document))

    assert done.exit_code == 0, done.output
    uploaded, other = sent(service)[0]["input"]["deep"][0]["imageIds"]
    assert uploaded.startswith("s3://catalog/uploads/")
    assert other == "id-2"


def test_one_bad_request_of_a_file_holds_back_all_and_is_named(invoke, service) -> None:
    lines = [json.dumps(message(requestId="good")), json.dumps(message(requestId="bad id"))]

    done = invoke("submit", "-", stdin="\n".join(lines))

    assert done.exit_code == 2
    assert "line 2: requestId" in done.stderr
    assert sent(service) == []


def test_an_id_that_stands_for_two_requests_is_a_problem(invoke, service) -> None:
    other = message(input={**FULL_NAOMI_INPUT, "seed": 43})

    done = invoke("submit", "-", stdin=json.dumps([message(), message(), other]))

    assert done.exit_code == 2
    assert "request 3: requestId" in done.stderr
    assert "request 2" not in done.stderr
    assert sent(service) == []


def test_a_repeated_request_is_sent_once(invoke, service) -> None:
    done = invoke("submit", "-", stdin=json.dumps([message(), message()]))

    assert len(sent(service)) == 1
    assert "1 repetition" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is nothing in it"),
        ("{", "not JSON"),
        ('{"a": 1}\n{"b": }', "line 2, column 7"),
        ("[]", "it holds no request"),
        ("[1]", "request 1 is not a JSON object"),
        ('{"seed": 1, "seed": 2}', 'the key "seed" stands 2 times'),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_text_that_holds_no_request_is_answered_with_the_place(invoke, text, said) -> None:
    done = invoke("submit", "-", stdin=text)

    assert done.exit_code == 2
    assert f"stdin: {said}" in done.stderr or said in done.stderr


def test_a_missing_file_is_named(invoke, tmp_path) -> None:
    done = invoke("submit", tmp_path / "none.json")

    assert done.exit_code == 2
    assert "none.json: No such file" in done.stderr


@pytest.mark.parametrize("name", ["jacket", "."])
@pytest.mark.parametrize("option", ["--image", "--pose"])
def test_a_photo_that_is_no_file_is_not_taken_for_an_id(invoke, service, option, name) -> None:
    done = invoke("submit", option, name, "--aspect-ratio", "7:10", "--prompt", "x")

    said = " ".join(done.stderr.replace("│", " ").split())
    assert done.exit_code == 2
    assert f'{option}: "{name}" is no file here; an id of Hautech goes with {option}-id' in said
    assert sent(service) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("r.json", "--prompt", "x", "--seed", "1"), "--prompt, --seed: with a file"),
        (("--image", "a.png", "--image-id", "b"), "give one of them"),
        (("--image", "a.png", "--expires-in", "soon"), "such as 30m or 1h"),
        (("--image", "a.png", "--metadata", "sku"), "NAME=VALUE"),
        (("--image", "a.png", "--metadata", "a=1", "--metadata", "a=2"), "given twice"),
    ],
)
def test_options_that_do_not_go_together_are_usage_errors(invoke, words, said) -> None:
    done = invoke("submit", *words)

    assert done.exit_code == 2
    assert said in " ".join(done.stderr.replace("│", " ").split())


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (None, "the worker takes 104,857,600: save it smaller"),
        (
            b"no picture",
            "is not a JPEG, PNG, WebP, HEIC, AVIF, TIFF or GIF picture: save it as one",
        ),
        (draw_png("cut")[:20], "save it as one (damaged header: it ends early)"),
        (_claiming(20_000, 10_001), "has 20000×10001 pixels, the worker takes 200,000,000 in all"),
    ],
    ids=["heavy", "text", "cut", "wide"],
)
def test_a_photo_that_the_worker_would_refuse_is_refused_here(
    invoke, service, tmp_path, data, rule
) -> None:
    path = tmp_path / "photo.png"
    path.write_bytes(data or draw_png("big"))
    if data is None:
        os.truncate(path, 104_857_601)

    done = invoke("submit", "--image", path, *FLAGS, "--json")

    assert done.exit_code == 2
    (problem,) = json.loads(done.stdout)["problems"]
    assert problem["field"] == "input.imageId"
    assert rule in problem["rule"]
    assert sent(service) == []


def test_a_photo_that_cannot_be_uploaded_stops_the_submit(invoke, service, photo) -> None:
    service.world.objects.forbidden.add("catalog")

    done = invoke("submit", "--image", photo, *FLAGS)

    assert done.exit_code == 1
    assert "Nothing was submitted." in done.stderr
    assert sent(service) == []


def test_a_photo_that_changes_meanwhile_is_not_stored_under_the_old_content(
    invoke, service, photo, monkeypatch
) -> None:
    real = MemoryObjectStore.head

    def head(objects, uri):
        photo.write_bytes(draw_png("another"))
        return real(objects, uri)

    monkeypatch.setattr(MemoryObjectStore, "head", head)

    done = invoke("submit", "--image", photo, *FLAGS)

    assert done.exit_code == 1
    assert "changed while it was being submitted" in done.stderr
    assert service.world.objects.puts == []


def test_requests_that_could_not_be_sent_are_named(invoke, service, monkeypatch) -> None:
    real = MemoryQueue.send

    def send(queue, body, **more):
        if '"sku-2"' in body:
            raise UnavailableError("SQS SendMessageBatch: no usable answer")
        real(queue, body, **more)

    monkeypatch.setattr(MemoryQueue, "send_batched", send)
    documents = [message(requestId=f"sku-{n}") for n in (1, 2, 3)]

    done = invoke("submit", "-", stdin=json.dumps(documents))

    assert done.exit_code == 1
    assert done.stdout.split() == ["sku-1", "sku-3"]
    assert "not sent: sku-2: SQS SendMessageBatch: no usable answer" in done.stderr
    documents = json.loads(invoke("submit", "-", "--json", stdin=json.dumps(documents)).stdout)
    assert [one["sent"] for one in documents["requests"]] == [True, False, True]


@pytest.fixture
def working(service, monkeypatch):
    """While a command waits, the worker works."""

    def work(_seconds: float) -> None:
        if not service.step():
            raise AssertionError("the command waits for something that nobody will do")

    init = Show.__init__

    def with_worker(self, **more):
        init(self, **{**more, "pause": work})

    monkeypatch.setattr(Show, "__init__", with_worker)
    with capture_logs():
        yield


@pytest.mark.usefixtures("working")
def test_wait_follows_to_the_pictures(invoke, photo) -> None:
    done = invoke("submit", "--image", photo, *FLAGS, "--request-id", "sku-9", "--wait")

    assert done.exit_code == 0, done.output
    assert "sku-9  running" in done.stdout
    assert "s3://shop/generated/sku-9.png (" in done.stdout


@pytest.mark.usefixtures("working")
def test_wait_ends_with_1_if_one_failed_and_tells_why_as_json(invoke, service) -> None:
    documents = [
        message(requestId="good"),
        message("prepare-image", requestId="bad", input={"imageId": "s3://catalog/no.png"}),
    ]

    done = invoke("submit", "-", "--wait", "--json", stdin=json.dumps(documents))

    assert done.exit_code == 1
    good, bad = json.loads(done.stdout)["requests"]
    assert (good["status"], good["error"]) == ("succeeded", None)
    assert good["outputs"][0]["uri"].endswith("good.png")
    assert (bad["status"], bad["error"]["code"]) == ("failed", "image.missing")


@pytest.mark.usefixtures("working")
def test_wait_is_not_fooled_by_another_job_with_the_same_id(invoke, service) -> None:
    service.send(json.dumps(message()))  # not taken yet, so nobody can know
    other = message(input={**FULL_NAOMI_INPUT, "seed": 43})

    done = invoke("submit", "-", "--wait", "--json", stdin=json.dumps(other))

    assert done.exit_code == 1
    (verdict,) = json.loads(done.stdout)["requests"]
    assert verdict["error"]["code"] == "request.conflict"
    assert verdict["outputs"] == []


def test_an_id_that_belongs_to_another_job_is_refused_before_sending(invoke, service) -> None:
    invoke("submit", "-", stdin=json.dumps(message()))
    service.run()

    done = invoke("submit", "-", stdin=json.dumps(message(output="s3://shop/elsewhere/")))

    assert done.exit_code == 2
    assert "sku-1042-front  belongs to a job with other content already" in done.stderr
    assert "give another requestId" in done.stderr
    assert len(sent(service)) == 1
    assert invoke("submit", "-", stdin=json.dumps(message())).exit_code == 0


def test_records_that_cannot_be_read_do_not_hold_a_request_back(
    invoke, service, monkeypatch
) -> None:
    def refuse(*_: object) -> None:
        raise CredentialsRefusedError("DynamoDB GetItem on jobs: refused")

    monkeypatch.setattr(MemoryJobStore, "load", refuse)

    done = invoke("submit", "-", stdin=json.dumps([message(requestId=f"sku-{n}") for n in (1, 2)]))

    assert done.exit_code == 0
    assert len(sent(service)) == 2


def test_wait_ends_when_the_request_is_refused_and_tells_why(
    invoke, service, services, monkeypatch
) -> None:
    init = Show.__init__

    def pause(seconds: float) -> None:
        service.step()
        services.clock.advance(seconds)

    def with_worker(self, **more):
        init(self, **{**more, "pause": pause})

    monkeypatch.setattr(Show, "__init__", with_worker)
    # An older dead letter with the same id is about another request.
    old = body(requestId="sku-1", output="s3://long-ago/")
    service.send(old)
    service.run()
    service.change_rules(output_buckets=frozenset({"elsewhere"}))

    with capture_logs():
        text = json.dumps(message(requestId="sku-1"))
        done = invoke("submit", "-", "--wait", "--json", stdin=text)

    assert done.exit_code == 1
    (verdict,) = json.loads(done.stdout)["requests"]
    assert verdict["status"] == "refused"
    assert verdict["error"]["code"] == "request.invalid"
    assert "elsewhere" in verdict["error"]["message"]
    assert "sku-1  refused  request.invalid:" in done.stderr


def test_wait_can_be_limited(invoke, services, monkeypatch) -> None:
    init = Show.__init__

    def patient(self, **more):
        init(self, **{**more, "pause": services.clock.advance})

    monkeypatch.setattr(Show, "__init__", patient)

    words = ("submit", "-", "--wait", "--timeout", "30", "--json")
    done = invoke(*words, stdin=json.dumps(message(requestId="sku-1")))

    assert done.exit_code == 1
    assert json.loads(done.stdout)["requests"][0]["status"] == "open"
    assert "1 job of 1 not over after 30 s" in done.stderr
    assert "hautech-worker watch sku-1" in done.stderr


def test_a_timeout_without_wait_is_a_usage_error(invoke, service) -> None:
    done = invoke("submit", "-", "--timeout", "30", stdin=json.dumps(message()))

    assert done.exit_code == 2
    assert "give both" in done.stderr
    assert sent(service) == []


def test_a_photo_that_is_not_there_is_told_together_with_the_settings(monkeypatch) -> None:
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)

    done = CliRunner().invoke(app, ["submit", "--image", "nope.png", *FLAGS])

    assert done.exit_code == 2
    assert "--image (input.imageId)" in done.stderr
    assert "nope.png" in done.stderr
    assert "No such file" in done.stderr
    assert done.stderr.index("nope.png") < done.stderr.index("WORKER_INPUT_BUCKETS: not set")


def test_wait_that_is_interrupted_leaves_the_jobs_alone(invoke, monkeypatch) -> None:
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Show, "until_over", interrupt)

    done = invoke("submit", "-", "--wait", stdin=json.dumps(message(requestId="sku-7")))

    assert done.exit_code == 130
    assert "The jobs go on without you: hautech-worker watch sku-7\n" in done.stderr
