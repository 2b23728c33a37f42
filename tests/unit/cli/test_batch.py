"""`hautech-worker batch`: sent, shown, cancelled, on a service in memory."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios import drops
from tests.scenarios.batches import CSV, REQUEST, batch_event, batch_of, complaints
from tests.scenarios.harness import Service
from tests.unit.cli.conftest import ENVIRONMENT, Invoke, MemoryServices
from worker.errors import SystemicError
from worker.runtime.commands import batch_sending
from worker.settings import load_settings

GOOD = "prompt\na woman\na child\n"
TABLES = """
  - name: tables
    bucket: catalog
    match: "{folder...}/{name}.csv"
    manifest: true
    preset: studio
    request: {input: {imageId: "s3://catalog/raw/jacket.png"}}
    output: "s3://shop/{name}/"
"""


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "spring 24.csv"
    path.write_text(GOOD)
    return path


@pytest.fixture
def template(tmp_path: Path) -> Path:
    path = tmp_path / "request.json"
    path.write_text(json.dumps(REQUEST))
    return path


def sent_messages(service: Service) -> list[dict[str, Any]]:
    return [json.loads(text) for text in service.world.requests.bodies()]


def sent_and_done(service: Service, invoke: Invoke, table: Path, template: Path) -> str:
    result = invoke("batch", "submit", table, "--template", template, "--id", "spring-24")
    assert result.exit_code == 0, result.output
    service.run()
    return result.output


def test_a_table_is_looked_at_uploaded_and_sent(
    service: Service, invoke: Invoke, table: Path, template: Path
) -> None:
    output = sent_and_done(service, invoke, table, template)
    assert "spring-24  2 rows: 2 good, 0 bad" in output
    assert "pipelines  2" in output
    assert complaints(service, good=(1, 2)) == []


def test_an_uploaded_table_becomes_one_batch_even_where_a_rule_takes_tables(
    invoke: Invoke, service: Service, table: Path, template: Path
) -> None:
    service.change_rules(drop_rules=drops.RULES)
    service.world.objects.add(drops.RULES, (drops.HEAD + TABLES).encode())
    sent_and_done(service, invoke, table, template)
    (place,) = (place for place in service.world.objects.puts if place.key.endswith(".csv"))
    service.send(drops.notification(service, place.key))
    service.run()
    assert complaints(service, good=(1, 2)) == []


def test_the_same_command_again_is_the_same_batch(
    service: Service, invoke: Invoke, table: Path, template: Path
) -> None:
    for _ in range(2):
        assert invoke("batch", "submit", table, "--template", template).exit_code == 0
        service.run()
    assert len(service.world.hautech.runs) == 2
    assert batch_event(service).data.batch_id == batch_event(service).subject
    assert str(batch_event(service).subject).startswith("spring-24-")


def test_a_dry_run_tells_all_and_sends_nothing(
    service: Service, invoke: Invoke, table: Path, template: Path
) -> None:
    table.write_text(CSV)
    result = invoke("batch", "submit", table, "--template", template, "--dry-run")
    assert result.exit_code == 1  # without --skip-bad nothing would be sent
    assert "3 rows: 2 good, 1 bad" in result.output
    assert "line 3: input.aspectRatio" in result.output
    assert "unknown: no job of this workflow has ended" in result.output
    assert service.world.objects.keys("catalog") == ["poses/standing.png", "raw/jacket.png"]
    assert sent_messages(service) == []


@pytest.mark.parametrize(
    ("rows", "options", "code"),
    [
        (GOOD, (), 0),
        (CSV, (), 1),
        (CSV, ("--skip-bad",), 0),
        ("prompt,input.aspectRatio\na man,round\n", ("--skip-bad",), 1),
    ],
)
def test_a_dry_run_says_by_its_code_whether_anything_would_be_sent(
    invoke: Invoke, table: Path, template: Path, rows: str, options: tuple[str, ...], code: int
) -> None:
    table.write_text(rows)
    call = ("batch", "submit", table, "--template", template, "--dry-run", *options)
    assert invoke(*call).exit_code == code


def test_the_first_row_is_shown_as_a_person_would_write_it(
    invoke: Invoke, table: Path, template: Path
) -> None:
    table.write_text("prompt\nein Mantel in Größe 40\n", encoding="utf-8")
    result = invoke("batch", "submit", table, "--template", template, "--dry-run")
    assert '      "prompt": "ein Mantel in Größe 40"' in result.output.splitlines()


def test_a_used_id_with_other_content_is_told_and_nothing_is_sent(
    service: Service, invoke: Invoke, table: Path, template: Path
) -> None:
    sent_and_done(service, invoke, table, template)
    there = service.world.objects.keys("catalog")
    table.write_text("prompt\nanother woman\n")
    call = ("batch", "submit", table, "--template", template, "--id", "spring-24")
    for options in ((), ("--wait",), ("--dry-run",)):
        result = invoke(*call, *options)
        assert result.exit_code == 2
        assert "spring-24 belongs to a batch with other content (accepted " in result.output
        assert "What differs: manifest. Give another --id, or leave it out" in result.output
        assert "over already: succeeded), so a worker" in result.output
        assert "Sent." not in result.output
    assert json.loads(invoke(*call, "--dry-run", "--json").stdout)["known"]["differs"] == [
        "manifest"
    ]
    assert sent_messages(service) == []
    assert service.world.objects.keys("catalog") == there


def test_a_used_id_is_found_by_its_record_also_when_the_other_batch_came_first(
    service: Service,
    services: MemoryServices,
    invoke: Invoke,
    table: Path,
    template: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent_and_done(service, invoke, table, template)
    monkeypatch.setattr(batch_sending, "known_batch", lambda *_: None)  # not yet, when it was asked
    table.write_text("prompt\nanother woman\n")
    call = ("batch", "submit", table, "--template", template, "--id", "spring-24", "--wait")
    result = invoke(*call)
    assert result.exit_code == 1
    assert "belongs to a batch with other content" in result.output
    assert "over: succeeded" not in result.output


def test_the_same_batch_is_told_as_such_and_is_not_sent_again(
    service: Service, invoke: Invoke, table: Path, template: Path
) -> None:
    call = ("batch", "submit", table, "--template", template)
    assert "Sent." in invoke(*call).output
    service.run_for(deliveries=1)
    open_already = invoke(*call)
    assert (open_already.exit_code, len(service.world.requests.bodies())) == (0, 0)
    assert "The same batch is open already (accepted " in open_already.output
    service.run()
    result = invoke(*call, "--wait")
    assert result.exit_code == 0
    assert "The same batch is over already: succeeded (accepted " in result.output
    assert "Nothing was sent." in result.output
    assert "Sent." not in result.output
    assert sent_messages(service) == []


def test_where_the_records_cannot_be_read_the_worker_decides(
    service: Service,
    invoke: Invoke,
    table: Path,
    template: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refused(batch_id: str) -> None:
        raise SystemicError(f"GetItem: {batch_id}: not allowed")

    monkeypatch.setattr(service.world.batches, "load", refused)
    result = invoke("batch", "submit", table, "--template", template)
    assert "Sent." in result.output
    assert len(sent_messages(service)) == 1


@pytest.mark.parametrize("step", ["prepare", "send"])
def test_ctrl_c_says_whether_anything_was_sent(
    invoke: Invoke, table: Path, template: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(batch_sending, step, interrupted)
    result = invoke("batch", "submit", table, "--template", template, "--wait")
    assert result.exit_code == 130
    said = "Nothing was sent." if step == "prepare" else "Stopped while it was being sent."
    assert said in result.output


def test_a_cap_that_is_below_the_credits_is_told(
    service: Service, invoke: Invoke, table: Path, template: Path
) -> None:
    sent_and_done(service, invoke, table, template)
    call = ("batch", "submit", table, "--template", template, "--dry-run", "--credit-cap")
    assert "at the cap of 0.01 it stops" in " ".join(invoke(*call, "0.01").output.split())
    assert "cap" not in invoke(*call, "100").output


def test_names_of_a_matrix_are_told_to_be_inputs_and_its_rows_have_no_lines(
    invoke: Invoke, template: Path
) -> None:
    call = ("batch", "submit", "--template", template, "--matrix", "colour=red,blue", "--dry-run")
    template.write_text(
        json.dumps({**REQUEST, "input": {**REQUEST["input"], "prompt": "{colour}"}})
    )
    result = invoke(*call)
    assert "  row 1: input.colour" in result.output
    assert "line 1" not in result.output
    assert "in a matrix every name sets an input" in " ".join(result.output.split())


def test_each_thing_that_is_wrong_stands_on_a_line_of_its_own(
    invoke: Invoke, table: Path, template: Path
) -> None:
    table.write_text("prompt,input.aspectRatio,input.seed\na man,wide,x\na boy,wide,1\n")
    result = invoke("batch", "submit", table, "--template", template, "--dry-run")
    lines = result.output.splitlines()
    assert [line.partition(":")[0] for line in lines if line.startswith("  line")] == [
        "  lines 2, 3",
        "  line 2",
    ]


def test_the_credits_are_estimated_from_jobs_that_have_ended(
    service: Service, invoke: Invoke, table: Path, template: Path
) -> None:
    sent_and_done(service, invoke, table, template)
    spent = batch_event(service).data.credits
    result = invoke("batch", "submit", table, "--template", template, "--dry-run", "--json")
    document = json.loads(result.stdout)
    assert float(document["credits"]) == pytest.approx(float(spent))
    assert (document["creditsKnownFromJobs"], document["pipelines"]) == (2, 2)


def test_what_is_wrong_with_many_rows_is_told_once_with_their_lines(
    invoke: Invoke, table: Path, template: Path
) -> None:
    rows = ["a man,wide" if number % 3 else "a man,1:9" for number in range(30)]
    table.write_text("prompt,input.aspectRatio\n" + "\n".join(rows) + "\n")
    result = invoke("batch", "submit", table, "--template", template, "--dry-run")
    shown = [line for line in result.output.splitlines() if line.startswith("  line")]
    assert [line.partition(": input.aspectRatio")[0] for line in shown] == [
        "  lines 2, 5, 8, 11, 14, 17, 20 … 29 (10 rows)",
        "  lines 3, 4, 6, 7, 9, 10, 12 … 31 (20 rows)",
    ]
    assert "credits" not in result.output  # nothing would be paid
    assert "more bad row" not in result.output


def test_without_a_template_the_way_to_give_one_is_told(invoke: Invoke, table: Path) -> None:
    table.write_text("sku\n1042\n")
    result = invoke("batch", "submit", table, "--dry-run")
    assert result.exit_code == 2
    assert "give --template FILE" in result.output


GARMENTS_AND_POSES = (
    *("--matrix", "imageId=s3://catalog/raw/a.png,s3://catalog/raw/b.png"),
    *("--matrix", "poseImageId=s3://catalog/poses/1.png,s3://catalog/poses/2.png"),
)


@pytest.mark.parametrize(
    ("settings", "pipelines"),
    [
        ({}, 4),
        ({"WORKER_SHARE_POSES": "on"}, 4 + 2 + 2),  # each pose and each garment is prepared once
        ({"WORKER_SHARE_POSES": "on", "WORKER_REUSE": "off"}, 4),
    ],
)
def test_the_dry_run_counts_what_these_workers_would_pay_for(
    services: MemoryServices,
    invoke: Invoke,
    tmp_path: Path,
    settings: dict[str, str],
    pipelines: int,
) -> None:
    services.settings = load_settings(ENVIRONMENT | settings)
    template = tmp_path / "poses.json"
    given = {"aspectRatio": "7:10", "prompt": "a coat"}
    template.write_text(
        json.dumps({"workflow": "full-naomi", "input": given, "output": "s3://shop/{row}/"})
    )
    call = ("batch", "submit", *GARMENTS_AND_POSES, "--template", template, "--dry-run", "--json")
    assert json.loads(invoke(*call).stdout)["pipelines"] == pipelines


def test_without_reuse_every_row_prepares_for_itself(
    services: MemoryServices, invoke: Invoke, tmp_path: Path
) -> None:
    template = tmp_path / "naomi.json"
    given = {"aspectRatio": "7:10", "prompt": "a coat", "poseId": "s3://catalog/poses/1.png"}
    template.write_text(
        json.dumps({"workflow": "naomi", "input": given, "output": "s3://shop/{row}/"})
    )
    call = (
        "batch",
        "submit",
        *GARMENTS_AND_POSES[:2],
        "--template",
        template,
        "--dry-run",
        "--json",
    )
    assert json.loads(invoke(*call).stdout)["pipelines"] == 2 + 2 + 1
    services.settings = load_settings(ENVIRONMENT | {"WORKER_REUSE": "off"})
    assert json.loads(invoke(*call).stdout)["pipelines"] == 2 * 3


def test_jobs_of_another_plan_tell_nothing_about_the_credits(
    service: Service, services: MemoryServices, invoke: Invoke, table: Path, template: Path
) -> None:
    sent_and_done(service, invoke, table, template)
    services.settings = load_settings(ENVIRONMENT | {"WORKER_SHARE_POSES": "on"})
    result = invoke("batch", "submit", table, "--template", template, "--dry-run", "--json")
    assert json.loads(result.stdout)["credits"] is None


def test_bad_rows_keep_a_batch_back_until_they_are_to_be_skipped(
    service: Service, invoke: Invoke, table: Path, template: Path
) -> None:
    table.write_text(CSV)
    call = ("batch", "submit", table, "--template", template, "--id", "spring-24")
    result = invoke(*call)
    assert result.exit_code == 2
    assert "--skip-bad" in result.output
    assert sent_messages(service) == []
    assert invoke(*call, "--skip-bad").exit_code == 0
    service.run()
    assert complaints(service, good=(1, 3), bad=(2,)) == []


def test_rows_come_from_stdin_in_any_form(service: Service, invoke: Invoke, template: Path) -> None:
    rows = '[{"prompt": "a woman"}, {"prompt": "a man", "input": {"seed": 7}}]'
    call = ("batch", "submit", "-", "--template", template, "--id", "spring-24")
    result = invoke(*call, stdin=rows)
    assert result.exit_code == 0, result.output
    service.run()
    assert complaints(service, good=(1, 2)) == []


def test_lists_make_a_matrix(service: Service, invoke: Invoke, template: Path) -> None:
    template.write_text(json.dumps({**REQUEST, "input": {**REQUEST["input"], "prompt": "a woman"}}))
    lists = ("--matrix", "seed=1,2,3", "--matrix", 'label=["a coat, long", "a hat"]')
    result = invoke("batch", "submit", "--template", template, "--id", "spring-24", *lists)
    assert result.exit_code == 0, result.output
    (message,) = sent_messages(service)
    assert message["matrix"] == {"seed": [1, 2, 3], "label": ["a coat, long", "a hat"]}
    service.run()
    assert complaints(service, good=(1, 2, 3, 4, 5, 6)) == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["submit", "-"], "error: the batch cannot be sent: give --template FILE, a JSON file"),
        (["submit", "-", "--credit-cap", "x"], 'creditCap: "x": must be a decimal number'),
        (["submit", "nowhere.csv"], "nowhere.csv: No such file"),
        (["submit", "--matrix", "seed"], "must be NAME=VALUE,VALUE"),
        (["submit", "-", "--matrix", "seed=1"], "give either a FILE or --matrix"),
        (["submit", "-", "--timeout", "3"], "only --wait follows"),
        (["cancel", "nobody"], 'there is no batch "nobody"'),
        (["nobody"], 'there is no batch "nobody"'),
    ],
)
def test_what_cannot_be_done_says_why(invoke: Invoke, words: list[str], said: str) -> None:
    result = invoke("batch", *words, stdin=GOOD)
    assert result.exit_code != 0
    assert said in " ".join(result.output.split())


def test_a_batch_is_shown_with_its_bad_rows_and_its_results(
    service: Service, invoke: Invoke, table: Path, template: Path
) -> None:
    table.write_text(CSV)
    invoke("batch", "submit", table, "--template", template, "--id", "spring-24", "--skip-bad")
    service.run_for(deliveries=1)
    assert "not counted yet" in invoke("batch", "spring-24").output
    service.run()
    output = invoke("batch", "spring-24").output
    assert "over: partial" in output
    assert "line 3: input.aspectRatio" in output
    assert "s3://shop/generated/spring-24.results.jsonl" in output
    document = json.loads(invoke("batch", "show", "spring-24", "--json").stdout)
    assert (document["state"], document["succeeded"], document["refused"]) == ("over", 2, 1)
    assert document["badRows"][0]["line"] == 3


def test_waiting_ends_with_the_batch_and_says_by_its_code_whether_all_is_well(
    service: Service, invoke: Invoke, table: Path, template: Path
) -> None:
    sent_and_done(service, invoke, table, template)
    assert invoke("batch", "spring-24", "--wait").exit_code == 0

    table.write_text(CSV)
    invoke("batch", "submit", table, "--template", template, "--id", "other", "--skip-bad")
    service.run()
    assert invoke("batch", "other", "--wait").exit_code == 1
    call = ("batch", "submit", table, "--template", template, "--id", "other", "--skip-bad")
    assert invoke(*call, "--wait").exit_code == 0  # the others have succeeded, as was asked for


def test_a_cancelled_batch_is_not_paid_for_any_further(
    service: Service, invoke: Invoke, table: Path, template: Path
) -> None:
    invoke("batch", "submit", table, "--template", template, "--id", "spring-24")
    service.run_for(deliveries=1)
    result = invoke("batch", "cancel", "spring-24")
    assert result.exit_code == 0
    assert "Cancelled." in result.output
    assert "cancelled" in invoke("batch", "spring-24").output
    service.run()
    assert service.world.hautech.runs == []
    assert batch_of(service).stop is not None
    assert invoke("batch", "cancel", "spring-24").exit_code == 1
    assert batch_event(service).data.status == "cancelled"
    assert ", cancelled " in invoke("batch", "spring-24").output


def test_cancelling_a_batch_whose_rows_were_all_sent_says_so(
    service: Service, invoke: Invoke, table: Path, template: Path
) -> None:
    invoke("batch", "submit", table, "--template", template, "--id", "spring-24")
    while not (known := service.world.batches.load("spring-24")) or not known.is_sent:
        service.run_for(deliveries=1)
    result = invoke("batch", "cancel", "spring-24")
    assert "Cancelled. All rows were sent; of 2 open rows" in result.output
