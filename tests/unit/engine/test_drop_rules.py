"""Which rules are in force while their file comes, changes, breaks and goes."""

import pytest
import structlog

from tests.builders import INPUT_BUCKETS, OUTPUT_BUCKETS
from worker.adapters.memory import MemoryWorld
from worker.contracts.s3_uri import S3Uri
from worker.drops import rules as rules_file
from worker.drops.rule_set import RuleSet
from worker.engine.drop_rules import DropRules
from worker.engine.rules import EngineRules
from worker.errors import NoRulesError, OutputForbiddenError, UnavailableError, WorkerError
from worker.ports.rules import BrokenRules

PLACE = S3Uri("catalog", "rules.yaml")
RULE = """
  - name: {name}
    match: "inbox/{{sku}}.{{ext}}"
    request:
      workflow: full-naomi
      input: {{poseImageId: "s3://catalog/poses/standing.png", aspectRatio: "7:10", prompt: p,
               label: l, isHuman: false, enhancePrompt: true, seed: 1}}
    output: "s3://shop/{{sku}}/"
"""


def text(*names: str) -> bytes:
    head = "version: 1\npresets:\n  studio: {workflow: full-naomi}\n"
    rules = "".join(RULE.format(name=name) for name in names)
    return (head + "rules:" + (rules or " []")).encode()


class Shop:
    """A world with a rules file, and workers that read it."""

    def __init__(self) -> None:
        self.world = MemoryWorld()

    def put(self, data: bytes) -> None:
        self.world.objects.add(PLACE, data)

    def worker(self, place: S3Uri | None = PLACE) -> DropRules:
        rules = EngineRules(
            input_buckets=INPUT_BUCKETS, output_buckets=OUTPUT_BUCKETS, drop_rules=place
        )
        world = self.world
        return DropRules(rules, objects=world.objects, shelf=world.shelf, clock=world.clock)


def names(rules: DropRules) -> list[str]:
    return [rule.name for rule in rules.current().rules]


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_rules_are_read_when_they_are_first_needed(shop: Shop) -> None:
    rules = shop.worker()
    shop.put(text("garments"))
    assert names(rules) == ["garments"]
    assert set(rules.presets()) == {"studio"}


def test_a_changed_file_is_in_force_within_half_a_minute_and_not_asked_for_at_each_message(
    shop: Shop,
) -> None:
    shop.put(text("garments"))
    rules = shop.worker()
    assert names(rules) == ["garments"]
    shop.put(text("shirts"))
    shop.world.clock.advance(29)
    assert names(rules) == ["garments"]
    shop.world.clock.advance(1)
    assert names(rules) == ["shirts"]


def test_a_file_that_did_not_change_is_looked_at_and_not_read_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.put(text("garments"))
    rules = shop.worker()
    assert names(rules) == ["garments"]
    monkeypatch.setattr(shop.world.objects, "open", None)  # it would fail
    shop.world.clock.advance(31)
    assert names(rules) == ["garments"]


@pytest.mark.parametrize("broken", [b"rules: [", b"version: 2", b"\xff\xfe", b"#" * 300_000])
def test_a_broken_version_is_told_once_and_the_old_one_stays_in_force(
    shop: Shop, broken: bytes
) -> None:
    shop.put(text("garments"))
    rules = shop.worker()
    assert names(rules) == ["garments"]
    shop.put(broken)
    with structlog.testing.capture_logs() as logs:
        for _ in range(3):
            shop.world.clock.advance(31)
            assert names(rules) == ["garments"]
    assert [entry["action"] for entry in logs] == ["rules_broken"]
    assert "s3://catalog/rules.yaml" in logs[0]["event"]


def test_a_version_that_nobody_foresaw_is_a_broken_one(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def load_rules(text: str, **_: object) -> RuleSet:
        if "shirts" in text:
            raise ZeroDivisionError
        return load(text, input_buckets=INPUT_BUCKETS, output_buckets=OUTPUT_BUCKETS)

    load = rules_file.load_rules
    monkeypatch.setattr(rules_file, "load_rules", load_rules)
    shop.put(text("garments"))
    assert names(shop.worker()) == ["garments"]
    shop.put(text("shirts"))
    rules = shop.worker()
    with structlog.testing.capture_logs() as logs:
        assert names(rules) == ["garments"]
    actions = [entry["action"] for entry in logs]
    assert actions == ["rules_unread", "rules_broken", "rules_from_shelf"]


def test_a_worker_that_starts_while_the_file_is_broken_goes_by_the_old_rules(shop: Shop) -> None:
    shop.put(text("garments"))
    assert names(shop.worker()) == ["garments"]
    shop.put(b"rules: [")
    assert names(shop.worker()) == ["garments"]


def test_rules_that_vanish_stay_in_force(shop: Shop) -> None:
    shop.put(text("garments"))
    rules = shop.worker()
    assert names(rules) == ["garments"]
    shop.world.objects.remove(PLACE)
    shop.world.clock.advance(31)
    assert names(rules) == ["garments"]
    assert names(shop.worker()) == ["garments"]


def test_a_corrected_file_is_in_force_again(shop: Shop) -> None:
    shop.put(b"rules: [")
    rules = shop.worker()
    with pytest.raises(NoRulesError, match="line 1"):
        rules.current()
    shop.put(text("garments"))
    shop.world.clock.advance(31)
    assert names(rules) == ["garments"]


def test_without_any_good_version_nobody_guesses(shop: Shop) -> None:
    with pytest.raises(NoRulesError, match="is not there"):
        shop.worker().current()


def test_the_last_good_rules_of_another_file_are_not_taken(shop: Shop) -> None:
    shop.put(text("garments"))
    assert names(shop.worker()) == ["garments"]
    with pytest.raises(NoRulesError):
        shop.worker(S3Uri("catalog", "others.yaml")).current()


def test_a_store_that_does_not_answer_is_a_passing_trouble_and_the_shelf_helps(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(uri: S3Uri) -> None:
        raise UnavailableError(f"{uri}: no answer")

    shop.put(text("garments"))
    with monkeypatch.context() as patch:
        patch.setattr(shop.world.objects, "head", unavailable)
        with pytest.raises(UnavailableError):
            shop.worker().current()
    assert names(shop.worker()) == ["garments"]
    with monkeypatch.context() as patch:
        patch.setattr(shop.world.objects, "head", unavailable)
        assert names(shop.worker()) == ["garments"]


def test_a_file_that_may_not_be_read_holds_what_needs_it_and_fails_nothing(shop: Shop) -> None:
    shop.world.objects.forbidden.add("catalog")
    with pytest.raises(NoRulesError, match="may not be read"):
        shop.worker().current()


def test_trouble_with_the_shelf_stops_nothing(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    def unavailable(*_: object) -> None:
        raise WorkerError("the table does not answer")

    monkeypatch.setattr(shop.world.shelf, "read", unavailable)
    shop.put(text("garments"))
    assert names(shop.worker()) == ["garments"]


def test_without_a_rules_file_there_are_no_presets(shop: Shop) -> None:
    rules = shop.worker(None)
    assert not rules.are_set
    assert rules.presets() == {}
    with pytest.raises(NoRulesError, match="WORKER_DROP_RULES"):
        rules.current()


def test_what_is_wrong_stands_on_the_shelf_since_it_began_until_it_is_mended(shop: Shop) -> None:
    shop.put(text("garments"))
    rules = shop.worker()
    assert names(rules) == ["garments"]
    assert shop.world.shelf.told is None
    shop.world.clock.advance(31)
    began = shop.world.clock.now()
    shop.put(b"version: 1\nrulez: []\n")
    rules.current()
    first = shop.world.shelf.broken()
    assert first is not None
    assert (first.source, first.since) == (str(PLACE), began)
    assert "line 2" in first.problems[0]
    assert rules.are_broken
    shop.world.clock.advance(31)
    shop.put(b"version: 2\nrules: []\n")
    shop.worker().current()
    second = shop.world.shelf.broken()
    assert second is not None
    assert (second.since, second.etag != first.etag) == (began, True)
    shop.put(text("shirts"))
    assert names(rules) == ["shirts"]
    assert shop.world.shelf.broken() is None
    assert not rules.are_broken


def test_who_finds_the_file_good_takes_back_what_others_had_said(shop: Shop) -> None:
    shop.put(text("garments"))
    rules = shop.worker()
    rules.current()
    shop.world.shelf.tell(
        BrokenRules(
            source=str(PLACE), etag="x", version_id=None, since=shop.world.clock.now(), problems=()
        )
    )
    shop.world.clock.advance(31)
    rules.current()
    assert shop.world.shelf.broken() is None


def test_a_file_that_is_missing_or_may_not_be_read_is_broken_and_one_out_of_reach_is_not(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(error: Exception) -> None:
        def head(_uri: S3Uri) -> None:
            raise error

        monkeypatch.setattr(shop.world.objects, "head", head)

    shop.put(text("garments"))
    rules = shop.worker()
    rules.current()
    refuses(UnavailableError("no answer"))
    shop.world.clock.advance(31)
    rules.current()
    assert shop.world.shelf.broken() is None
    refuses(OutputForbiddenError("no s3:GetObject"))
    shop.world.clock.advance(31)
    rules.current()
    told = shop.world.shelf.broken()
    assert told is not None
    assert told.problems == ("no s3:GetObject",)
    monkeypatch.undo()
    shop.world.clock.advance(31)
    rules.current()
    assert shop.world.shelf.broken() is None
    shop.world.objects.remove(PLACE)
    shop.world.clock.advance(31)
    rules.current()
    told = shop.world.shelf.broken()
    assert told is not None
    assert told.etag is None


def test_a_new_version_that_could_not_be_read_at_first_is_read_again(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop.put(text("garments"))
    rules = shop.worker()
    rules.current()
    shop.put(text("shirts"))

    def unavailable(_uri: S3Uri) -> None:
        raise UnavailableError("no answer")

    monkeypatch.setattr(shop.world.objects, "open", unavailable)
    shop.world.clock.advance(31)
    assert names(rules) == ["garments"]
    monkeypatch.undo()
    shop.world.clock.advance(31)
    assert names(rules) == ["shirts"]


def test_the_shelf_says_which_version_is_in_force_and_since_when_it_first_was(shop: Shop) -> None:
    shop.put(text("garments"))
    began = shop.world.clock.now()
    shop.worker().current()
    shop.world.clock.advance(100)
    shop.worker().current()
    kept = shop.world.shelf.read()
    found = shop.world.objects.head(PLACE)
    assert kept is not None
    assert found is not None
    assert (kept.etag, kept.version_id, kept.since) == (found.etag, found.version_id, began)
