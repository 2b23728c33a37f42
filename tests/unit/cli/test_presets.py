"""Presets of the rules file in `submit` and `batch submit`: what was checked is what is sent."""

import json

import pytest
from typer.testing import CliRunner

from worker.runtime.cli import app

RULES = """
version: 1
presets:
  studio:
    workflow: full-naomi
    input:
      poseImageId: s3://catalog/poses/standing.png
      aspectRatio: "7:10"
      prompt: a woman in a jacket
    metadata: {season: spring}
  named:
    workflow: full-naomi
    input:
      imageId: "s3://catalog/raw/{Art. No.}.png"
      poseImageId: s3://catalog/poses/standing.png
      aspectRatio: "7:10"
      prompt: "a {colour} jacket"
  poses:
    workflow: naomi
    input:
      aspectRatio: "7:10"
      prompt: a woman in a jacket
rules: []
"""


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(RULES)
    return path


def sent(service) -> list[dict]:
    return [json.loads(one.body) for one in service.world.requests.sent]


def test_a_preset_that_is_known_here_is_sent_as_what_it_says(invoke, service, photo, rules) -> None:
    done = invoke(
        *("submit", "--preset", "studio", "--image", photo, "--prompt", "a man"),
        *("--rules", rules),
    )

    assert done.exit_code == 0, done.output
    (request,) = sent(service)
    assert "preset" not in request
    assert request["workflow"] == "full-naomi"
    assert request["input"]["prompt"] == "a man"
    assert request["input"]["aspectRatio"] == "7:10"
    assert request["input"]["imageId"].startswith("s3://catalog/uploads/")
    assert request["metadata"] == {"season": "spring"}
    assert request["output"] == "s3://shop/generated/"
    assert "in part" not in done.stderr


def test_another_preset_of_that_name_is_another_request(invoke, photo, rules) -> None:
    words = ("submit", "--preset", "studio", "--image", photo, "--rules", rules)
    first, again = invoke(*words), invoke(*words)
    rules.write_text(RULES.replace("a woman", "a man"))
    changed = invoke(*words)

    assert first.stdout == again.stdout != changed.stdout


def test_without_a_rules_file_a_preset_is_sent_as_it_is_and_that_is_said(
    invoke, service, photo
) -> None:
    done = invoke("submit", "--preset", "studio", "--image", photo)

    assert done.exit_code == 0, done.output
    (request,) = sent(service)
    assert request["preset"] == "studio"
    assert set(request) == {"requestId", "preset", "input"}, "the preset may say the rest"
    assert "1 request with a preset checked in part" in done.stderr


def test_what_the_preset_cannot_mend_is_refused_without_it(invoke, service, tmp_path) -> None:
    path = tmp_path / "request.json"
    document = {"preset": "studio", "output": "s3://elsewhere/", "inputs": {}, "requestId": "a b"}
    path.write_text(json.dumps(document))
    done = invoke("submit", path)

    assert done.exit_code == 2
    for said in ('"elsewhere"', "is not a field of a request", "requestId"):
        assert said in done.stderr.replace("\n", " ")
    assert "is required" not in done.stderr
    assert not sent(service)


def test_the_rules_file_of_the_workers_is_used_where_it_is_set(
    services, service, photo, rules, monkeypatch
) -> None:
    monkeypatch.setenv("WORKER_DROP_RULES", str(rules))
    words = ["submit", "--preset", "studio", "--image", str(photo)]
    done = CliRunner().invoke(app, words, obj=services)

    assert done.exit_code == 0, done.output
    assert sent(service)[0]["workflow"] == "full-naomi"


@pytest.mark.parametrize(
    ("preset", "text", "said"),
    [
        ("studoi", RULES, 'did you mean "studio"'),
        ("studio", RULES.replace("version: 1", "version: 2"), "hautech-worker rules check"),
        ("named", RULES, "use it in a rule or a manifest"),
    ],
)
def test_preset_that_cannot_be_used_is_told_before_anything_is_sent(
    invoke, service, photo, rules, preset: str, text: str, said: str
) -> None:
    rules.write_text(text)
    done = invoke("submit", "--preset", preset, "--image", photo, "--rules", rules)

    assert done.exit_code == 2, done.output
    assert said in " ".join(done.stderr.split())
    assert not sent(service)


def test_a_batch_has_its_preset_below_its_template(invoke, service, tmp_path, rules) -> None:
    table, template = tmp_path / "spring.csv", tmp_path / "request.json"
    table.write_text("Art. No.;colour\n1042;white\n")
    template.write_text(json.dumps({"preset": "named", "output": "s3://shop/{Art. No.}/"}))
    words = ("batch", "submit", table, "--template", template)

    refused = invoke(*words)
    done = invoke(*words, "--rules", rules)

    assert refused.exit_code == 2
    assert "give --rules" in " ".join(refused.stderr.split())
    assert done.exit_code == 0, done.output
    (message,) = sent(service)
    assert "preset" not in message["request"]
    assert message["request"]["input"]["prompt"] == "a {colour} jacket"


def test_a_pose_goes_where_the_workflow_of_the_preset_takes_it(
    invoke, service, photo, rules
) -> None:
    done = invoke(
        *("submit", "--preset", "poses", "--image", photo, "--pose", photo, "--rules", rules)
    )

    assert done.exit_code == 0, done.output
    (request,) = sent(service)
    assert request["workflow"] == "naomi"
    assert request["input"]["poseId"].startswith("s3://catalog/uploads/")
    assert "poseImageId" not in request["input"]


def test_a_broken_rules_file_stops_only_who_needs_it(invoke, service, photo, rules) -> None:
    rules.write_text("version: 1\nrulez: []\n")
    options = ("--image", photo, "--pose", photo, "--aspect-ratio", "7:10", "--prompt", "a man")
    done = invoke("submit", *options, "--rules", rules)

    assert done.exit_code == 0, done.output
    assert len(sent(service)) == 1
    stopped = invoke("submit", "--preset", "studio", *options, "--rules", rules)
    assert stopped.exit_code == 2
    assert "rulez" in stopped.stderr


def test_a_broken_address_of_the_rules_file_stops_only_who_needs_it(
    invoke, service, photo, monkeypatch
) -> None:
    monkeypatch.setenv("WORKER_DROP_RULES", "s3://catalog/nobody-put-it-there.yaml")
    options = ("--image", photo, "--pose", photo, "--aspect-ratio", "7:10", "--prompt", "a man")
    assert invoke("submit", *options).exit_code == 0
    assert invoke("submit", "--preset", "studio", *options).exit_code != 0
    assert len(sent(service)) == 1


def test_a_preset_that_is_not_known_is_the_only_problem(invoke, photo, rules) -> None:
    done = invoke("submit", "--preset", "studo", "--image", photo, "--rules", rules)
    assert done.exit_code != 0
    assert "studo" in done.output
    assert "is required" not in done.output
