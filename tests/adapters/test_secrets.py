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
    "text",
    [
        "hush-hush",
        '{"HAUTECH_API_TOKEN": "hush-hush',
        '["hush-hush"]',
        '{"HAUTECH_API_TOKEN": {"hush-hush": 1}}',
    ],
)
def test_unusable_secret_is_named_and_not_shown(
    vault_with: Callable[[str], Vault], text: str
) -> None:
    vault = vault_with(text)
    with pytest.raises(SettingsError, match="not a JSON object of text values") as refused:
        vault.read(vault.arn)
    assert vault.arn in str(refused.value)
    assert "HAUTECH_API_TOKEN" in str(refused.value)
    assert "hush" not in str(refused.value) + repr(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None  # JSON errors carry the whole text


def test_missing_secret_is_named(vault_with: Callable[[str], Vault]) -> None:
    vault = vault_with("{}")
    with pytest.raises(SettingsError, match=r"no-such-secret.*there is no such secret"):
        vault.read("no-such-secret")
