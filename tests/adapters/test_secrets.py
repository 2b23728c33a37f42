"""Secrets are read the same way from every adapter, and no error shows any part of them."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from tests.adapters.clients import clients_for
from tests.support.aws import DeployedAws
from worker.adapters.aws.secrets_manager import SecretsManager
from worker.adapters.memory import MemorySecrets
from worker.errors import SettingsError


@dataclass(frozen=True)
class Vault:
    read: Callable[[str], dict[str, str]]
    arn: str


@pytest.fixture(params=["memory", "ministack", "moto"])
def vault_with(request: pytest.FixtureRequest) -> Callable[[str], Vault]:
    def make(text: str) -> Vault:
        if request.param == "memory":
            return Vault(MemorySecrets({"arn:secret": text}).read_secret, "arn:secret")
        aws: DeployedAws = request.getfixturevalue(f"{request.param}_aws")
        client = clients_for(aws).secretsmanager
        name = f"hautech-{secrets.token_hex(6)}"
        arn = client.create_secret(Name=name, SecretString=text)["ARN"]
        return Vault(SecretsManager(client).read_secret, arn)

    return make


def test_values_of_a_secret_are_read(vault_with: Callable[[str], Vault]) -> None:
    vault = vault_with('{"HAUTECH_API_TOKEN": "t-1", "other": "x"}')
    assert vault.read(vault.arn) == {"HAUTECH_API_TOKEN": "t-1", "other": "x"}


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("hush-hush", "not JSON"),
        ('{"HAUTECH_API_TOKEN": "hush-hush', "not JSON"),
        ('["hush-hush"]', "not a JSON object"),
        ('{"HAUTECH_API_TOKEN": {"hush-hush": 1}}', "not a JSON object"),
    ],
)
def test_unusable_secret_is_named_and_not_shown(
    vault_with: Callable[[str], Vault], text: str, rule: str
) -> None:
    vault = vault_with(text)
    with pytest.raises(SettingsError, match=rule) as refused:
        vault.read(vault.arn)
    assert vault.arn in str(refused.value)
    assert "HAUTECH_API_TOKEN" in str(refused.value)
    shown, chained = repr(refused.value), refused.value.__cause__
    assert "hush" not in str(refused.value) + shown
    assert chained is None


def test_missing_secret_is_named(vault_with: Callable[[str], Vault]) -> None:
    vault = vault_with("{}")
    with pytest.raises(SettingsError, match=r"no-such-secret.*there is no such secret"):
        vault.read("no-such-secret")
