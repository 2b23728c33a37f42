from typing import Any

import pytest

from worker.adapters.aws.secrets_manager import SecretsManager
from worker.adapters.reloading_token import ReloadingToken
from worker.bootstrap import Application, build_application, build_engine
from worker.engine.engine import Engine
from worker.engine.rules import EngineRules
from worker.errors import CredentialsRefusedError, Problem, SettingsError
from worker.hautech.auth import StaticToken
from worker.settings import load_settings

QUEUES = "https://sqs.eu-west-1.amazonaws.com/123456789012"
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:hautech-AbCdEf"
GOOD = {
    "WORKER_REQUEST_QUEUE_URL": f"{QUEUES}/requests",
    "WORKER_POLL_QUEUE_URL": f"{QUEUES}/polls",
    "WORKER_DEAD_LETTER_QUEUE_URL": f"{QUEUES}/dead-letters",
    "WORKER_JOB_TABLE": "jobs",
    "WORKER_RESULT_TOPIC_ARN": "arn:aws:sns:eu-west-1:123456789012:results",
    "WORKER_INPUT_BUCKETS": "catalog",
    "WORKER_OUTPUT_BUCKETS": "generated",
    "HAUTECH_API_TOKEN": "canary-token",
}


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def application(**changes: str | None) -> Application:
    environ = {name: value for name, value in (GOOD | changes).items() if value is not None}
    return build_application(load_settings(environ, needs=[]))


def test_an_engine_is_built_from_the_settings() -> None:
    assert isinstance(build_engine(load_settings(GOOD)), Engine)


def test_nothing_is_made_before_it_is_asked_for() -> None:
    app = application()
    assert set(vars(app)) == {"settings", "clock"}
    app.close()
    _ = app.store
    assert set(vars(app)) == {"settings", "clock", "clients", "store"}
    app.close()


@pytest.mark.parametrize(
    ("part", "name"),
    [
        ("request_queue", "WORKER_REQUEST_QUEUE_URL"),
        ("poll_queue", "WORKER_POLL_QUEUE_URL"),
        ("dead_letter_queue", "WORKER_DEAD_LETTER_QUEUE_URL"),
        ("work_queue", "WORKER_POLL_QUEUE_URL"),
        ("store", "WORKER_JOB_TABLE"),
        ("topic", "WORKER_RESULT_TOPIC_ARN"),
        ("tokens", "HAUTECH_API_TOKEN"),
        ("hautech", "HAUTECH_API_TOKEN"),
    ],
)
def test_a_part_whose_setting_is_missing_names_it(part: str, name: str) -> None:
    app = application(**{name: None})
    with pytest.raises(SettingsError, match=f"{name}: not set"):
        getattr(app, part)


def test_the_paid_call_ends_within_the_time_that_the_engine_keeps_for_it() -> None:
    app = application()
    config = app.hautech.config
    assert app.rules.paid_call_s == config.run_deadline_s
    # What a stop leaves, less what it keeps for itself, must hold one paid call.
    assert app.rules.paid_call_s <= 20
    app.close()


def test_the_rules_are_those_of_the_settings() -> None:
    app = application(WORKER_POLL_MIN_SECONDS="2", WORKER_IMAGE_MAX_PIXELS="99")
    defaults = EngineRules(input_buckets=frozenset(), output_buckets=frozenset())
    assert app.rules.poll_bounds.min_s == 2
    assert app.rules.image_max_px == 99
    assert app.rules.input_buckets == {"catalog"}
    assert app.rules.output_buckets == {"generated"}
    assert app.rules.lease_s == defaults.lease_s


def test_the_client_has_a_connection_for_each_thread_and_the_proxy() -> None:
    app = application(
        WORKER_CONCURRENCY="7", HTTPS_PROXY="http://p.example.com:1", HAUTECH_RUN_ROUTE="sdk"
    )
    config = app.hautech.config
    assert (config.pool_size, config.proxy_url) == (7, "http://p.example.com:1")
    assert config.run_route == "sdk"
    app.close()


def test_a_token_is_handed_to_the_client() -> None:
    assert application().tokens == StaticToken("canary-token")


def test_a_key_secret_that_cannot_be_read_names_the_setting_and_not_the_secret() -> None:
    app = application(
        HAUTECH_API_TOKEN=None,
        HAUTECH_APP_ID="app",
        HAUTECH_APP_KEY_ID="key",
        HAUTECH_APP_KEY_SECRET="canary-secret",
    )
    with pytest.raises(SettingsError, match="HAUTECH_APP_KEY_SECRET: ") as caught:
        _ = app.tokens
    assert "canary" not in str(caught.value)


def test_a_stored_secret_is_read_when_a_token_is_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[str] = []

    def read_secret(_: SecretsManager, arn: str) -> dict[str, str]:
        read.append(arn)
        return {"HAUTECH_API_TOKEN": "canary-stored"}

    monkeypatch.setattr(SecretsManager, "read_secret", read_secret)
    app = application(HAUTECH_API_TOKEN=None, HAUTECH_SECRET_ARN=ARN)
    assert isinstance(app.tokens, ReloadingToken)
    assert read == []
    assert app.tokens.token() == "canary-stored"
    assert read == [ARN]
    app.close()


@pytest.mark.parametrize("values", [{}, None])
def test_an_unusable_stored_secret_is_no_jobs_fault(
    monkeypatch: pytest.MonkeyPatch, values: Any
) -> None:
    def read_secret(_: SecretsManager, arn: str) -> Any:
        if values is None:
            raise SettingsError([Problem("HAUTECH_SECRET_ARN", arn, "there is no such secret")])
        return values

    monkeypatch.setattr(SecretsManager, "read_secret", read_secret)
    app = application(HAUTECH_API_TOKEN=None, HAUTECH_SECRET_ARN=ARN)
    with pytest.raises(CredentialsRefusedError, match="HAUTECH_SECRET_ARN"):
        app.tokens.token()
    app.close()
