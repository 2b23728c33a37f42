"""The clients come from the SDK's own settings, once each, and say what is wrong with them."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.unit.hautech.raw_server import Wire, raw_server
from worker.adapters.aws.clients import AwsClients, Service, client_config
from worker.adapters.memory import ManualClock
from worker.adapters.server_clock import ServerClock
from worker.errors import SettingsError

SERVICES = ["dynamodb", "s3", "secretsmanager", "sns", "sqs"]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")


def test_region_and_endpoint_are_the_sdks_own_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    clients = AwsClients(4)
    assert clients.sqs.meta.region_name == "eu-central-1"
    assert clients.sqs.meta.endpoint_url == "http://127.0.0.1:9"
    clients.close()


def test_default_region_serves_where_there_is_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-3")
    assert AwsClients(4).sqs.meta.region_name == "eu-west-3"


def test_missing_region_is_a_setting_to_be_made() -> None:
    with pytest.raises(SettingsError, match="AWS_REGION"):
        _ = AwsClients(4).sqs


def test_missing_profile_is_a_setting_to_be_corrected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    with pytest.raises(SettingsError, match="nobody"):
        _ = AwsClients(4).sqs


def test_all_threads_share_one_client_per_service(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    clients = AwsClients(4)
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(lambda _: id(clients.sns), range(12)))
    assert len(set(made)) == 1


@pytest.mark.parametrize("service", SERVICES)
def test_retries_timeouts_and_pool_are_ours_and_not_the_sdks(service: Service) -> None:
    config: Any = client_config(service, 16)  # its attributes are not in the stubs
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}
    assert config.max_pool_connections >= 16
    assert config.connect_timeout < config.read_timeout < 30


def test_long_poll_ends_before_the_read_timeout() -> None:
    config: Any = client_config("sqs", 1)
    assert config.read_timeout > 20


def test_machine_settings_for_retries_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "17")
    monkeypatch.setenv("AWS_RETRY_MODE", "legacy")
    config: Any = AwsClients(1).dynamodb.meta.config
    assert config.retries == {"mode": "standard", "total_max_attempts": 3}


@pytest.mark.parametrize(
    ("header", "offset_s"), [("x-amzn-RequestId: 7a62c49f", 3600.0), ("Via: 1.1 proxy", 0.0)]
)
def test_only_an_answer_that_names_the_request_tells_the_time(
    monkeypatch: pytest.MonkeyPatch, header: str, offset_s: float
) -> None:
    local = ManualClock(datetime(2026, 3, 1, 12, tzinfo=UTC))
    clock = ServerClock(local)
    date = format_datetime(local.now() + timedelta(hours=1), usegmt=True)

    def refuse(wire: Wire) -> None:
        wire.read_request()
        wire.answer(b"{}", f"Date: {date}", header, status="403 Forbidden")

    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    with raw_server(refuse) as server:
        monkeypatch.setenv("AWS_ENDPOINT_URL", server.url)
        clients = AwsClients(1, clock=clock)
        with pytest.raises(ClientError):
            clients.dynamodb.get_item(TableName="jobs", Key={"pk": {"S": "job#1"}})
        clients.close()
    assert abs(clock.offset_s - offset_s) <= 1.0
