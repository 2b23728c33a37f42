"""`doctor` on a real stack: silent about what is right, and exact about each thing that is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from sandbox.aws import worker_environment
from sandbox.hautech import StandIn
from tests.builders import NOON
from tests.support.aws import DeployedAws
from tests.support.standin import credentials
from worker.adapters.aws.notices import DynamoNoticeBoard
from worker.adapters.aws.rules import DynamoRulesShelf
from worker.adapters.system_clock import SystemClock
from worker.drops.rules import load_rules
from worker.ports.notices import CircuitNotice, HoldReason
from worker.ports.rules import BrokenRules, KeptRules
from worker.runtime.cli import app
from worker.runtime.commands.check_storage import PROBE_FOLDER

Doctor = Callable[..., dict[tuple[str, str], dict[str, str]]]


@pytest.fixture(scope="module")
def running_stand_in() -> Iterator[StandIn]:
    with StandIn(credentials=credentials()) as stand_in:
        yield stand_in


@pytest.fixture
def stand_in(running_stand_in: StandIn) -> StandIn:
    """A Hautech as newly started."""
    running_stand_in.reset()
    return running_stand_in


@pytest.fixture
def environment(moto_aws: DeployedAws, stand_in: StandIn) -> dict[str, str]:
    """Settings under which everything works."""
    return worker_environment(
        moto_aws.outputs,
        moto_aws,
        {
            "HAUTECH_API_URL": stand_in.api_url,
            "HAUTECH_API_TOKEN": stand_in.credentials.api_token,
        },
    )


@pytest.fixture
def call(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Result]:
    """Calls `hautech-worker doctor` in that environment."""
    monkeypatch.setenv("COLUMNS", "80")

    def doctor(*words: str, **changes: str | None) -> Result:
        for name, value in {**environment, **changes}.items():
            if value is None:
                monkeypatch.delenv(name, raising=False)
            else:
                monkeypatch.setenv(name, value)
        return CliRunner().invoke(app, ["doctor", *words])

    return doctor


@pytest.fixture
def doctor(call: Callable[..., Result]) -> Doctor:
    """The findings that are not `ok`, by area and name; the worst of each."""

    def find(**changes: str | None) -> dict[tuple[str, str], dict[str, str]]:
        done = call("--json", **changes)
        findings = json.loads(done.stdout)["findings"]
        failed = [one for one in findings if one["level"] == "failed"]
        assert done.exit_code == (1 if failed else 0)
        wrong = sorted(
            (one for one in findings if one["level"] != "ok"),
            key=lambda one: one["level"] == "failed",
        )
        return {(one["area"], one["name"]): one for one in wrong}

    return find


# What these emulators do not do: subscriptions are for the tests, time to live is not deployed.
USUAL = {("Topic", "topic"), ("Job table", "expiry"), ("Hautech", "download host")}


def test_a_fresh_stack_has_nothing_that_fails(doctor: Doctor) -> None:
    found = doctor()

    assert set(found) == USUAL
    assert "failed" not in {one["level"] for one in found.values()}
    assert "nobody has subscribed" in found["Topic", "topic"]["said"]


def test_it_reads_well_and_shows_no_secret(call: Callable[..., Result], stand_in: StandIn) -> None:
    done = call()

    assert done.exit_code == 0, done.output
    for words in ("Settings", "Queues", "Job table", "Buckets", "Hautech", "0 failed"):
        assert words in done.stdout
    assert "HAUTECH_API_TOKEN  set (not shown)" in done.stdout
    assert stand_in.credentials.api_token not in done.output


def test_it_leaves_nothing_behind(doctor: Doctor, moto_aws: DeployedAws) -> None:
    s3, outputs = moto_aws.client("s3"), moto_aws.outputs
    s3.put_bucket_versioning(
        Bucket=outputs.output_bucket_name, VersioningConfiguration={"Status": "Enabled"}
    )

    doctor()

    versions = s3.list_object_versions(Bucket=outputs.output_bucket_name)
    assert not versions.get("Versions")
    assert not versions.get("DeleteMarkers")
    items = moto_aws.client("dynamodb").scan(TableName=outputs.job_table_name)["Items"]
    assert items == []


def test_missing_settings_fail_and_the_other_checks_go_on(doctor: Doctor) -> None:
    found = doctor(WORKER_JOB_TABLE=None, WORKER_CONCURRENCY="many", WORKER_POLL_MIN_SECOND="3")

    assert found["Settings", "WORKER_JOB_TABLE"]["fix"].startswith("stack output JobTableName")
    assert "whole number" in found["Settings", "WORKER_CONCURRENCY"]["said"]
    assert "WORKER_POLL_MIN_SECONDS" in found["Settings", "WORKER_POLL_MIN_SECOND"]["fix"]
    assert found["Job table", "table"]["level"] == "skipped"
    assert found["Topic", "topic"]["level"] == "warning"


def test_no_credentials_at_hautech_are_told_once(doctor: Doctor) -> None:
    found = doctor(HAUTECH_API_TOKEN=None)

    assert found["Settings", "HAUTECH_API_TOKEN"]["level"] == "failed"
    assert found["Hautech", "sign-in"]["level"] == "skipped"


def test_queues_that_do_not_exist_or_lose_messages_fail(
    doctor: Doctor, moto_aws: DeployedAws
) -> None:
    sqs, outputs = moto_aws.client("sqs"), moto_aws.outputs
    sqs.set_queue_attributes(
        QueueUrl=outputs.dead_letter_queue_url, Attributes={"MessageRetentionPeriod": "60"}
    )
    bare = sqs.create_queue(QueueName="bare", Attributes={"VisibilityTimeout": "5"})["QueueUrl"]

    found = doctor(WORKER_POLL_QUEUE_URL=bare)

    assert "SQS counts from the first sending" in found["Queues", "requests"]["said"]
    assert "1209600" in found["Queues", "requests"]["fix"]
    assert found["Queues", "polls"]["level"] == "warning"
    assert "no redrive policy" in found["Queues", "polls"]["said"]
    gone = doctor(WORKER_POLL_QUEUE_URL=bare + "-gone")
    assert gone["Queues", "polls"]["level"] == "failed"
    assert "it does not exist" in gone["Queues", "polls"]["fix"]


def test_a_redrive_policy_that_strikes_too_early_or_elsewhere_fails(
    doctor: Doctor, moto_aws: DeployedAws
) -> None:
    sqs, outputs = moto_aws.client("sqs"), moto_aws.outputs
    other = sqs.create_queue(QueueName="other")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=other, AttributeNames=["QueueArn"])["Attributes"]
    policy = {"deadLetterTargetArn": arn["QueueArn"], "maxReceiveCount": 100}
    for url in (outputs.request_queue_url, outputs.poll_queue_url):
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"RedrivePolicy": json.dumps(policy)})

    found = doctor()

    assert "not to the dead-letter queue" in found["Queues", "requests"]["said"]
    assert "each poll of a pending pipeline is a receive" in found["Queues", "polls"]["said"]
    assert found["Queues", "polls"]["fix"] == "set maxReceiveCount to 1000"


def test_dead_letters_are_pointed_at(doctor: Doctor, moto_aws: DeployedAws) -> None:
    url = moto_aws.outputs.dead_letter_queue_url
    moto_aws.client("sqs").send_message(QueueUrl=url, MessageBody="{}")

    found = doctor()

    assert found["Queues", "dead letters"]["level"] == "warning"
    assert "hautech-worker dead-letters" in found["Queues", "dead letters"]["fix"]


def test_a_table_of_another_shape_fails(doctor: Doctor, moto_aws: DeployedAws) -> None:
    moto_aws.client("dynamodb").create_table(
        TableName="another",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )

    found = doctor(WORKER_JOB_TABLE="another")

    assert (
        found["Job table", "shape"]["said"] == "its key is id (HASH), and must be pk (HASH) alone"
    )
    assert found["Job table", "reads"]["level"] == "failed"


def test_a_table_that_does_not_exist_is_told_once(doctor: Doctor) -> None:
    found = doctor(WORKER_JOB_TABLE="gone")

    table = {name: one for (area, name), one in found.items() if area == "Job table"}
    assert table["shape"]["level"] == "failed"
    assert "does not exist" in table["shape"]["fix"]
    rest = {one["said"] for name, one in table.items() if name != "shape"}
    assert rest == {"not checked: the same cause as shape, see above"}
    assert {one["level"] for name, one in table.items() if name != "shape"} == {"skipped"}
    assert len(table) == 4


def test_piped_lines_are_not_padded(call: Callable[..., Result]) -> None:
    done = call(HAUTECH_API_TOKEN=None)

    assert "        -> " in done.stdout
    assert [line for line in done.stdout.splitlines() if line != line.rstrip()] == []


def test_buckets_and_topics_that_are_not_there_fail_alone(
    doctor: Doctor, environment: dict[str, str]
) -> None:
    both = f"{environment['WORKER_INPUT_BUCKETS']},no-such-bucket"
    topic = environment["WORKER_RESULT_TOPIC_ARN"].replace("ResultTopic", "NoTopic")

    found = doctor(
        WORKER_INPUT_BUCKETS=both, WORKER_OUTPUT_BUCKETS=both, WORKER_RESULT_TOPIC_ARN=topic
    )

    assert set(found) - USUAL == {
        ("Buckets", "input no-such-bucket"),
        ("Buckets", "output no-such-bucket"),
    }
    assert found["Topic", "topic"]["level"] == "failed"


def test_queues_that_get_raw_events_are_warned_of_the_ten_attributes(
    doctor: Doctor, moto_aws: DeployedAws
) -> None:
    sns, topic = moto_aws.client("sns"), moto_aws.outputs.result_topic_arn
    for name, raw in (("raw", "true"), ("wrapped", "false")):
        sns.subscribe(
            TopicArn=topic,
            Protocol="sqs",
            Endpoint=f"arn:aws:sqs:{moto_aws.region}:123456789012:{name}",
            Attributes={"RawMessageDelivery": raw},
        )

    found = doctor()["Topic", "raw delivery"]

    assert found["level"] == "warning"
    assert ":raw: SNS discards an event with more than ten attributes" in found["said"]
    assert "wrapped" not in found["said"]
    assert "six text values" in found["fix"]


def test_queues_that_get_wrapped_events_are_warned_of_nothing(
    doctor: Doctor, moto_aws: DeployedAws
) -> None:
    moto_aws.client("sns").subscribe(
        TopicArn=moto_aws.outputs.result_topic_arn,
        Protocol="sqs",
        Endpoint=f"arn:aws:sqs:{moto_aws.region}:123456789012:wrapped",
    )

    assert ("Topic", "raw delivery") not in doctor()


def test_a_refused_token_is_told_without_showing_it(doctor: Doctor) -> None:
    found = doctor(HAUTECH_API_TOKEN="wrong-token-1234567890")

    assert found["Hautech", "sign-in"]["level"] == "failed"
    assert "401" in found["Hautech", "sign-in"]["said"]
    assert "wrong-token" not in json.dumps(list(found.values()))


def test_an_empty_balance_is_a_warning(doctor: Doctor, stand_in: StandIn) -> None:
    stand_in.set_options(balance="-1.5")

    found = doctor()

    assert found["Hautech", "balance"]["level"] == "warning"
    assert "-1.5 credits" in found["Hautech", "balance"]["said"]


def test_an_api_that_cannot_be_reached_fails_once(doctor: Doctor) -> None:
    found = doctor(HAUTECH_API_URL="http://127.0.0.1:9")

    assert found["Hautech", "API"]["level"] == "failed"
    assert {name for area, name in found if area == "Hautech"} == {"API"}


def test_a_key_that_cannot_be_read_is_named(doctor: Doctor) -> None:
    found = doctor(
        HAUTECH_API_TOKEN=None,
        HAUTECH_APP_ID="app",
        HAUTECH_APP_KEY_ID="key",
        HAUTECH_APP_KEY_SECRET="bm90IGEga2V5",
    )

    assert "HAUTECH_APP_KEY_SECRET" in found["Hautech", "sign-in"]["said"]
    assert "bm90IGEga2V5" not in json.dumps(list(found.values()))


def test_a_clock_that_is_wrong_is_told(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SystemClock, "now", lambda _: NOON)

    with capture_logs() as lines:
        found = doctor()

    assert "clock is" in found["Hautech", "clock"]["said"]
    assert "clock_corrected" in {line["action"] for line in lines}


def test_links_that_may_not_be_followed_fail_before_anything_is_paid(
    doctor: Doctor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.hautech.urls.is_loopback", lambda _: False)

    found = doctor()

    assert found["Hautech", "upload host"]["level"] == "failed"
    assert "only https is followed" in found["Hautech", "upload host"]["said"]


def test_no_region_is_told_once_in_the_words_of_the_other_commands(doctor: Doctor) -> None:
    found = doctor(AWS_REGION=None, AWS_DEFAULT_REGION=None)

    assert found["AWS", "region"]["said"].startswith(
        "not set: the AWS SDK does not know the region"
    )
    assert found["AWS", "region"]["fix"].startswith("export AWS_REGION=eu-west-1, say")
    assert {name for area, name in found if area == "AWS"} == {"region", "everything on AWS"}
    assert found["AWS", "everything on AWS"]["level"] == "skipped"
    assert not [name for area, name in found if area in {"Queues", "Buckets", "Job table"}]


def test_a_sandbox_that_was_stopped_is_told_once(doctor: Doctor) -> None:
    found = doctor(AWS_ENDPOINT_URL="http://127.0.0.1:9")

    assert found["AWS", "endpoint"]["said"] == "nobody answers at http://127.0.0.1:9"
    assert "still running?" in found["AWS", "endpoint"]["fix"]
    assert [name for (_, name), one in found.items() if one["level"] == "failed"] == ["endpoint"]
    assert found["AWS", "everything on AWS"]["level"] == "skipped"


def test_a_network_without_sts_is_only_a_warning(doctor: Doctor) -> None:
    found = doctor(AWS_ENDPOINT_URL_STS="http://127.0.0.1:9")

    assert found["AWS", "credentials"]["level"] == "warning"
    assert {area for area, _ in found} > {"AWS", "Job table"}


def test_held_intake_is_told_with_its_reason_and_what_to_do(
    doctor: Doctor, moto_aws: DeployedAws
) -> None:
    board = DynamoNoticeBoard(moto_aws.client("dynamodb"), moto_aws.outputs.job_table_name)
    now = SystemClock().now()
    board.post(
        CircuitNotice(
            told_at=now,
            reason=HoldReason.OUT_OF_FUNDS,
            since=now - timedelta(hours=2),
            next_try_at=now + timedelta(minutes=4),
            said="HTTP 402: the account is empty",
        )
    )
    found = doctor()["Hautech", "intake"]
    assert found["level"] == "warning"
    assert found["said"].startswith(
        "held for 2 h; out_of_funds; HTTP 402: the account is empty; next try in "
    )
    assert "top the account up" in found["fix"]
    overdue = now - timedelta(minutes=15)
    board.post(CircuitNotice(told_at=overdue, reason=HoldReason.HAUTECH_DOWN, next_try_at=overdue))
    assert "the next request makes it" in doctor()["Hautech", "intake"]["said"]
    board.post(CircuitNotice(told_at=now))
    assert ("Hautech", "intake") not in doctor()


def test_nobody_is_warned_for_days_after_a_worker_that_was_replaced(
    doctor: Doctor, call: Callable[..., Result], moto_aws: DeployedAws
) -> None:
    board = DynamoNoticeBoard(moto_aws.client("dynamodb"), moto_aws.outputs.job_table_name)
    long_ago = SystemClock().now() - timedelta(hours=3)
    board.post(
        CircuitNotice(
            told_at=long_ago,
            reason=HoldReason.TOKEN_REFUSED,
            since=long_ago,
            next_try_at=long_ago + timedelta(minutes=5),
        )
    )
    assert ("Hautech", "intake") not in doctor()
    findings = json.loads(call("--json").stdout)["findings"]
    (found,) = (one for one in findings if one["name"] == "intake")
    assert found["said"].startswith("unknown: requests were held 3 h ago (token_refused)")


def test_a_rules_file_that_cannot_be_used_is_told_with_its_lines_and_what_counts_meanwhile(
    doctor: Doctor, moto_aws: DeployedAws
) -> None:
    s3, bucket = moto_aws.client("s3"), moto_aws.outputs.input_bucket_name
    place = f"s3://{bucket}/rules.yaml"
    missing = doctor(WORKER_DROP_RULES=place)
    assert missing["Drop folders", "rules"]["level"] == "failed"
    assert "no version could be used yet" in missing["Drop folders", "in force"]["said"]

    s3.put_object(Bucket=bucket, Key="rules.yaml", Body=b"version: 1\nrulez: []\n")
    broken = doctor(WORKER_DROP_RULES=place)["Drop folders", "rules"]
    assert "line 2" in broken["said"]
    assert "did you mean" in broken["fix"]

    table = moto_aws.outputs.job_table_name
    shelf = DynamoRulesShelf(moto_aws.client("dynamodb"), table)
    shelf.keep(KeptRules(source=place, text="version: 1\nrules: []\n"))
    kept = doctor(WORKER_DROP_RULES=place)["Drop folders", "in force"]
    assert kept["level"] == "warning"
    assert "since" not in kept["said"]

    since = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
    shelf.tell(
        BrokenRules(source=place, etag="x", version_id=None, since=since, problems=("line 2: no",))
    )
    told = doctor(WORKER_DROP_RULES=place)["Drop folders", "in force"]
    assert "broken since 2026-01-31 12:00:00 UTC" in told["said"]

    s3.put_object(Bucket=bucket, Key="rules.yaml", Body=b"version: 1\nrules: []\n")
    assert not [area for area, _ in doctor(WORKER_DROP_RULES=place) if area == "Drop folders"]


RULES = """
version: 1
rules:
  - name: garments
    match: "inbox/{{sku}}.{{ext}}"
    request: {{workflow: prepare-image}}
    output: "s3://{outputs}/"
    onSuccess: {{moveTo: "processed/"}}
"""


@pytest.fixture
def rules(moto_aws: DeployedAws) -> str:
    """A rules file that moves photos, in buckets that keep versions; its place."""
    s3, outputs = moto_aws.client("s3"), moto_aws.outputs
    inputs = outputs.input_bucket_name
    for bucket in (inputs, outputs.output_bucket_name):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    text = RULES.format(outputs=outputs.output_bucket_name)
    s3.put_object(Bucket=inputs, Key="rules.yaml", Body=text.encode())
    return f"s3://{inputs}/rules.yaml"


def test_marks_are_tried_where_the_rules_make_them_and_nothing_is_left(
    call: Callable[..., Result], moto_aws: DeployedAws, rules: str
) -> None:
    outputs = moto_aws.outputs
    buckets = {outputs.input_bucket_name, outputs.output_bucket_name}

    done = call("--json", WORKER_DROP_RULES=rules)

    findings = json.loads(done.stdout)["findings"]
    told = {one["name"]: one["said"] for one in findings if one["name"].startswith("marks ")}
    assert set(told) == {f"marks {bucket}" for bucket in buckets}
    assert all("was written, read and deleted" in said for said in told.values())
    assert not any("stays" in said for said in told.values())
    for bucket in buckets:
        versions = moto_aws.client("s3").list_object_versions(Bucket=bucket)
        kept = [*versions.get("Versions", ()), *versions.get("DeleteMarkers", ())]
        assert {one["Key"] for one in kept} <= {"rules.yaml"}


def test_a_bucket_in_which_no_photo_can_be_put_aside_fails_with_what_to_allow(
    doctor: Doctor, moto_aws: DeployedAws, rules: str
) -> None:
    bucket = moto_aws.outputs.input_bucket_name
    refusal = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:PutObject",
                "Resource": f"arn:aws:s3:::{bucket}/*",
            }
        ],
    }
    moto_aws.client("s3").put_bucket_policy(Bucket=bucket, Policy=json.dumps(refusal))

    found = doctor(WORKER_DROP_RULES=rules)

    failed = found["Drop folders", f"marks {bucket}"]
    assert failed["level"] == "failed"
    assert failed["fix"].startswith(f"allow s3:PutObject on s3://{bucket}/")


@pytest.mark.parametrize("match", ["{path...}", "{path...}.{ext}", PROBE_FOLDER + "{name}"])
@pytest.mark.parametrize("kind", ["request", "manifest: true, request"])
def test_no_rule_takes_a_probe_for_a_drop(match: str, kind: str) -> None:
    rule = f"name: all, match: '{match}', {kind}: {{workflow: prepare-image}}"
    rules = load_rules(
        f"version: 1\nrules:\n  - {{{rule}, output: 's3://pictures/'}}\n",
        input_buckets=frozenset({"photos"}),
        output_buckets=frozenset({"pictures"}),
    )

    assert rules.match("photos", f"{PROBE_FOLDER}5d1c") is None
    assert len(rules.rules) == 1
