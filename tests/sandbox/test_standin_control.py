"""14.11 and 14.12: balance, options, log, counters and reset."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest

from sandbox.hautech import Options
from tests.support.standin import IDS, Lab, running_lab


@pytest.fixture(scope="module")
def server() -> Iterator[Lab]:
    with running_lab() as lab:
        yield lab


@pytest.fixture
def lab(server: Lab) -> Lab:
    return server.fresh()


def balance(lab: Lab) -> Decimal:
    return Decimal(lab.call("GET", "/v1/accounts/self/balance").json()["balance"])


def test_balance_falls_by_what_runs_consume_and_may_go_negative(lab: Lab) -> None:
    lab.fresh(balance="0.05", price={"prepare-image": "0.03"})
    for left in ("0.02", "-0.01", "-0.04"):
        lab.run("prepare-image", {"imageId": lab.upload()["id"]})
        assert balance(lab) == Decimal(left)
    assert lab.call("GET", "/v1/accounts/self").json()["balance"] == "-0.04"


def test_balance_falls_only_when_a_task_has_ended(lab: Lab) -> None:
    lab.fresh(durationSeconds=10)
    lab.run("prepare-image", {"imageId": lab.upload()["id"]})
    assert balance(lab) == Decimal(100)
    lab.clock.advance(10)
    assert balance(lab) < Decimal(100)


def test_broke_account_is_refused_with_402_only_when_switched(lab: Lab) -> None:
    lab.fresh(balance="0")
    assert lab.post_run("naomi", {}).status_code == 201
    lab.stand_in.set_options(refuseWhenBroke=True)
    assert lab.post_run("naomi", {}).status_code == 402
    lab.stand_in.set_options(balance="1")
    assert lab.post_run("naomi", {}).status_code == 201
    assert len(lab.stand_in.runs()) == 2


def test_log_tells_each_request_in_order_without_secrets(lab: Lab) -> None:
    image = lab.upload()
    lab.media("GET", image["url"])
    lab.call("GET", "/v1/nothing")
    log = lab.stand_in.log()
    assert [(entry["listener"], entry["route"], entry["status"]) for entry in log] == [
        ("api", "images.initialize", 200),
        ("media", "images.upload", 200),
        ("api", "images.finalize", 201),
        ("media", "images.download", 200),
        ("api", None, 404),
    ]
    assert "signature" not in str(log)
    assert lab.token not in str(log)
    assert lab.stand_in.log(after=log[-2]["number"]) == log[-1:]


def test_log_is_read_in_pages(lab: Lab) -> None:
    for _ in range(7):
        lab.call("GET", "/v1/permissions/available", token=None)
    numbers = [entry["number"] for entry in lab.stand_in.log(page_size=3)]
    assert numbers == list(range(1, 8))


def test_log_names_the_fault_and_the_dropped_connection(lab: Lab) -> None:
    lab.stand_in.add_fault({"route": "account.self", "kind": "status", "status": 500})
    lab.stand_in.add_fault({"route": "account.balance", "kind": "drop_after"})
    lab.call("GET", "/v1/accounts/self")
    with pytest.raises(OSError, match="aborted"):
        lab.call("GET", "/v1/accounts/self/balance")
    log = lab.stand_in.log()
    assert [(entry["status"], entry["fault"]) for entry in log] == [
        (500, "status"),
        (None, "drop_after"),
    ]
    routes = lab.stand_in.counters()["routes"]
    assert routes["account.balance"] == {
        "total": 1,
        "byStatus": {"dropped": 1},
        "byFault": {"drop_after": 1},
    }


def test_counters_add_up_by_route(lab: Lab) -> None:
    document = {"imageId": lab.upload()["id"]}
    lab.run("prepare-image", document)
    lab.call("POST", f"/v1/workflows/{IDS['prepare-image']}/run", json={"input": document})
    assert lab.stand_in.calls("workflows.run") == 2
    assert lab.stand_in.calls("workflows.run.sdk") == 1
    assert lab.stand_in.counters()["runs"] == 2
    assert lab.stand_in.counters()["requests"] == 5


def test_runs_are_told_with_their_metadata(lab: Lab) -> None:
    for key in ("a", "b", "a"):
        lab.run("naomi", {"prompt": key}, metadata={"submitKey": key})
    runs = lab.stand_in.runs()
    assert [run["metadata"]["submitKey"] for run in runs] == ["a", "b", "a"]
    assert {run["workflow"] for run in runs} == {"naomi"}
    assert runs[1]["input"] == {"prompt": "b"}


def test_reset_forgets_everything_but_the_credentials(lab: Lab) -> None:
    image = lab.upload()
    lab.run("naomi", {})
    lab.stand_in.set_options(dropMetadata=True)
    lab.stand_in.add_fault({"route": "*", "kind": "status", "times": -1})
    lab.stand_in.reset()
    assert lab.stand_in.runs() == []
    assert lab.stand_in.log() == []
    assert lab.stand_in.options()["dropMetadata"] is False
    assert lab.call("GET", f"/v1/images/{image['id']}").status_code == 404


def test_control_calls_are_neither_logged_nor_hit_by_faults(lab: Lab) -> None:
    lab.stand_in.add_fault({"route": "*", "kind": "drop_before", "times": -1})
    assert lab.stand_in.counters()["requests"] == 0
    assert lab.stand_in.log() == []


@pytest.mark.parametrize(
    "change",
    [{"durationSecond": 1}, {"durationSeconds": -1}, {"durationSeconds": [3, 1]},
     {"durationSeconds": {"nomi": 1}}, {"runRoutes": ["new"]}, {"outputShape": "cube"},
     {"balance": 5}, {"balance": "lots"}, {"dropMetadata": "yes"}, {"price": {"naomi": "x"}},
     {"workflows": {"short": {}}}, {"seed": 1.5}, {"linkLifeSeconds": True}],
    ids=str,
)  # fmt: skip
def test_bad_option_is_refused_by_name_and_changes_nothing(
    lab: Lab, change: dict[str, Any]
) -> None:
    before = lab.stand_in.options()
    with pytest.raises(ValueError, match=f"options.{next(iter(change))}"):
        lab.stand_in.set_options(**change)
    assert lab.stand_in.options() == before


def test_options_survive_the_way_through_json() -> None:
    options = Options().changed(
        {"durationSeconds": {"naomi": [1, 2]}, "price": {"naomi": "0.5"}, "balance": "-1.5"}
    )
    assert Options().changed(options.to_json()) == options


def test_bad_advance_is_refused(lab: Lab) -> None:
    with pytest.raises(ValueError, match="forward"):
        lab.stand_in.advance(-1)
