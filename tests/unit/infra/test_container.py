"""The service on Fargate: sealed, stopped in time, allowed what it needs, and as many as are needed."""

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.metric_math import Value, evaluate
from tests.support.templates import Stack, Template, read_template
from worker.runtime import probe
from worker.runtime.container import ContainerConfig
from worker.settings import SETTINGS

DOCKERFILE = Path(__file__).parents[3] / "Dockerfile"
PERMISSIONS = Path(__file__).parents[3] / "docs" / "how-to" / "run-in-a-container.md"

GIVEN = {
    "ResourcesStackName": "hautech-worker-resources-test",
    "ImageUri": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/hautech-worker:0.1.0",
    "HautechSecretArn": "arn:aws:secretsmanager:eu-west-1:123456789012:secret:hautech-AbCdEf",
    "VpcId": "vpc-0123456789abcdef0",
    "SubnetIds": "subnet-0123456789abcdef0",
}

KEY_ARN = "arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab"


@pytest.fixture(scope="module")
def template() -> Template:
    return read_template("container.yml")


@pytest.fixture(scope="module")
def stacks(template: Template) -> Callable[..., Stack]:
    return partial(Stack, template, **GIVEN)


@pytest.fixture
def container(stacks: Callable[..., Stack]) -> dict[str, Any]:
    (definition,) = stacks().resources["Task"]["Properties"]["ContainerDefinitions"]
    return dict(definition)


def statements(stack: Stack, role: str) -> dict[str, dict[str, Any]]:
    (policy,) = stack.resources[role]["Properties"]["Policies"]
    return {statement["Sid"]: statement for statement in policy["PolicyDocument"]["Statement"]}


# ── What runs ────────────────────────────────────────────────────────────────────────────────────


def test_it_cannot_write_outside_of_tmp_and_is_nobody_special(
    container: dict[str, Any], stacks: Callable[..., Stack]
) -> None:
    assert container["ReadonlyRootFilesystem"] is True
    user, group = container["User"].split(":")
    assert int(user) > 0
    assert int(group) > 0
    assert container["LinuxParameters"]["Capabilities"] == {"Drop": ["ALL"]}
    (mount,) = container["MountPoints"]
    assert mount["ContainerPath"] == "/tmp"  # noqa: S108 - where it is mounted
    assert stacks().resources["Task"]["Properties"]["Volumes"] == [{"Name": mount["SourceVolume"]}]


def test_ecs_waits_longer_than_a_stop_takes_and_spot_waits_long_enough(
    container: dict[str, Any],
) -> None:
    assert ContainerConfig().stop_within_s < container["StopTimeout"] <= 120
    assert container["LinuxParameters"]["InitProcessEnabled"] is False


def test_the_health_check_is_the_one_of_the_image(container: dict[str, Any]) -> None:
    dockerfile = DOCKERFILE.read_text()
    kind, *words = container["HealthCheck"]["Command"]
    assert kind == "CMD"
    assert f"CMD {json.dumps(words)}" in dockerfile
    assert container["HealthCheck"]["Timeout"] > probe.TIMEOUT_S


def test_everything_the_worker_must_know_is_in_its_environment_and_no_secret(
    container: dict[str, Any],
) -> None:
    given = {variable["Name"]: variable["Value"] for variable in container["Environment"]}
    for spec in SETTINGS:
        if spec.required:
            output = re.search(r"stack output (\w+) ", spec.source)
            assert output is not None
            assert given[spec.name] == {
                "Fn::ImportValue": {"Fn::Sub": f"${{ResourcesStackName}}-{output[1]}"}
            }
        assert not (spec.secret and spec.name in given), spec.name
    assert set(given) <= {spec.name for spec in SETTINGS}


def test_figures_are_told_under_the_name_that_the_alarms_look_for(
    container: dict[str, Any], stacks: Callable[..., Stack]
) -> None:
    given = {variable["Name"]: variable["Value"] for variable in container["Environment"]}
    assert given["WORKER_METRICS"] == "emf"
    assert given["POWERTOOLS_SERVICE_NAME"] == {"Ref": "ResourcesStackName"}
    (silent,) = stacks(TellMetrics="false").resources["Task"]["Properties"]["ContainerDefinitions"]
    assert "WORKER_METRICS" not in {variable["Name"] for variable in silent["Environment"]}


def test_a_deployment_that_does_not_come_up_is_taken_back(stacks: Callable[..., Stack]) -> None:
    deployment = stacks().resources["Service"]["Properties"]["DeploymentConfiguration"]
    assert deployment["DeploymentCircuitBreaker"] == {"Enable": True, "Rollback": True}


@pytest.mark.parametrize(
    ("capacity", "strategy"),
    [
        ("on-demand", [("FARGATE", 0, 1)]),
        ("spot", [("FARGATE_SPOT", 0, 1)]),
        ("spot-after-first", [("FARGATE", 1, 0), ("FARGATE_SPOT", 0, 1)]),
    ],
)
def test_spot_is_a_parameter(
    stacks: Callable[..., Stack], capacity: str, strategy: list[tuple[str, int, int]]
) -> None:
    service = stacks(Capacity=capacity).resources["Service"]["Properties"]
    asked = [
        (provider["CapacityProvider"], provider.get("Base", 0), provider["Weight"])
        for provider in service["CapacityProviderStrategy"]
    ]
    assert asked == strategy


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        (
            "ImageUri",
            [
                GIVEN["ImageUri"],
                "localhost:5000/worker:dev",
                "ghcr.io/a/b@sha256:" + "a" * 64,
                "worker:1",
            ],
            ["", "hautech-worker", "localhost:5000/worker", "https://ghcr.io/a/b:1", "a b:1"],
        ),
        (
            "HautechSecretArn",
            [GIVEN["HautechSecretArn"]],
            ["", "hautech", "arn:aws:ssm:eu-west-1:123456789012:parameter/hautech"],
        ),
        ("HautechApiUrl", ["https://api.hautech.ai"], ["http://api.hautech.ai", "api.hautech.ai"]),
        ("ExistingClusterName", ["", "apps"], ["arn:aws:ecs:eu-west-1:123456789012:cluster/apps"]),
        ("SecretKeyArn", [""], ["alias/mine"]),
        ("InputBucketKeyArn", ["", KEY_ARN], ["alias/mine", KEY_ARN.replace("key/", "alias/")]),
        ("OutputBucketKeyArn", ["", KEY_ARN], ["alias/mine", f"{KEY_ARN}*"]),
    ],
)
def test_a_wrong_value_is_refused_before_anything_is_made(
    template: Template, parameter: str, good: list[str], bad: list[str]
) -> None:
    pattern = re.compile(template["Parameters"][parameter]["AllowedPattern"])
    assert all(pattern.fullmatch(value) for value in good)
    assert not [value for value in bad if pattern.fullmatch(value)]


# ── What it may do ───────────────────────────────────────────────────────────────────────────────


def test_the_worker_may_do_exactly_what_the_page_on_permissions_lists(
    stacks: Callable[..., Stack],
) -> None:
    table = PERMISSIONS.read_text(encoding="utf-8").partition("| on | actions |")[2]
    rows = table.strip().partition("\n\n")[0]
    listed = set(re.findall(r"`((?:sqs|dynamodb|s3|sns|secretsmanager):\w+)`", rows))
    allowed = {
        action
        for statement in statements(
            stacks(DropRules="s3://catalog/rules.yaml"), "TaskRole"
        ).values()
        for action in actions_of(statement)
        if not action.startswith("kms:")
    }
    assert allowed == listed


def test_the_worker_may_touch_what_is_imported_and_its_secret_only(
    stacks: Callable[..., Stack],
) -> None:
    keys = {"SecretKeyArn", "InputBucketKeyArn", "OutputBucketKeyArn"}
    given = dict.fromkeys(keys, KEY_ARN) | {"DropRules": "s3://catalog/rules.yaml"}
    for sid, statement in statements(stacks(**given), "TaskRole").items():
        assert statement["Effect"] == "Allow", sid
        resources = statement["Resource"]
        for resource in resources if isinstance(resources, list) else [resources]:
            text = str(resource)
            if "Ref" in resource:
                assert resource["Ref"] in {"HautechSecretArn", *keys}, sid
            else:
                assert "Fn::ImportValue" in text, sid
                assert "'*'" not in text, sid


def test_without_rules_of_drop_folders_no_photo_may_be_moved(stacks: Callable[..., Stack]) -> None:
    marks = {"PutPhotosAside", "TakeErrorsAway"}
    assert not marks & statements(stacks(), "TaskRole").keys()
    assert marks <= statements(stacks(DropRules="s3://catalog/rules.yaml"), "TaskRole").keys()


def test_without_a_key_of_its_own_the_secret_needs_no_permission_on_one(
    stacks: Callable[..., Stack],
) -> None:
    assert "OpenTheSecret" not in statements(stacks(), "TaskRole")


RULES = "s3://catalog/rules.yaml"
BOTH_KEYS = f"{KEY_ARN},{KEY_ARN}0"


@pytest.mark.parametrize("keys", [KEY_ARN, BOTH_KEYS], ids=["one", "several"])
@pytest.mark.parametrize(
    ("parameter", "rules", "allowed"),
    [
        ("InputBucketKeyArn", "", {"OpenPhotos": {"kms:Decrypt"}}),
        (
            "InputBucketKeyArn",
            RULES,
            {"OpenPhotos": {"kms:Decrypt"}, "SealPhotosPutAside": {"kms:GenerateDataKey"}},
        ),
        ("OutputBucketKeyArn", "", {"SealPictures": {"kms:Decrypt", "kms:GenerateDataKey"}}),
        ("OutputBucketKeyArn", RULES, {"SealPictures": {"kms:Decrypt", "kms:GenerateDataKey"}}),
    ],
)
def test_keys_of_own_buckets_may_be_used_through_s3_only_and_for_what_is_done_there(
    stacks: Callable[..., Stack],
    parameter: str,
    rules: str,
    allowed: dict[str, set[str]],
    keys: str,
) -> None:
    without = statements(stacks(DropRules=rules), "TaskRole")
    given = statements(stacks(DropRules=rules, **{parameter: keys}), "TaskRole")

    added = {sid: set(actions_of(given[sid])) for sid in given.keys() - without.keys()}
    assert added == allowed
    condition = {"StringLike": {"kms:ViaService": {"Fn::Sub": "s3.${AWS::Region}.*"}}}
    for sid in allowed:
        assert given[sid]["Resource"] == {"Ref": parameter}
        assert given[sid]["Condition"] == condition


def actions_of(statement: Mapping[str, Any]) -> list[str]:
    actions = statement["Action"]
    return list(actions) if isinstance(actions, list) else [actions]


# ── Network ──────────────────────────────────────────────────────────────────────────────────────


def test_nothing_comes_in_and_only_https_goes_out(stacks: Callable[..., Stack]) -> None:
    group = stacks().resources["SecurityGroup"]["Properties"]
    assert "SecurityGroupIngress" not in group
    ports = {(rule["FromPort"], rule["ToPort"]) for rule in group["SecurityGroupEgress"]}
    assert ports == {(443, 443)}


@pytest.mark.parametrize(("asked", "gateways", "interfaces"), [("none", 0, 0), ("all", 2, 7)])
def test_endpoints_are_optional(
    stacks: Callable[..., Stack], asked: str, gateways: int, interfaces: int
) -> None:
    made = stacks(VpcEndpoints=asked, RouteTableIds="rtb-1").of_type("AWS::EC2::VPCEndpoint")
    kinds = [endpoint["Properties"]["VpcEndpointType"] for endpoint in made.values()]
    assert (kinds.count("Gateway"), kinds.count("Interface")) == (gateways, interfaces)


# ── How many ─────────────────────────────────────────────────────────────────────────────────────

NOTHING: dict[str, Value] = {
    "samples": None,
    "held": None,
    "requests": None,
    "requestsInWork": None,
    "polls": None,
    "pollsWaiting": None,
}


@pytest.fixture
def backlog_per_task(stacks: Callable[..., Stack]) -> Callable[..., Value]:
    """What the scaling policy computes from figures; those not given were not told."""
    policy = stacks().resources["FollowTheBacklog"]["Properties"]
    follow = policy["TargetTrackingScalingPolicyConfiguration"]
    queries = follow["CustomizedMetricSpecification"]["Metrics"]
    expressions = {one["Id"]: one["Expression"] for one in queries if "Expression" in one}
    assert {one["Id"] for one in queries} == {*expressions, *NOTHING}

    def compute(**figures: Value) -> Value:
        known = NOTHING | figures
        for name in ("tasks", "left", "due"):
            known[name] = evaluate(expressions[name], known)
        return evaluate(expressions["perTask"], known)

    return compute


def wanted_tasks(per_task: Value, *, running: int, target: int = 60) -> int:
    """As target tracking computes it. Source: Application Auto Scaling, target tracking."""
    assert per_task is not None
    return -int(-running * per_task // target)


def test_tasks_follow_what_is_due(backlog_per_task: Callable[..., Value]) -> None:
    per_task = backlog_per_task(samples=2, requests=300, polls=60, pollsWaiting=1000)
    assert per_task == pytest.approx(180.01)
    assert wanted_tasks(per_task, running=2) == 7


def test_one_task_stays_while_any_job_waits(backlog_per_task: Callable[..., Value]) -> None:
    assert wanted_tasks(backlog_per_task(samples=4, pollsWaiting=1), running=4) == 1


def test_with_no_message_left_nobody_is_needed(backlog_per_task: Callable[..., Value]) -> None:
    assert wanted_tasks(backlog_per_task(samples=1), running=1) == 0


def test_requests_that_are_held_for_trouble_start_no_more_tasks(
    backlog_per_task: Callable[..., Value],
) -> None:
    per_task = backlog_per_task(samples=1, requests=10_000, held=1)
    assert wanted_tasks(per_task, running=1) == 1


def test_where_nothing_is_told_scaling_does_not_ask_whether_requests_are_held(
    stacks: Callable[..., Stack],
) -> None:
    policy = stacks(TellMetrics="false").resources["FollowTheBacklog"]["Properties"]
    assert "held" not in str(policy)


def test_the_first_task_is_started_by_an_alarm_where_there_may_be_none(
    stacks: Callable[..., Stack],
) -> None:
    assert "WorkWithoutWorker" not in stacks(MinTasks="1").resources
    alarm = stacks(MinTasks="0").resources["WorkWithoutWorker"]["Properties"]
    assert alarm["AlarmActions"] == [{"Ref": "StartTheFirst"}]
    expression = alarm["Metrics"][0]["Expression"]
    nothing: dict[str, Value] = {"taken": 0, "asked": 0, "requests": 0, "polls": 0}
    cases: list[tuple[dict[str, Value], float]] = [
        ({"requests": 3}, 3),
        ({"polls": 2, "taken": None, "asked": None}, 2),
        ({"requests": 3, "taken": 1}, 0),  # a worker is at it, here or on Lambda
        ({"requests": 3, "asked": 20}, 0),  # one is there and holds requests
        ({}, 0),
    ]
    for told, stranded in cases:
        assert evaluate(expression, nothing | told) == stranded


def test_without_scaling_the_number_is_fixed_and_nothing_of_it_is_made(
    stacks: Callable[..., Stack],
) -> None:
    fixed = stacks(ScaleWithBacklog="false", MinTasks="0")
    assert fixed.resources["Service"]["Properties"]["DesiredCount"] == {"Ref": "MinTasks"}
    kinds = {resource["Type"] for resource in fixed.resources.values()}
    assert not [kind for kind in kinds if kind.startswith("AWS::ApplicationAutoScaling")]
    assert "DesiredCount" not in stacks().resources["Service"]["Properties"]
