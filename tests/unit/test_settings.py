import pickle

import pytest

from worker.engine.rules import EngineRules
from worker.errors import SettingsError
from worker.hautech.config import DEFAULT_API_URL
from worker.jobs.pacing import PollBounds, first_poll_delay_s, next_poll_delay_s
from worker.settings import (
    SETTINGS,
    ApiToken,
    ApplicationKey,
    Secret,
    Settings,
    StoredCredentials,
    load_settings,
    parse_stored_credentials,
)

QUEUES = "https://sqs.eu-west-1.amazonaws.com/123456789012"
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:hautech-AbCdEf"
GOOD = {
    "WORKER_REQUEST_QUEUE_URL": f"{QUEUES}/requests",
    "WORKER_POLL_QUEUE_URL": f"{QUEUES}/polls",
    "WORKER_DEAD_LETTER_QUEUE_URL": f"{QUEUES}/dead-letters",
    "WORKER_JOB_TABLE": "jobs",
    "WORKER_RESULT_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:results",
    "WORKER_INPUT_BUCKETS": "catalog, drafts,",
    "WORKER_OUTPUT_BUCKETS": "generated",
    "HAUTECH_API_TOKEN": "canary-token",
}


def load(**changes: str | None) -> Settings:
    environ = {name: value for name, value in (GOOD | changes).items() if value is not None}
    return load_settings(environ)


def problems(**changes: str | None) -> dict[str, str]:
    with pytest.raises(SettingsError) as caught:
        load(**changes)
    assert "canary" not in str(caught.value)
    return {problem.field: str(problem) for problem in caught.value.problems}


def test_what_is_not_set_has_the_documented_default() -> None:
    settings = load()
    assert settings.hautech_api_url == DEFAULT_API_URL == "https://api.hautech.ai"
    assert settings.concurrency == 32
    assert (settings.poll_min_s, settings.poll_max_s) == (1, 30)
    assert settings.pipeline_timeout_s == 1800
    assert settings.visibility_s == 60
    assert settings.hautech_upload_ttl_s == 604_800
    assert settings.hautech_run_route == "auto"
    assert settings.health_port == 8080
    assert (settings.log_format, settings.log_level) == (None, "info")
    assert settings.input_buckets == ("catalog", "drafts")
    assert settings.warnings == ()


def test_the_defaults_are_those_of_the_engine() -> None:
    settings, rules = load(), EngineRules(input_buckets=frozenset(), output_buckets=frozenset())
    assert settings.max_attempts == rules.max_attempts
    assert settings.hautech_requests_per_s is rules.hautech_requests_per_s is None
    assert settings.in_flight_most is rules.in_flight_most is None
    assert settings.batch_open_rows == rules.batch_open_rows
    assert settings.image_max_bytes == rules.image_max_bytes
    assert settings.image_max_px == rules.image_max_px
    assert settings.pipeline_timeout_s == rules.pipeline_timeout_s
    assert (settings.poll_min_s, settings.poll_max_s) == (
        rules.poll_bounds.min_s,
        rules.poll_bounds.max_s,
    )


def test_limits_towards_hautech_can_be_set() -> None:
    settings = load(WORKER_HAUTECH_REQUESTS_PER_SECOND="2.5", WORKER_MAX_PIPELINES_IN_FLIGHT="300")
    assert (settings.hautech_requests_per_s, settings.in_flight_most) == (2.5, 300)


def test_every_problem_is_reported_at_once_with_its_source() -> None:
    with pytest.raises(SettingsError) as caught:
        load_settings({})
    found = {problem.field: str(problem) for problem in caught.value.problems}
    required = [spec.name for spec in SETTINGS if spec.required]
    assert list(found) == [*required, "HAUTECH_API_TOKEN"]
    for name, output in {
        "WORKER_REQUEST_QUEUE_URL": "RequestQueueUrl",
        "WORKER_POLL_QUEUE_URL": "PollQueueUrl",
        "WORKER_DEAD_LETTER_QUEUE_URL": "DeadLetterQueueUrl",
        "WORKER_JOB_TABLE": "JobTableName",
        "WORKER_RESULT_TOPIC_ARN": "ResultTopicArn",
        "WORKER_INPUT_BUCKETS": "InputBucketName",
        "WORKER_OUTPUT_BUCKETS": "OutputBucketName",
    }.items():
        assert f"not set (stack output {output} " in found[name]
    assert "HAUTECH_APP_KEY_SECRET, or HAUTECH_SECRET_ARN" in found["HAUTECH_API_TOKEN"]


@pytest.mark.parametrize(
    ("name", "value", "rule"),
    [
        ("WORKER_REQUEST_QUEUE_URL", "requests", "must be the https URL of an SQS queue"),
        ("WORKER_POLL_QUEUE_URL", "arn:aws:sqs:eu-west-1:1:polls", "must be the https URL"),
        ("WORKER_POLL_QUEUE_URL", f"{QUEUES}/requests", "must be another queue"),
        ("WORKER_DEAD_LETTER_QUEUE_URL", "https://[::1", "must be the https URL"),
        ("WORKER_JOB_TABLE", "jobs table", "must be the name of a DynamoDB table"),
        ("WORKER_RESULT_TOPIC_ARN", f"{QUEUES}/results", "must be the ARN of an SNS topic"),
        ("WORKER_INPUT_BUCKETS", "s3://catalog", "only the name is wanted"),
        ("WORKER_INPUT_BUCKETS", "catalog,B", "bucket 'B': the bucket name must be 3 to 63"),
        ("WORKER_OUTPUT_BUCKETS", " , ", "names no bucket"),
        ("HAUTECH_API_URL", "http://api.hautech.ai", "http is allowed on loopback hosts only"),
        ("HAUTECH_API_URL", "https://u:canary@x", "must hold no user name"),
        ("HAUTECH_RUN_ROUTE", "doc", "must be one of auto, docs, sdk (did you mean docs?)"),
        ("HAUTECH_UPLOAD_TTL_SECONDS", "7199", "must be a whole number from 7,200 to 31,536,000"),
        ("HAUTECH_DOWNLOAD_HOSTS", "https://cdn.example.com/", "is not a host name"),
        ("HAUTECH_SECRET_ARN", "hautech", "both set: only one way to sign in"),
        ("WORKER_CONCURRENCY", "1", "must be a whole number from 2 to 512"),
        ("WORKER_CONCURRENCY", "1e2", "must be a whole number"),
        ("WORKER_CONCURRENCY", "٣٢", "must be a whole number"),
        ("WORKER_POLL_MIN_SECONDS", "nan", "must be a number from 1 to 900"),
        ("WORKER_POLL_MIN_SECONDS", "31", "must not be more than WORKER_POLL_MAX_SECONDS (30)"),
        ("WORKER_POLL_MAX_SECONDS", "0", "must be a number from 1 to 900"),
        ("WORKER_PIPELINE_TIMEOUT_SECONDS", "-5", "must be a number from 1 to 43,200"),
        ("WORKER_MAX_ATTEMPTS", "0", "must be a whole number from 1 to 1,000"),
        ("WORKER_HAUTECH_REQUESTS_PER_SECOND", "0", "must be a number from 0.1 to 10,000"),
        ("WORKER_MAX_PIPELINES_IN_FLIGHT", "0", "must be a whole number from 1 to 100,000"),
        ("WORKER_BATCH_OPEN_ROWS", "0", "must be a whole number from 1 to 100,000"),
        ("WORKER_IMAGE_MAX_BYTES", "20 MB", "must be a whole number"),
        ("WORKER_IMAGE_MAX_PIXELS", "0", "must be a whole number"),
        ("WORKER_VISIBILITY_SECONDS", "4", "must be a whole number from 5 to 43,200"),
        ("WORKER_HEALTH_PORT", "65536", "must be a whole number from 0 to 65,535"),
        ("WORKER_LOG_FORMAT", "text", "must be one of json, console"),
        ("WORKER_LOG_LEVEL", "verbose", "must be one of debug, info, warning, error"),
        ("HTTPS_PROXY", "canary-proxy", "must be a proxy URL"),
    ],
)
def test_a_bad_value_is_refused_with_its_rule(name: str, value: str, rule: str) -> None:
    found = problems(**{name: value})
    [(field, text)] = found.items()
    assert name in field
    assert rule in text


@pytest.mark.parametrize(
    ("poll_max", "timeout", "least"),
    [("1", "1800", 5), ("4.9", "1800", 5), ("30", "43200", 108), ("1", "401", 2)],
)
def test_a_pipeline_may_not_take_more_polls_than_its_message_has_receives(
    poll_max: str, timeout: str, least: int
) -> None:
    given = {"WORKER_POLL_MAX_SECONDS": poll_max, "WORKER_PIPELINE_TIMEOUT_SECONDS": timeout}
    [(field, text)] = problems(**given).items()
    assert field == "WORKER_POLL_MAX_SECONDS and WORKER_PIPELINE_TIMEOUT_SECONDS"
    assert f"{poll_max} and {timeout}" in text
    assert "gives a message up after 1,000 receives" in text
    assert f"WORKER_POLL_MAX_SECONDS of at least {least}, or" in text
    assert load(**given | {"WORKER_POLL_MAX_SECONDS": str(least)}).poll_max_s == least


def test_the_longest_timeout_that_a_message_names_is_taken() -> None:
    found = problems(WORKER_POLL_MAX_SECONDS="4")
    assert "WORKER_PIPELINE_TIMEOUT_SECONDS of at most 1,600" in str(found)
    assert load(WORKER_POLL_MAX_SECONDS="4", WORKER_PIPELINE_TIMEOUT_SECONDS="1600").poll_max_s == 4


@pytest.mark.parametrize("poll_max", [5, 30, 108, 900])
def test_two_pipelines_in_turn_need_less_receives_than_the_polls_queue_allows(
    poll_max: int,
) -> None:
    timeout_s = min(poll_max * 400, 43_200)
    settings = load(
        WORKER_POLL_MAX_SECONDS=str(poll_max), WORKER_PIPELINE_TIMEOUT_SECONDS=str(timeout_s)
    )
    bounds = PollBounds(settings.poll_min_s, settings.poll_max_s)
    age_s, polls = float(first_poll_delay_s(None, bounds)), 1
    while age_s <= timeout_s:
        age_s, polls = age_s + next_poll_delay_s(age_s, None, bounds), polls + 1
    assert 2 * polls < 900


def test_the_value_stands_in_the_message_shortened() -> None:
    assert problems(WORKER_JOB_TABLE="x y")["WORKER_JOB_TABLE"].startswith(
        "WORKER_JOB_TABLE: 'x y': must be"
    )
    assert len(problems(WORKER_JOB_TABLE="x " * 5000)["WORKER_JOB_TABLE"]) < 400


def test_white_space_and_empty_values_count_as_not_set() -> None:
    settings = load(WORKER_CONCURRENCY="  ", WORKER_JOB_TABLE=" jobs\n", WORKER_LOG_LEVEL="INFO")
    assert (settings.concurrency, settings.job_table, settings.log_level) == (32, "jobs", "info")


@pytest.mark.parametrize(("text", "port"), [("", None), ("off", None), ("0", 0), ("9000", 9000)])
def test_the_health_port_can_be_turned_off(text: str, port: int | None) -> None:
    assert load(WORKER_HEALTH_PORT=text).health_port == port


def test_a_misspelt_variable_is_warned_about() -> None:
    settings = load(WORKER_CONCURENCY="4", HAUTECH_COLOUR="red", OTHER="1")
    assert settings.warnings == (
        "HAUTECH_COLOUR is not a setting of the worker",
        "WORKER_CONCURENCY is not a setting of the worker; did you mean WORKER_CONCURRENCY?",
    )


def test_a_misspelt_required_variable_is_pointed_out_with_the_problem() -> None:
    found = problems(WORKER_JOB_TABLE=None, WORKER_JOBS_TABLE="jobs")
    assert "did you mean WORKER_JOB_TABLE?" in found["WORKER_JOBS_TABLE"]
    assert "not set" in found["WORKER_JOB_TABLE"]


def test_a_command_may_need_less() -> None:
    settings = load_settings(
        {"WORKER_REQUEST_QUEUE_URL": f"{QUEUES}/requests"}, needs=["WORKER_REQUEST_QUEUE_URL"]
    )
    assert settings.job_table == ""
    assert settings.hautech_credentials is None
    with pytest.raises(SettingsError, match="WORKER_JOB_TABLE: not set"):
        load_settings({}, needs=["WORKER_JOB_TABLE"])
    with pytest.raises(SettingsError, match="HAUTECH_API_TOKEN: not set"):
        load_settings({}, needs=["HAUTECH_API_TOKEN"])


def test_what_is_set_must_be_right_even_where_it_is_not_needed() -> None:
    with pytest.raises(SettingsError, match="WORKER_JOB_TABLE"):
        load_settings({"WORKER_JOB_TABLE": "?"}, needs=[])


class TestSigningIn:
    def test_a_token(self) -> None:
        assert load().hautech_credentials == ApiToken(Secret("canary-token"))

    def test_an_application_key(self) -> None:
        settings = load(
            HAUTECH_API_TOKEN=None,
            HAUTECH_APP_ID="app",
            HAUTECH_APP_KEY_ID="key",
            HAUTECH_APP_KEY_SECRET="canary-secret",
            HAUTECH_ACCOUNT_ID="account",
        )
        assert settings.hautech_credentials == ApplicationKey(
            app_id="app", key_id="key", key_secret=Secret("canary-secret"), account_id="account"
        )

    def test_a_stored_secret(self) -> None:
        settings = load(HAUTECH_API_TOKEN=None, HAUTECH_SECRET_ARN=ARN)
        assert settings.hautech_credentials == StoredCredentials(ARN)

    def test_an_arn_of_something_else_is_refused(self) -> None:
        found = problems(HAUTECH_API_TOKEN=None, HAUTECH_SECRET_ARN="arn:aws:sns:x")
        assert "must be the ARN of a Secrets Manager secret" in found["HAUTECH_SECRET_ARN"]

    def test_what_is_missing_of_a_key_is_named_and_nothing_else(self) -> None:
        found = problems(HAUTECH_API_TOKEN=None, HAUTECH_APP_ID="app")
        assert list(found) == ["HAUTECH_APP_KEY_ID", "HAUTECH_APP_KEY_SECRET"]
        assert "needed together with HAUTECH_APP_ID" in found["HAUTECH_APP_KEY_ID"]

    def test_two_ways_at_once_are_refused(self) -> None:
        found = problems(HAUTECH_APP_KEY_SECRET="canary-secret")
        assert "keep one of" in found["HAUTECH_API_TOKEN and HAUTECH_APP_KEY_SECRET"]

    @pytest.mark.parametrize("token", ["Bearer canary", "canary two", "canary\x01"])
    def test_a_token_with_something_around_it_is_refused(self, token: str) -> None:
        assert "must be the bare token" in problems(HAUTECH_API_TOKEN=token)["HAUTECH_API_TOKEN"]

    def test_a_stored_secret_holds_one_of_the_two(self) -> None:
        stored = StoredCredentials(ARN, "account")
        token = parse_stored_credentials({"HAUTECH_API_TOKEN": " canary "}, stored)
        assert token == ApiToken(Secret("canary"))
        key = parse_stored_credentials(
            {
                "HAUTECH_APP_ID": "app",
                "HAUTECH_APP_KEY_ID": "key",
                "HAUTECH_APP_KEY_SECRET": "canary",
            },
            stored,
        )
        assert isinstance(key, ApplicationKey)
        assert key.account_id == "account"

    @pytest.mark.parametrize("values", [{}, {"token": "canary"}, {"HAUTECH_APP_ID": "canary"}])
    def test_a_stored_secret_without_them_is_named_with_what_is_missing(
        self, values: dict[str, str]
    ) -> None:
        with pytest.raises(SettingsError) as caught:
            parse_stored_credentials(values, StoredCredentials(ARN))
        assert ARN in str(caught.value)
        assert "HAUTECH_APP_KEY_ID" in str(caught.value)
        assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("no_proxy", "is_used"),
    [
        ("", True),
        ("*", False),
        ("example.com,.hautech.ai", False),
        ("hautech.ai", False),
        ("ai.example", True),
    ],
)
def test_no_proxy_excludes_the_host_of_the_api(no_proxy: str, is_used: bool) -> None:
    settings = load(HTTPS_PROXY="http://user:canary@proxy.example.com:3128", NO_PROXY=no_proxy)
    assert (settings.proxy_url is not None) == is_used


def test_secrets_never_show() -> None:
    settings = load(HTTPS_PROXY="http://user:canary@proxy.example.com:3128")
    secret = Secret("canary")
    for text in (repr(settings), str(settings), repr(secret), f"{secret}", "%s" % secret):  # noqa: UP031 - one of the ways in which a text is made
        assert "canary" not in text
    assert secret.reveal() == "canary"
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(secret)


def test_equal_secrets_are_equal() -> None:
    assert Secret("a") == Secret("a")
    assert hash(Secret("a")) == hash(Secret("a"))
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


def test_the_rules_file_is_a_place_in_s3() -> None:
    assert load(WORKER_DROP_RULES="").drop_rules is None
    place = load(WORKER_DROP_RULES="s3://catalog/drop/rules.yaml").drop_rules
    assert str(place) == "s3://catalog/drop/rules.yaml"


@pytest.mark.parametrize(
    "text", ["rules.yaml", "s3://catalog", "s3://catalog/", "s3://catalog/r.yaml?versionId=1"]
)
def test_a_rules_file_that_is_no_object_is_refused_by_name(text: str) -> None:
    with pytest.raises(SettingsError, match="WORKER_DROP_RULES"):
        load(WORKER_DROP_RULES=text)
