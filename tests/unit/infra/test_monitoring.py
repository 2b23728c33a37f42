"""Alarms and dashboard: they ask for figures that exist, and ring when they should."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.support.metric_math import Value, evaluate
from tests.support.templates import Stack, Template, read_template
from worker.runtime.metric_names import DIMENSION, METRIC_NAMES, NAMESPACE
from worker.settings import SETTINGS

RUNBOOK = Path(__file__).parents[3] / "docs" / "runbook.md"

OURS = {metric.name for metric in METRIC_NAMES}
FROM_AWS = {
    "AWS/SQS": (
        "QueueName",
        {
            "ApproximateAgeOfOldestMessage",
            "ApproximateNumberOfMessagesVisible",
            "ApproximateNumberOfMessagesNotVisible",
            "NumberOfMessagesReceived",
        },
    ),
    "AWS/Lambda": ("FunctionName", {"Errors", "Throttles", "Duration"}),
}
"""Source: the lists of metrics in the developer guides of SQS and Lambda."""

EVERYTHING = {
    "ResourcesStackName": "hautech-worker-resources-test",
    "FunctionPrefix": "hautech-worker-test",
    "LeastBalance": "100",
    "AlarmEmail": "night@example.com",
}


@pytest.fixture(scope="module")
def template() -> Template:
    return read_template("monitoring.yml")


@pytest.fixture(scope="module")
def stacks(template: Template) -> Callable[..., Stack]:
    return partial(Stack, template)


@pytest.fixture
def alarms(stacks: Callable[..., Stack]) -> dict[str, Any]:
    found = stacks(**EVERYTHING).of_type("AWS::CloudWatch::Alarm")
    return {name: alarm["Properties"] for name, alarm in found.items()}


def metrics_of(alarm: Mapping[str, Any]) -> Iterator[tuple[str, str, list[Any]]]:
    """Namespace, name and dimensions of each figure that an alarm asks for."""
    if "MetricName" in alarm:
        yield alarm["Namespace"], alarm["MetricName"], alarm["Dimensions"]
    for query in alarm.get("Metrics", ()):
        if "MetricStat" in query:
            metric = query["MetricStat"]["Metric"]
            yield metric["Namespace"], metric["MetricName"], metric["Dimensions"]


def expression_of(alarm: Mapping[str, Any], **parameters: str) -> str:
    (returned,) = (query for query in alarm["Metrics"] if query.get("ReturnData"))
    expression = returned["Expression"]
    text = expression["Fn::Sub"] if isinstance(expression, dict) else expression
    for name, value in parameters.items():
        text = text.replace(f"${{{name}}}", value)
    return str(text)


def test_there_is_an_alarm_for_each_way_it_can_go_wrong(alarms: dict[str, Any]) -> None:
    assert set(alarms) == {
        "RequestsWait",
        "PollsUnattended",
        "OldestPipeline",
        "CircuitOpen",
        "RulesBroken",
        "BalanceLow",
        "DeadLettersRise",
        "FailedJobs",
        "FunctionsFail",
        "FunctionsThrottled",
    }


def test_alarms_ask_only_for_figures_that_somebody_tells(alarms: dict[str, Any]) -> None:
    for name, alarm in alarms.items():
        for namespace, metric, dimensions in metrics_of(alarm):
            names = [dimension["Name"] for dimension in dimensions]
            if namespace == NAMESPACE:
                assert metric in OURS, name
                assert names == [DIMENSION], name
                assert dimensions[0]["Value"] == {"Ref": "ResourcesStackName"}, name
            else:
                dimension, known = FROM_AWS[namespace]
                assert metric in known, name
                assert names == [dimension], name


def test_every_alarm_tells_somebody_and_names_its_chapter_of_the_runbook(
    alarms: dict[str, Any],
) -> None:
    chapters = re.findall(r"^## (.+)$", RUNBOOK.read_text(encoding="utf-8"), re.MULTILINE)
    for name, alarm in alarms.items():
        assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}], name
        _, _, named = alarm["AlarmDescription"].partition("Runbook: ")
        for chapter in named.rstrip(".").split("; "):
            assert chapter in chapters, name


def test_the_topic_of_somebody_else_is_used_instead_of_a_new_one(
    stacks: Callable[..., Stack],
) -> None:
    own = "arn:aws:sns:eu-west-1:123456789012:alarms"
    stack = stacks(**EVERYTHING, ExistingAlarmTopicArn=own)
    assert not stack.of_type("AWS::SNS::Topic")
    (subscription,) = stack.of_type("AWS::SNS::Subscription").values()
    assert subscription["Properties"]["TopicArn"] == {"Ref": "ExistingAlarmTopicArn"}
    for alarm in stack.of_type("AWS::CloudWatch::Alarm").values():
        assert alarm["Properties"]["AlarmActions"] == [{"Ref": "ExistingAlarmTopicArn"}]


def test_without_functions_or_interest_in_the_balance_nothing_watches_them(
    stacks: Callable[..., Stack],
) -> None:
    alarms = stacks(ResourcesStackName="r").of_type("AWS::CloudWatch::Alarm")
    assert not {"FunctionsFail", "FunctionsThrottled", "BalanceLow"} & set(alarms)


def test_where_nothing_can_be_computed_only_plain_alarms_are_made(
    stacks: Callable[..., Stack],
) -> None:
    stack = stacks(**EVERYTHING, UseMetricMath="false")
    alarms = stack.of_type("AWS::CloudWatch::Alarm").values()
    assert alarms
    assert not [alarm for alarm in alarms if "Metrics" in alarm["Properties"]]


@pytest.mark.parametrize(
    ("letters", "hidden", "rings"),
    [
        ([0, 0, 1], [0, 0, 0], [False, True]),
        ([7, 7, 7], [0, 0, 0], [False, False]),  # old ones lie there, and everybody knows
        ([7, 0, 7], [0, 7, 0], [False, False]),  # somebody looks at them
        ([7, 9, 4], [0, 0, 0], [True, False]),  # new ones, then some are redriven
        ([None, None, 2], [None, None, 0], [False, True]),  # silent for hours, as it was empty
    ],
)
def test_dead_letters_ring_when_they_rise_not_when_they_lie_there(
    alarms: dict[str, Any], letters: list[Value], hidden: list[Value], rings: list[bool]
) -> None:
    alarm = alarms["DeadLettersRise"]
    match = re.fullmatch(r"DIFF\((.+)\)", expression_of(alarm))
    assert match is not None
    there = [
        evaluate(match[1], {"visible": visible, "hidden": out_of_sight})
        for visible, out_of_sight in zip(letters, hidden, strict=True)
    ]
    assert alarm["ComparisonOperator"] == "GreaterThanThreshold"
    counts = [count for count in there if count is not None]
    assert len(counts) == len(letters)
    assert [after - before > alarm["Threshold"] for before, after in pairwise(counts)] == rings


@pytest.mark.parametrize(
    ("failed", "succeeded", "percent"),
    [
        (5, 5, 50),
        (1, 99, 1),
        (None, 10, 0),
        (10, None, 100),
        (1, 1, 0),  # two jobs are too few to say anything
        (None, None, 0),
    ],
)
def test_the_share_of_failed_jobs_counts_once_enough_have_ended(
    alarms: dict[str, Any], failed: Value, succeeded: Value, percent: float
) -> None:
    expression = expression_of(alarms["FailedJobs"], FailedJobsOutOf="5")
    assert evaluate(expression, {"failed": failed, "succeeded": succeeded}) == percent


@pytest.mark.parametrize(
    ("due", "taken", "unattended"),
    [(3, 0, 3), (3, None, 3), (3, 1, 0), (0, 0, 0), (None, None, 0)],
)
def test_polls_are_unattended_when_some_are_due_and_none_is_taken(
    alarms: dict[str, Any], due: Value, taken: Value, unattended: float
) -> None:
    expression = expression_of(alarms["PollsUnattended"])
    assert evaluate(expression, {"due": due, "taken": taken}) == unattended


@pytest.mark.parametrize("name", ["FunctionsFail", "FunctionsThrottled"])
def test_a_function_alone_is_enough_to_ring(alarms: dict[str, Any], name: str) -> None:
    expression = expression_of(alarms[name])
    for function in ("requests", "polls", "reconcile"):
        told: dict[str, Value] = {"requests": None, "polls": None, "reconcile": None}
        assert evaluate(expression, told | {function: 2}) == 2


def test_the_oldest_pipeline_rings_after_the_worker_itself_has_given_up(
    template: Template,
) -> None:
    (timeout,) = (s for s in SETTINGS if s.name == "WORKER_PIPELINE_TIMEOUT_SECONDS")
    assert template["Parameters"]["OldestPipelineSeconds"]["Default"] > int(timeout.default or 0)


# ── Dashboard ────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(
    params=[{}, {"UseMetricMath": "false"}, {"FunctionPrefix": "", "LeastBalance": "0"}]
)
def stack(request: pytest.FixtureRequest, stacks: Callable[..., Stack]) -> Stack:
    return stacks(**EVERYTHING | request.param)


@pytest.fixture
def dashboard(stack: Stack) -> list[dict[str, Any]]:
    (made,) = stack.of_type("AWS::CloudWatch::Dashboard").values()
    text, values = made["Properties"]["DashboardBody"]["Fn::Sub"]
    for name, value in values.items():
        inner = value["Fn::Sub"] if isinstance(value, dict) and "Fn::Sub" in value else value
        text = text.replace(f"${{{name}}}", inner if isinstance(inner, str) else name)
    return list(json.loads(text)["widgets"])


def test_the_dashboard_shows_every_alarm_that_is_made(
    stack: Stack, dashboard: list[dict[str, Any]]
) -> None:
    (shown,) = (one["properties"]["alarms"] for one in dashboard if one["type"] == "alarm")
    made = stack.of_type("AWS::CloudWatch::Alarm")
    assert sorted(shown) == sorted(f"${{{name}.Arn}}" for name in made)


def test_the_dashboard_asks_only_for_figures_that_somebody_tells(
    dashboard: list[dict[str, Any]],
) -> None:
    asked = set()
    for widget in dashboard:
        before: list[str] = []
        for row in widget["properties"].get("metrics", ()):
            if isinstance(row[0], dict):  # an expression
                continue
            before = spelled_out([cell for cell in row if isinstance(cell, str)], before)
            namespace, metric, dimension, _ = before
            asked.add(metric)
            if namespace == NAMESPACE:
                assert metric in OURS
                assert dimension == DIMENSION
            else:
                expected, known = FROM_AWS[namespace]
                assert metric in known
                assert dimension == expected
    assert asked >= OURS  # whoever tells a figure can see it


def spelled_out(row: list[str], before: list[str]) -> list[str]:
    """A row of a widget in full: "." is the cell above, "..." the cells above but for the last ones."""
    if row[0] == "...":
        return before[: len(before) - len(row) + 1] + row[1:]
    return [before[number] if cell == "." else cell for number, cell in enumerate(row)]


def test_widgets_fill_the_width_and_none_covers_another(dashboard: list[dict[str, Any]]) -> None:
    taken: set[tuple[int, int]] = set()
    for widget in dashboard:
        columns = range(widget["x"], widget["x"] + widget["width"])
        rows = range(widget["y"], widget["y"] + widget["height"])
        cells = {(x, y) for x in columns for y in rows}
        assert not cells & taken, widget["properties"]["title"]
        taken |= cells
    lowest = max(y for _, y in taken)
    assert taken == {(x, y) for x in range(24) for y in range(lowest + 1)}


def test_the_titles_answer_the_four_questions(dashboard: list[dict[str, Any]]) -> None:
    titles = [widget["properties"]["title"] for widget in dashboard]
    for question in ("How many", "How fast", "What it costs", "What is stuck"):
        assert any(title.startswith(question) for title in titles), question
