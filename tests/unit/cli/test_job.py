"""`job ID` and `jobs`: what a person reads about a job is what its record says."""

import io
import json
import re

from rich.console import Console

from tests.builders import at, body, message, new_job, running_job, with_uploads
from worker.jobs import transitions
from worker.runtime.commands.output import stdout
from worker.runtime.commands.records import job_json
from worker.runtime.commands.timeline import print_job


def shown(job, capsys, monkeypatch) -> str:
    monkeypatch.setenv("COLUMNS", "80")
    print_job(stdout(), job, now=at(90))
    return str(capsys.readouterr().out)


def test_a_finished_job_tells_its_outputs_cost_and_every_step_of_its_way(invoke, service) -> None:
    service.send(body("naomi", requestId="sku-7"))
    service.run()

    done = invoke("job", "sku-7")

    assert done.exit_code == 0
    facts, _, story = done.output.partition("\n\n")
    assert facts.startswith("sku-7  succeeded")
    assert "s3://shop/generated/sku-1042/sku-7.png" in facts
    assert len(re.findall(r"step +[a-z-]+: completed, pipeline \S+, [\d.]+ credits", facts)) == 3
    for words in (
        "job  accepted",
        "image jacket.png  uploaded",
        "step naomi  planned → submitting",
        "step naomi  running → completed",
        "job  announcing → succeeded",
    ):
        assert words in story
    job = service.job
    assert len(re.findall(r"\d\d:\d\d:\d\d\.\d{3}", story)) == len(job.history)


def test_the_timeline_tells_since_when_why_and_which_attempt(capsys, monkeypatch) -> None:
    job = with_uploads(new_job())
    for second in (61, 75):
        job = transitions.note_failure(job, because="submit: Hautech answered 503", at=at(second))

    story = shown(job, capsys, monkeypatch)

    assert "+0.000 s  12:00:00.000  job  accepted\n" in re.sub(" +\n", "\n", story)
    assert "+1 min 15 s  12:01:15.000  job  still accepted  attempt 3" in story
    assert "submit: Hautech answered 503" in story
    assert "trouble    2 failed attempts in a row" in story


def test_a_timeline_fits_a_terminal() -> None:
    text = io.StringIO()
    console = Console(file=text, width=80, force_terminal=True, color_system=None)

    print_job(console, running_job("naomi"), now=at(90))

    wide = [line for line in text.getvalue().splitlines() if len(line) > 80]
    assert all("s3://" in line for line in wide)


def test_a_terminal_wraps_facts_between_words_and_under_their_value() -> None:
    text = io.StringIO()
    console = Console(file=text, width=58, force_terminal=True, color_system=None)

    print_job(console, running_job("naomi"), now=at(90))

    shown = text.getvalue()
    assert "input      s3://catalog/poses/standing.png (Hautech image\n" in shown
    assert f"\n{'':11}id-of-standing.png)\n" in shown


def test_a_uri_longer_than_a_terminal_stays_in_one_piece() -> None:
    text = io.StringIO()
    console = Console(file=text, width=30, force_terminal=True, color_system=None)

    print_job(console, running_job("naomi"), now=at(90))

    assert "s3://catalog/poses/standing.png" in text.getvalue()


def test_piped_tables_are_neither_padded_nor_broken(invoke, service) -> None:
    long_id = "sku-" + "x" * 100
    service.send(body(requestId=long_id))
    service.send(body(requestId="one"))
    service.run()

    for words in (("jobs",), ("job", long_id), ("watch", long_id, "one", "--once")):
        lines = invoke(*words).stdout.splitlines()
        assert any(line.startswith(long_id[:11]) for line in lines)
        assert [line for line in lines if line != line.rstrip()] == []
    assert long_id in invoke("jobs").stdout
    wrong = json.dumps(message(requestId="one", output=f"s3://other/{'x' * 50}/"))
    done = invoke("submit", "-", stdin=wrong)
    assert f"s3://other/{'x' * 50}/" in done.stderr
    assert [line for line in done.stderr.splitlines() if line != line.rstrip()] == []


def test_a_job_that_makes_no_picture_says_so_and_where_its_id_is(invoke, service) -> None:
    service.send(body("prepare-pose", requestId="pose-1"))
    service.run()

    done = invoke("job", "pose-1")

    pose_id = json.loads(invoke("job", "pose-1", "--json").stdout)["result"]["poseId"]
    assert (
        f"output     none: prepare-pose makes no picture; poseId {pose_id} is in the result"
        in done.stdout
    )
    assert "nothing yet" not in done.stdout


def test_text_from_outside_can_neither_style_nor_steer_the_terminal(capsys, monkeypatch) -> None:
    job = transitions.note_failure(
        new_job(metadata={"note": "[bold]x[/bold]"}),
        because="said \x1b[2Jgone\x07 [red]and[/red] \u202eback",
        at=at(1),
    )

    story = shown(job, capsys, monkeypatch)

    assert "\x1b" not in story
    assert "\x07" not in story
    assert "\u202e" not in story
    assert "[red]and[/red]" in story
    assert "[bold]x[/bold]" in story


def test_a_failed_job_tells_the_reason_and_whether_to_send_it_again(invoke, service) -> None:
    service.send(body(input={**json.loads(body())["input"], "imageId": "s3://catalog/gone.png"}))
    service.run()

    done = invoke("job", "sku-1042-front")

    assert "failed" in done.output.splitlines()[0]
    assert "error      image.missing:" in done.output
    assert "failed in upload; the request, its images or the set-up must change" in done.output


def test_an_unknown_job_is_answered_with_where_else_to_look(invoke) -> None:
    done = invoke("job", "sku-0")

    assert done.exit_code == 1
    assert done.stdout == ""
    assert 'no job "sku-0" in the table jobs' in done.stderr
    assert "hautech-worker dead-letters" in done.stderr


def test_json_of_a_job_has_what_the_story_has(invoke, service) -> None:
    service.send(body())
    service.run()

    document = json.loads(invoke("job", "sku-1042-front", "--json").stdout)

    assert document == json.loads(json.dumps(job_json(service.job)))
    assert document["state"] == "succeeded"
    assert document["outputs"][0]["uri"] == "s3://shop/generated/sku-1042/sku-1042-front.png"
    assert document["steps"][0]["pipelineId"]
    assert document["history"][0] == {
        "at": "2030-01-02T03:04:05.000Z",
        "what": "job",
        "from": None,
        "to": "accepted",
        "because": "valid request; plan: full-naomi",
        "attempt": 1,
    }


def test_jobs_are_listed_newest_first(invoke, service) -> None:
    for number in (1, 2, 3):
        service.send(body(requestId=f"sku-{number}"))
        service.run()
        service.world.clock.advance(60)

    rows = [line.split() for line in invoke("jobs").stdout.splitlines()[1:]]

    assert [row[0] for row in rows] == ["sku-3", "sku-2", "sku-1"]
    assert rows[0][1:] == ["succeeded", "full-naomi", "1", "min", "ago"]


def test_jobs_can_be_narrowed_to_states_and_cut(invoke, service) -> None:
    service.send(body(requestId="good"))
    service.send(body("prepare-image", requestId="bad", input={"imageId": "s3://catalog/no.png"}))
    service.run()

    failed = json.loads(invoke("jobs", "--state", "failed", "--json").stdout)["jobs"]
    both = json.loads(invoke("jobs", "--state", "failed", "--state", "succeeded", "--json").stdout)[
        "jobs"
    ]

    assert [job["requestId"] for job in failed] == ["bad"]
    assert {job["requestId"] for job in both} == {"good", "bad"}
    assert len(json.loads(invoke("jobs", "--limit", "1", "--json").stdout)["jobs"]) == 1


def test_no_jobs_is_said_and_not_shown_as_an_empty_table(invoke) -> None:
    done = invoke("jobs", "--state", "running")

    assert (done.exit_code, done.stdout) == (0, "")
    assert "No jobs that are running yet." in done.stderr


def test_json_moves_no_cursor_either(invoke, service) -> None:
    service.send(body(metadata={"note": "\x9b2J\u202eback\x7f"}))
    service.run()
    done = invoke("job", "sku-1042-front", "--json")
    assert all(line.isprintable() for line in done.stdout.split("\n"))
    request = json.loads(done.stdout)["request"]
    assert request["metadata"] == {"note": "\x9b2J\u202eback\x7f"}
