"""`rules check`: what is wrong with a rules file, and what would happen to a file."""

import json

import pytest
from typer.testing import CliRunner

from tests.unit.cli.conftest import ENVIRONMENT
from worker.contracts.s3_uri import S3Uri
from worker.engine.drop_rules import DropRules
from worker.engine.rules import EngineRules
from worker.runtime.cli import app
from worker.settings import load_settings

RULES = """
version: 1
presets:
  studio:
    workflow: full-naomi
    input: {poseImageId: "s3://catalog/poses/standing.png", aspectRatio: 7:10, prompt: A jacket}
rules:
  - name: garments
    match: "inbox/{season}/{sku}.{ext}"
    preset: studio
    sidecar: true
    output: "s3://shop/{season}/{sku}/"
    onSuccess: {copyTo: "done/{season}/"}
    onFailure: {moveTo: "failed/{season}/"}
  - name: sets
    match: "sets/{sku}_{part}.{ext}"
    preset: studio
    parts: {front: imageId, pose: poseImageId}
    output: "s3://shop/sets/"
  - name: catalogue
    match: "batches/{name}.csv"
    manifest: true
    preset: studio
    output: "s3://shop/{name}/{sku}/"
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "rules.yaml"
    path.write_text(RULES, encoding="utf-8")
    return path


@pytest.fixture
def bare(monkeypatch):
    """Calls the command where nothing is set."""
    monkeypatch.setenv("COLUMNS", "80")
    for name in ENVIRONMENT:
        monkeypatch.delenv(name, raising=False)
    return lambda *words: CliRunner().invoke(app, [str(word) for word in words])


def test_good_file_is_listed_and_nothing_is_sent(invoke, services, file) -> None:
    done = invoke("rules", "check", file)

    assert done.exit_code == 0, done.stderr
    assert "3 rules, 1 preset, no problems" in done.stdout
    assert "garments   catalog/inbox/{season}/{sku}.{ext}" in done.stdout
    assert done.stderr == ""
    assert len(services.request_queue) == 0


def test_every_problem_is_told_with_its_line_and_its_fix(invoke, file) -> None:
    file.write_text(RULES.replace("sidecar", "sidcar").replace("s3://shop/sets/", "s3://other/"))
    done = invoke("rules", "check", file)

    assert done.exit_code == 1
    assert done.stdout == ""
    assert f"{file}: 2 problems" in done.stderr
    assert '-> did you mean "sidecar"?' in done.stderr
    assert 'line 19   sets: output: s3://other/: bucket "other" is not in' in done.stderr


def test_problems_are_json_for_scripts(invoke, file) -> None:
    file.write_text(RULES.replace("sidecar", "sidcar"))
    done = invoke("rules", "check", file, "--json")

    assert done.exit_code == 1
    assert json.loads(done.stdout)["problems"] == [
        {
            "line": 11,
            "rule": "garments",
            "field": "sidcar",
            "value": "true",
            "problem": "is not a field of a rule",
            "fix": 'did you mean "sidecar"?',
        }
    ]


def test_key_is_explained(invoke, file) -> None:
    done = invoke("rules", "check", file, "--key", "inbox/spring/my jacket.JPG")

    assert done.exit_code == 0
    for words in (
        "s3://catalog/inbox/spring/my jacket.JPG",
        "rule        garments (line 8)",
        "names       season = spring, sku = my jacket, ext = jpg",
        "rests       20 s after the upload",
        "sidecar     inbox/spring/my jacket.json or ",
        "the photo is copied to s3://catalog/done/spring/",
        "the photo is moved to s3://catalog/failed/spring/",
        "s3://shop/spring/my jacket/my jacket.error.json says why",
        "becomes     1 request",
        '"imageId": "s3://catalog/inbox/spring/my jacket.JPG"',
    ):
        assert words in done.stdout
    assert "they will be others" in done.stderr


def test_requests_are_json_for_scripts(invoke, file) -> None:
    done = invoke("rules", "check", file, "--json", "--key", "inbox/spring/a.jpg", "--key", "x.psd")

    taken, ignored = json.loads(done.stdout)["keys"]
    assert taken["rule"] == "garments"
    assert taken["requests"][0]["output"] == "s3://shop/spring/a/"
    assert ignored["rule"] is None
    assert [one["rule"] for one in ignored["misses"]] == ["garments", "sets", "catalogue"]


def test_key_that_no_rule_takes_says_why_not_for_each(invoke, file) -> None:
    done = invoke("rules", "check", file, "--key", "inbox/spring/a.psd")

    assert done.exit_code == 0
    assert "not         garments (line 8): takes the extensions jpg" in done.stdout
    assert "ignored     no rule takes it" in done.stdout


def test_sidecar_is_known_for_what_it_is(invoke, file) -> None:
    done = invoke("rules", "check", file, "--key", "inbox/spring/a.yaml")

    assert "no photo    as a sidecar of garments it is read with its photo, if that" in done.stdout


def test_photos_of_a_group_are_taken_together(invoke, file) -> None:
    keys = ("--key", "sets/a_pose.png", "--key", "sets/a_front.jpg")
    together = json.loads(invoke("rules", "check", file, "--json", *keys).stdout)["keys"]
    alone = invoke("rules", "check", file, *keys[:2])

    assert len(together) == 1
    assert together[0]["keys"] == ["sets/a_pose.png", "sets/a_front.jpg"]
    assert together[0]["requests"][0]["input"]["imageId"] == "s3://catalog/sets/a_front.jpg"
    assert "waits       for front; after 15 min an error document says so" in alone.stdout


def test_manifest_becomes_a_batch(invoke, file) -> None:
    done = invoke("rules", "check", file, "--key", "batches/x.csv")

    assert "becomes     a batch" in done.stdout
    assert '"manifest": "s3://catalog/batches/x.csv"' in done.stdout


def test_sidecar_on_this_machine_is_laid_over(invoke, file, tmp_path) -> None:
    sidecar = tmp_path / "other name.yaml"
    sidecar.write_text("input: {seed: 7}")
    key = ("--key", "inbox/spring/a.jpg")
    done = invoke("rules", "check", file, *key, "--sidecar", sidecar, "--json")

    (request,) = json.loads(done.stdout)["keys"][0]["requests"]
    assert request["input"]["seed"] == 7
    assert request["origin"]["drop"]["beside"] == ["s3://catalog/inbox/spring/a.yaml"]

    sidecar.write_text("input: {seed: -1}\n")
    done = invoke("rules", "check", file, *key, "--sidecar", sidecar)
    assert done.exit_code == 1
    assert "refused     input.seed: -1: must be at least 0" in done.stdout
    assert "told in     s3://shop/spring/a/a.error.json" in done.stdout
    assert "the photo   moved to s3://catalog/failed/spring/" in done.stdout

    sidecar.write_text("input: [\n")
    done = invoke("rules", "check", file, *key, "--sidecar", sidecar)
    assert done.exit_code == 1
    assert "other name.yaml, line" in done.stdout


def test_control_characters_of_a_key_move_no_cursor(invoke, file) -> None:
    done = invoke("rules", "check", file, "--key", "inbox/spring/a\x1b[2J.jpg")

    assert done.exit_code == 1
    assert "\x1b" not in done.stdout
    assert "the key has control characters" in done.stdout


def test_file_in_s3_is_read_there(invoke, services, file) -> None:
    services.objects.add(S3Uri.parse("s3://catalog/rules.yaml"), RULES.encode())

    assert "3 rules" in invoke("rules", "check", "s3://catalog/rules.yaml").stdout
    missing = invoke("rules", "check", "s3://catalog/none.yaml")
    assert missing.exit_code == 1
    assert "s3://catalog/none.yaml" in missing.stderr
    assert invoke("rules", "check", "s3://catalog").exit_code == 1


@pytest.mark.parametrize(
    ("data", "said"),
    [(b"version: 1\n# \xff", "line 2: is not UTF-8 text"), (None, "No such file")],
)
def test_file_that_cannot_be_read_says_why(invoke, file, data, said) -> None:
    file.unlink() if data is None else file.write_bytes(data)
    done = invoke("rules", "check", file)

    assert done.exit_code == 1
    assert said in done.stderr


def test_without_settings_any_bucket_passes_and_it_says_so(bare, file) -> None:
    done = bare("rules", "check", file, "--key", "inbox/spring/a.jpg")

    assert done.exit_code == 0, done.stderr
    assert "s3://bucket/inbox/spring/a.jpg" in done.stdout
    assert "any bucket passes here" in done.stderr

    named = bare("rules", "check", file, "--bucket", "mine")
    assert "garments   mine/inbox/" in named.stdout


def test_without_settings_rules_of_several_buckets_have_to_name_theirs(bare, file) -> None:
    text = RULES.replace("name: garments", "name: garments\n    bucket: catalog-a")
    file.write_text(text)
    done = bare("rules", "check", file)
    assert "garments   catalog-a/inbox/" in done.stdout, done.stderr
    file.write_text(text.replace("name: sets", "name: sets\n    bucket: catalog-b"))
    done = bare("rules", "check", file)
    assert "catalogue: bucket: is required" in done.stderr


def test_without_settings_a_loop_is_told_for_the_buckets_that_the_file_names(bare, file) -> None:
    loop = RULES.replace("s3://shop/{season}/{sku}/", "s3://catalog/inbox/{season}/")
    file.write_text(loop)
    done = bare("rules", "check", file)
    assert done.exit_code == 0
    said = " ".join(done.stderr.split())
    assert "warning: if catalog is the bucket that is watched: line 12" in said
    assert "would be dropped itself: this rule watches inbox/{season}/{sku}.{ext}" in said
    assert "if shop is" not in said
    assert bare("rules", "check", file, "--bucket", "catalog").exit_code == 1
    file.write_text(RULES)
    assert "warning" not in bare("rules", "check", file).stderr


def test_without_settings_no_bucket_is_guessed_that_somebody_names(bare, file) -> None:
    file.write_text(RULES.replace("s3://shop/{season}/{sku}/", "s3://catalog/inbox/{season}/"))
    assert "--bucket" in bare("rules", "check", file).stderr
    done = bare("rules", "check", file, "--bucket", "other")
    assert "warning" not in done.stderr
    assert "any bucket passes here." in " ".join(done.stderr.split())


def test_a_preset_that_no_rule_uses_is_warned_of_and_the_file_is_taken(invoke, file) -> None:
    unused = """  cube:
    workflow: full-naomi
    input: {aspectRatio: "7:11", bogus: 3, seed: "{seed}"}
rules:
"""
    file.write_text(RULES.replace("rules:\n", unused, 1))
    done = invoke("rules", "check", file)
    assert done.exit_code == 0
    assert "2 warnings" in done.stdout
    said = " ".join(done.stderr.split())
    assert 'warning: line 9: presets.cube.input.aspectRatio: "7:11": must be' in said
    assert "warning: line 9: presets.cube.input.bogus: 3: is not a field of input" in said
    found = json.loads(invoke("rules", "check", file, "--json").stdout)
    assert [one["field"] for one in found["warnings"]] == [
        "presets.cube.input.aspectRatio",
        "presets.cube.input.bogus",
    ]


def test_what_all_rows_of_a_list_share_is_warned_of_as_a_row_may_say_otherwise(
    invoke, file
) -> None:
    file.write_text(RULES + "    request: {input: {seed: many}}\n")
    done = invoke("rules", "check", file)
    assert done.exit_code == 0
    said = " ".join(done.stderr.split())
    assert 'warning: line 25: rule "catalogue": input.seed: "many": must be a whole' in said


def test_keys_that_were_not_looked_at_are_told(invoke, file) -> None:
    file.write_text(RULES.replace("sidecar", "sidcar"))
    done = invoke("rules", "check", file, "--key", "inbox/spring/a.jpg")
    assert "No --key was looked at" in done.stderr
    assert "No --key" not in invoke("rules", "check", file).stderr


def test_a_sidecar_is_named_once_although_an_accent_is_written_in_two_ways(invoke, file) -> None:
    done = invoke("rules", "check", file, "--key", "inbox/spring/über.jpg")
    (line,) = [one for one in done.stdout.splitlines() if one.startswith("  sidecar")]
    assert line.count("ber.json") == 1


def served(services, text: str) -> None:
    """The service has this rules file now."""
    services.settings = load_settings(
        ENVIRONMENT | {"WORKER_DROP_RULES": "s3://catalog/rules.yaml"}
    )
    services.objects.add(S3Uri("catalog", "rules.yaml"), text.encode())


def worker_of(services) -> DropRules:
    """A worker of that service."""
    rules = EngineRules(
        input_buckets=frozenset({"catalog"}),
        output_buckets=frozenset({"shop"}),
        drop_rules=S3Uri("catalog", "rules.yaml"),
    )
    return DropRules(rules, objects=services.objects, shelf=services.shelf, clock=services.clock)


def test_rules_in_force_are_shown_in_order_with_what_they_watch_and_write(invoke, services) -> None:
    served(services, RULES)
    worker_of(services).current()
    done = invoke("rules", "show")

    assert done.exit_code == 0, done.stderr
    shown = done.stdout
    assert "in force  the file as it is, " in shown
    assert "3 rules, 1 preset" in shown
    assert "since 2" in shown
    assert (
        shown.index("preset studio") < shown.index("rule 1 garments") < shown.index("rule 2 sets")
    )
    assert "watches   s3://catalog/inbox/{season}/{sku}.{ext}  (jpg, " in shown
    assert "becomes   1 request of preset studio" in shown
    assert "writes    s3://shop/{season}/{sku}/" in shown
    assert "succeeded the photo is copied to s3://catalog/done/{season}/" in shown
    assert "becomes   a batch of preset studio" in shown


def test_a_version_that_no_worker_has_read_is_told_as_such(invoke, services) -> None:
    served(services, RULES)
    assert "from the next photo or preset on" in invoke("rules", "show").stdout


def test_while_the_file_is_broken_the_last_good_version_is_shown_and_what_is_wrong(
    invoke, services
) -> None:
    served(services, RULES)
    worker = worker_of(services)
    worker.current()
    good = json.loads(invoke("rules", "show", "--json").stdout)
    services.objects.add(S3Uri("catalog", "rules.yaml"), b"version: 1\nrulez: []\n")
    unnoticed = invoke("rules", "show")
    assert "no worker has met it yet" in unnoticed.stdout
    services.clock.advance(31)
    worker.current()
    services.clock.advance(7_200)
    done = invoke("rules", "show")

    assert done.exit_code == 1
    assert "broken    " in done.stdout
    assert "(2 h ago)" in done.stdout
    assert "line 2: rulez" in done.stdout
    assert "in force  the last good version, " in done.stdout
    assert "rule 1 garments" in done.stdout
    document = json.loads(invoke("rules", "show", "--json").stdout)
    assert document["isBroken"] is True
    assert document["brokenSince"] is not None
    assert document["inForce"] == good["inForce"] | {"isLastGood": True}
    assert document["now"] != good["now"]
    assert [rule["name"] for rule in document["rules"]] == ["garments", "sets", "catalogue"]
    assert document["rules"] == good["rules"]
    assert document["presets"]["studio"]["workflow"] == "full-naomi"


def test_where_no_version_was_ever_good_nothing_is_in_force(invoke, services) -> None:
    served(services, "version: 2\n")
    done = invoke("rules", "show")
    assert done.exit_code == 1
    assert "in force  nothing: dropped photos and requests with a preset wait" in done.stdout
    assert json.loads(invoke("rules", "show", "--json").stdout)["inForce"] is None


def test_a_file_that_is_not_there_is_broken(invoke, services) -> None:
    served(services, RULES)
    services.objects.remove(S3Uri("catalog", "rules.yaml"))
    done = invoke("rules", "show")
    assert done.exit_code == 1
    assert "s3://catalog/rules.yaml" in done.stdout
    assert json.loads(invoke("rules", "show", "--json").stdout)["now"] is None


def test_a_service_without_rules_says_so(invoke) -> None:
    done = invoke("rules", "show")
    assert done.exit_code == 2
    assert "WORKER_DROP_RULES is not set" in done.stderr
