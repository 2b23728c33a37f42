"""What must stay true of serverless.yml and infra/lambda.yml, read without deploying them."""

import json
import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from tests.unit.deployment.templates import ROOT, document, imports, roles, statements
from worker.settings import SETTINGS

FUNCTIONS: dict[str, Any] = document("serverless.yml")["functions"]
DEFAULTS: dict[str, Any] = document("serverless.yml")["params"]["default"]


def parameter_default(name: str) -> int:
    return int(document("infra/resources.yml")["Parameters"][name]["Default"])


@pytest.mark.parametrize(
    ("function", "visibility"),
    [
        ("requests", "RequestVisibilityTimeoutSeconds"),
        ("polls", "PollVisibilityTimeoutSeconds"),
    ],
)
def test_a_message_stays_hidden_six_timeouts_long(function: str, visibility: str) -> None:
    assert FUNCTIONS[function]["timeout"] == f"${{param:{function}TimeoutSeconds}}"
    assert DEFAULTS[f"{function}TimeoutSeconds"] * 6 <= parameter_default(visibility)


def test_batches_beyond_ten_have_a_window_as_lambda_demands() -> None:
    assert DEFAULTS["requestsBatch"] <= 10
    assert DEFAULTS["pollsBatch"] > 10
    assert DEFAULTS["pollsWindowSeconds"] >= 1


def test_queues_are_answered_record_by_record_and_limited_by_the_mapping() -> None:
    for name in ("requests", "polls"):
        (event,) = FUNCTIONS[name]["events"]
        assert event["sqs"]["functionResponseType"] == "ReportBatchItemFailures"
        assert event["sqs"]["maximumConcurrency"] == f"${{param:{name}Concurrency}}"
        assert "reservedConcurrency" not in FUNCTIONS[name]


def test_both_files_import_only_what_the_resources_stack_exports() -> None:
    outputs = document("infra/resources.yml")["Outputs"]
    exported = {name for name, one in outputs.items() if "Export" in one}

    used = imports(document("serverless.yml")) | imports(document("infra/lambda.yml"))

    assert len(used) > 10
    assert used <= exported


def test_the_functions_are_given_every_required_setting_and_nothing_unknown() -> None:
    given = set(document("serverless.yml")["provider"]["environment"])
    required = {spec.name for spec in SETTINGS if spec.required}
    known = {spec.name for spec in SETTINGS}

    assert required | {"HAUTECH_SECRET_ARN"} <= given
    assert {name for name in given if not name.startswith("POWERTOOLS_")} <= known


def test_no_secret_stands_in_the_environment() -> None:
    given = set(document("serverless.yml")["provider"]["environment"])

    assert not given & {spec.name for spec in SETTINGS if spec.secret}


def test_every_parameter_of_the_roles_is_given_in_the_template() -> None:
    roles_and_more, parameters = document("serverless.yml")["resources"]

    assert roles_and_more == "${file(infra/lambda.yml)}"
    assert set(parameters["Parameters"]) == set(document("infra/lambda.yml")["Parameters"])
    # The first call of a deployment has another template, which declares none of them.
    assert "stackParameters" not in document("serverless.yml")["provider"]


def test_each_function_has_a_role_of_its_own() -> None:
    assert sorted(one["role"] for one in FUNCTIONS.values()) == sorted(roles())


@pytest.mark.parametrize("role", roles())
def test_every_statement_has_a_name_of_its_own_and_names_actions_one_by_one(role: str) -> None:
    found = statements(role)
    sids = [one["Sid"] for one in found]

    assert len(set(sids)) == len(sids)
    assert all("*" not in action for one in found for action in one["Action"])


@pytest.mark.parametrize("role", roles())
def test_only_tracing_is_allowed_on_everything(role: str) -> None:
    wide = [one["Sid"] for one in statements(role) if one["Resource"] == "*"]

    assert wide == ["WriteTraces"]


@pytest.mark.parametrize("role", roles())
def test_a_function_writes_its_own_log_and_no_other(role: str) -> None:
    function = role.removesuffix("Role").lower()
    (logs,) = [one for one in statements(role) if one["Sid"] == "WriteLogs"]

    assert logs["Resource"]["Fn::Sub"].endswith(f"/aws/lambda/${{FunctionPrefix}}-{function}:*")


@pytest.mark.parametrize(
    ("sid", "actions", "condition", "parameter"),
    [
        ("OpenPhotos", {"kms:Decrypt"}, "InputBucketHasKey", "InputBucketKeyArn"),
        (
            "SealPhotosPutAside",
            {"kms:GenerateDataKey"},
            "DroppedPhotosAreSealed",
            "InputBucketKeyArn",
        ),
        (
            "SealPictures",
            {"kms:Decrypt", "kms:GenerateDataKey"},
            "OutputBucketHasKey",
            "OutputBucketKeyArn",
        ),
    ],
)
def test_keys_of_own_buckets_may_be_used_through_s3_only_by_who_uses_the_bucket(
    sid: str, actions: set[str], condition: str, parameter: str
) -> None:
    users = {role: one for role in roles() for one in statements(role) if one["Sid"] == sid}

    assert set(users) == {"RequestsRole", "PollsRole"}
    for one in users.values():
        asked, key, no_key = one["Resource"]["Fn::If"]
        assert set(one["Action"]) == actions
        assert (asked, key) == (condition, {"Ref": parameter})
        assert no_key["Fn::Sub"].endswith(":key/none")
        via = {"kms:ViaService": {"Fn::Sub": "s3.${AWS::Region}.*"}}
        assert one["Condition"] == {"StringLike": via}


def test_photos_are_sealed_only_where_they_are_put_aside_in_a_bucket_with_keys() -> None:
    conditions = document("infra/lambda.yml")["Conditions"]

    assert conditions["DroppedPhotosAreSealed"] == {
        "Fn::And": [{"Condition": "DropsAreTaken"}, {"Condition": "InputBucketHasKey"}]
    }
    assert conditions["DropsAreTaken"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": "DropRules"}, ""]}]}


def test_the_roles_allow_every_call_that_the_worker_makes_by_itself() -> None:
    files = [
        path
        for path in (ROOT / "worker").rglob("*.py")
        if "commands" not in path.parts  # people run those, with permissions of their own
    ]
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    needed = set(re.findall(r'AwsCall\([^)]*"(\w+:\w+)"', text))
    allowed = {action for role in roles() for one in statements(role) for action in one["Action"]}

    assert len(needed) > 8
    assert needed <= allowed


def test_osls_is_pinned_and_the_lock_file_says_from_where_nothing_comes() -> None:
    lock = json.loads(Path(ROOT / "package-lock.json").read_text(encoding="utf-8"))
    wanted = json.loads(Path(ROOT / "package.json").read_text(encoding="utf-8"))
    packages = {name: one for name, one in lock["packages"].items() if name}

    assert packages["node_modules/osls"]["version"] == wanted["devDependencies"]["osls"]
    assert [name for name, one in packages.items() if "resolved" in one] == []
    assert [name for name, one in packages.items() if "integrity" not in one] == []


def test_the_handlers_are_where_the_pinned_names_say() -> None:
    for function in FUNCTIONS.values():
        module, _, name = function["handler"].rpartition(".")
        assert callable(getattr(import_module(module), name))
