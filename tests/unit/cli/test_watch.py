"""`watch`: progress that only grows, gentle reads, and an end when the named jobs have ended."""

import dataclasses
import io
from datetime import timedelta

import pytest
from rich.console import Console

from tests.builders import at, body, new_job, running_job, with_uploads
from worker.adapters.memory import MemoryJobStore, MemoryQueue
from worker.errors import CredentialsRefusedError, ThrottledError
from worker.runtime.commands.following import Following
from worker.runtime.commands.live import Show
from worker.runtime.commands.progress import progress_of


def show(services, *, terminal: bool = False, height: int = 30, **more) -> tuple[Show, io.StringIO]:
    text = io.StringIO()
    console = Console(
        file=text, width=80, height=height, force_terminal=terminal, color_system=None
    )
    return Show(console=console, clock=services.clock, **more), text


def counted_loads(monkeypatch) -> list[str]:
    """The ids of the jobs that are read from now on."""
    loads: list[str] = []
    real = MemoryJobStore.load

    def load(store, request_id):
        loads.append(request_id)
        return real(store, request_id)

    monkeypatch.setattr(MemoryJobStore, "load", load)
    return loads


@pytest.mark.parametrize("workflow", ["full-naomi", "naomi"])
def test_progress_of_a_job_only_ever_grows(service, workflow) -> None:
    service.send(body(workflow))
    done = [progress_of(None, now=at(0)).done]
    while service.step():
        for job in service.world.store.all_jobs():
            progress = progress_of(job, now=service.world.clock.now())
            assert progress.done <= progress.total
            done.append(progress.done)

    assert done == sorted(done)
    last = progress_of(service.job, now=at(0))
    assert (last.done, last.result) == (last.total, "succeeded")


def test_progress_says_what_is_done_now() -> None:
    assert progress_of(new_job(), now=at(0)).doing == "uploading 2 images"
    assert progress_of(with_uploads(new_job()), now=at(0)).doing == "submitting"
    assert progress_of(running_job(), now=at(12)).doing == "full-naomi runs for 12 s"
    both = progress_of(running_job("naomi"), now=at(2)).doing
    assert both == "prepare-pose runs for 2.0 s, prepare-image runs for 2.0 s"


def test_watching_ends_when_all_named_jobs_have_ended(service, services) -> None:
    service.send(body(requestId="one"))
    service.send(body("prepare-image", requestId="two", input={"imageId": "s3://catalog/no.png"}))
    following = Following(services.store, ["one", "two"])
    showing, text = show(services, pause=lambda _: service.step())

    showing.until_over(following)

    assert following.is_over()
    lines = text.getvalue().splitlines()
    assert len(lines) == len(set(lines))
    assert any("one  running  full-naomi runs" in line for line in lines)
    assert any("one  succeeded  s3://shop/generated/" in line for line in lines)
    assert any("two  failed  image.missing" in line for line in lines)


def test_a_job_that_has_ended_is_not_read_again(service, services, monkeypatch) -> None:
    service.send(body(requestId="one"))
    service.run()
    loads = counted_loads(monkeypatch)
    following = Following(services.store, ["one", "two"])

    for _ in range(3):
        following.refresh()

    assert loads.count("one") == 1
    assert loads.count("two") == 3


def test_without_names_only_changed_jobs_are_read_and_ended_ones_stay(
    service, services, monkeypatch
) -> None:
    services.store.create(running_job(requestId="one"))
    services.store.create(running_job(requestId="two"))
    following = Following(services.store)
    following.refresh()
    loads = counted_loads(monkeypatch)

    following.refresh()
    assert loads == []
    services.store.forget("two")
    following.refresh()

    assert loads == ["two"]
    assert {line.request_id for line in following.lines(now=at(1))} == {"one", "two"}
    assert not following.is_over()


def test_trouble_of_the_store_is_told_and_watching_goes_on(service, services, monkeypatch) -> None:
    service.send(body(requestId="one"))
    service.run()
    real, calls = MemoryJobStore.load, []

    def load(store, one):
        calls.append(one)
        if len(calls) == 1:
            raise ThrottledError("DynamoDB GetItem: slow down")
        return real(store, one)

    monkeypatch.setattr(MemoryJobStore, "load", load)
    showing, text = show(services, pause=lambda _: None)

    showing.until_over(Following(services.store, ["one"]))

    assert "trying again: DynamoDB GetItem: slow down" in text.getvalue()
    assert "one  succeeded" in text.getvalue()


def told_while_nothing_moves(services, *, for_s: float, **more) -> tuple[list[str], str]:
    """The remarks on stderr, and what the console says, while jobs stand still for so long."""
    services.store.create(running_job(requestId="one"))
    showing, text = show(services, pause=services.clock.advance, **more)
    remarks = io.StringIO()
    showing.remarks = Console(file=remarks, width=80, color_system=None)
    showing.until_over(Following(services.store, ["one", "two"]), for_s)
    return remarks.getvalue().splitlines(), text.getvalue()


def test_what_is_waited_for_is_said_less_and_less_often(services) -> None:
    remarks, text = told_while_nothing_moves(services, for_s=1_100)

    seconds = [remark.partition("nothing new for ")[2].partition(";")[0] for remark in remarks]
    assert seconds == [
        "30 s",
        "1 min 30 s",
        "3 min 30 s",
        "7 min 30 s",
        "12 min 30 s",
        "17 min 30 s",
    ]
    assert len(text.splitlines()) == 2, "the lines say only what is new"


def test_what_is_waited_for_is_named_with_state_and_age(services) -> None:
    (remark,), _ = told_while_nothing_moves(services, for_s=40)

    began = services.store.load("one").accepted_at
    age_s = round((services.clock.now() - began).total_seconds()) - 10
    assert remark.startswith("03:04:35  nothing new for 30 s; waiting for one (running for ")
    assert "full-naomi runs for" in remark
    assert "; two (queued for 30 s in all: not taken yet" in remark
    assert age_s > 30


def test_news_end_the_silence(services) -> None:
    services.store.create(running_job(requestId="one"))
    remarks = io.StringIO()

    def pause(seconds: float) -> None:
        services.clock.advance(seconds)
        if services.clock.now() == began + timedelta(seconds=25):
            services.store.create(running_job(requestId="two"))

    showing, _ = show(services, pause=pause)
    showing.remarks = Console(file=remarks, width=80, color_system=None)
    began = services.clock.now()
    showing.until_over(Following(services.store, ["one", "two"]), 60)

    (remark,) = remarks.getvalue().splitlines()
    assert remark.startswith("03:05:00  nothing new for 30 s;")


def test_many_jobs_that_stand_still_are_one_line(services) -> None:
    remarks = io.StringIO()
    showing, _ = show(services, pause=services.clock.advance)
    showing.remarks = Console(file=remarks, width=80, color_system=None)
    showing.until_over(Following(services.store, [f"sku-{n}" for n in range(500)]), 31)

    (remark,) = remarks.getvalue().splitlines()
    assert "; and 497 more jobs" in remark


def test_trouble_that_stays_the_same_is_told_once(services, monkeypatch) -> None:
    def load(_store, _one):
        raise ThrottledError("DynamoDB GetItem: slow down")

    monkeypatch.setattr(MemoryJobStore, "load", load)
    _, text = told_while_nothing_moves(services, for_s=20)
    assert text.count("trying again: DynamoDB GetItem: slow down") == 1


def test_a_terminal_says_under_the_table_how_long_nothing_has_moved(services) -> None:
    remarks, text = told_while_nothing_moves(services, for_s=40, terminal=True)
    assert remarks == []
    assert "0 of 2 jobs over, nothing new for 40 s" in text
    assert "nothing new for 29 s" not in text


def test_a_terminal_gets_bars_that_fit_it_with_open_jobs_first(service, services) -> None:
    service.send(body(requestId="done-before"))
    service.run()
    for number in range(20):
        services.store.create(running_job(requestId=f"sku-{number:02}"))
    ids = ["done-before", *(f"sku-{number:02}" for number in range(20))]
    showing, text = show(services, terminal=True, height=12)

    showing.once(Following(services.store, ids))

    lines = text.getvalue().splitlines()
    assert len(lines) <= 12
    assert max(map(len, lines)) <= 80
    assert "done-before" not in text.getvalue()
    assert "━" in lines[0]
    assert "… and 13 more jobs" in text.getvalue()
    assert "1 of 21 jobs over" in text.getvalue()


def test_once_shows_one_frame(invoke, service) -> None:
    service.send(body(requestId="one"))
    service.run()

    done = invoke("watch", "one", "not-there", "--once")

    assert done.exit_code == 0
    assert "one" in done.stdout
    assert "queued" in done.stdout
    assert "1 of 2 jobs over" in done.stdout


def test_the_exit_code_says_whether_all_succeeded(invoke, service) -> None:
    service.send(body(requestId="good"))
    service.send(body("prepare-image", requestId="bad", input={"imageId": "s3://catalog/no.png"}))
    service.run()

    assert invoke("watch", "good").exit_code == 0
    assert invoke("watch", "good", "bad").exit_code == 1


@pytest.fixture
def passing(services, monkeypatch):
    """While a command waits, only time passes."""
    init = Show.__init__

    def patient(self, **more):
        init(self, **{**more, "pause": services.clock.advance})

    monkeypatch.setattr(Show, "__init__", patient)


@pytest.mark.usefixtures("passing")
def test_a_request_that_never_became_a_job_ends_with_the_reason(invoke, service) -> None:
    service.send(body(requestId="sku-1", output="s3://nobody/x/"))
    service.run()

    done = invoke("watch", "sku-1")

    assert done.exit_code == 1
    assert "sku-1  refused  request.invalid: output" in done.stdout
    assert "(refused 2030-01-02 03:04:05 UTC)" in done.stdout
    assert len(service.world.dead_letters) == 1
    assert "sku-1" in invoke("dead-letters").stdout  # visible again


@pytest.mark.usefixtures("passing")
def test_the_dead_letter_queue_is_left_alone_while_jobs_have_records(
    invoke, services, monkeypatch
) -> None:
    receives = []

    def receive(*_: object, **more: object) -> list[object]:
        receives.append(more)
        return []

    monkeypatch.setattr(MemoryQueue, "receive", receive)
    services.store.create(running_job(requestId="one"))

    assert invoke("watch", "one", "--timeout", "60").exit_code == 1
    assert receives == []
    assert invoke("watch", "two", "--timeout", "60").exit_code == 1
    assert len(receives) == 12  # after 4 s, then every 5 s


@pytest.mark.usefixtures("passing")
def test_without_the_dead_letter_queue_the_command_is_hinted_at_once(invoke, services) -> None:
    services.settings = dataclasses.replace(services.settings, dead_letter_queue_url="")

    done = invoke("watch", "two", "--timeout", "60")

    assert done.stdout.count("hautech-worker dead-letters has the reason") == 1
    assert "1 job of 1 not over after 60 s" in done.stderr


@pytest.mark.usefixtures("passing")
def test_a_queue_that_may_not_be_read_is_told_once(invoke, monkeypatch) -> None:
    asked = []

    def refuse(*_: object, **more: object) -> None:
        asked.append(more)
        raise CredentialsRefusedError("SQS ReceiveMessage on dead: refused")

    monkeypatch.setattr(MemoryQueue, "receive", refuse)

    done = invoke("watch", "two", "--timeout", "60")

    assert done.stdout.count("Cannot look whether two was refused: SQS ReceiveMessage") == 1
    assert len(asked) == 1


@pytest.mark.usefixtures("passing")
def test_a_timeout_without_names_is_a_good_end(invoke) -> None:
    assert invoke("watch", "--timeout", "5").exit_code == 0


@pytest.mark.usefixtures("passing")
def test_a_terminal_gets_whole_reasons_and_uris_under_the_table(
    invoke, service, monkeypatch
) -> None:
    key = "x" * 120 + ".png"
    service.send(body(requestId="good"))
    service.send(body("prepare-image", requestId="bad", input={"imageId": f"s3://catalog/{key}"}))
    service.send(body("prepare-pose", requestId="pose"))
    service.run()
    text = io.StringIO()
    terminal = Console(file=text, width=80, force_terminal=True, color_system=None)
    for module in ("watch", "verdicts"):
        monkeypatch.setattr(f"worker.runtime.commands.{module}.stdout", lambda: terminal)

    done = invoke("watch", "good", "bad", "pose")

    below = text.getvalue().partition("3 of 3 jobs over")[2]
    assert done.exit_code == 1
    assert "bad: image.missing: " in below
    assert f"s3://catalog/{key}" in below
    assert "  s3://shop/generated/sku-1042/good.png (" in below
    assert "  poseId " in below


@pytest.mark.parametrize(("words", "code"), [(("one",), 130), ((), 0)])
def test_ctrl_c_ends_watching(invoke, monkeypatch, words, code) -> None:
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(Show, "until_over", interrupt)

    assert invoke("watch", *words).exit_code == code


def test_nothing_to_watch_is_said(invoke) -> None:
    assert "No job is open" in invoke("watch", "--once").stdout
