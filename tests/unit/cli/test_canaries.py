"""No command shows a secret, whatever is wrong with the settings that hold it."""

from __future__ import annotations

import pytest
from typer.testing import CliRunner

from tests.unit.cli.conftest import ENVIRONMENT
from worker.bootstrap import build_application
from worker.errors import WorkerError
from worker.runtime.cli import COMMANDS, app
from worker.settings import load_settings

MARK = "C4N4RY"
KEY = {
    "HAUTECH_API_TOKEN": "",
    "HAUTECH_APP_ID": "app-1",
    "HAUTECH_APP_KEY_ID": "key-1",
}
BROKEN = {
    "a token of two words": {"HAUTECH_API_TOKEN": f"{MARK} {MARK}"},
    "a token with its scheme": {"HAUTECH_API_TOKEN": f"Bearer {MARK}token"},
    "a token with a line break": {"HAUTECH_API_TOKEN": f"{MARK}\r\nX: {MARK}"},
    "two ways to sign in": {"HAUTECH_APP_KEY_SECRET": MARK, "HAUTECH_APP_ID": "a"},
    "half a key": {**KEY, "HAUTECH_APP_KEY_ID": "", "HAUTECH_APP_KEY_SECRET": MARK},
    "a key that is none": {**KEY, "HAUTECH_APP_KEY_SECRET": f"MIIE{MARK}" * 20},
    "a PEM that is none": {
        **KEY,
        "HAUTECH_APP_KEY_SECRET": f"-----BEGIN PRIVATE KEY-----\n{MARK}\n-----END PRIVATE KEY-----",
    },
    "a password in the API URL": {"HAUTECH_API_URL": f"https://user:{MARK}@api.hautech.ai"},
    "a signed API URL": {"HAUTECH_API_URL": f"https://api.hautech.ai?sig={MARK}"},
    "a proxy that is none": {"HTTPS_PROXY": f"http://user:{MARK}@"},
    "a proxy with a password": {"HTTPS_PROXY": f"http://user:{MARK}@127.0.0.1:9"},
    "a queue with a password": {"WORKER_POLL_QUEUE_URL": f"ftp://user:{MARK}@sqs/1/q?sig={MARK}"},
    "a misspelt name": {"HAUTECH_API_TOKN": MARK, "WORKER_SECRET": MARK},
}
ALWAYS = {
    # A profile that does not exist, so that no command gets as far as the network.
    "AWS_PROFILE": "no-such-profile",
    "AWS_SECRET_ACCESS_KEY": f"{MARK}aws",
    "AWS_SESSION_TOKEN": f"{MARK}session",
    "AWS_ACCESS_KEY_ID": "AKIAEXAMPLE",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_MAX_ATTEMPTS": "1",
    "COLUMNS": "200",
}
WORDS = {
    "job": ["job", "r-1"],
    "submit": ["submit", "-"],
    "dead-letters": ["dead-letters"],
    "schema": ["schema", "request"],
}
CALLED = [name for name in COMMANDS if name != "demo"]


@pytest.mark.parametrize("broken", BROKEN.values(), ids=list(BROKEN))
@pytest.mark.parametrize("command", CALLED)
def test_a_command_that_cannot_work_shows_no_secret(
    command: str, broken: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    for name, value in {**ENVIRONMENT, **ALWAYS, **broken}.items():
        monkeypatch.setenv(name, value)
    done = CliRunner().invoke(app, WORDS.get(command, [command]), input="{}")
    said = done.output + done.stderr + repr(done.exception)
    assert MARK not in said
    if command != "schema":
        assert done.exit_code != 0


@pytest.mark.parametrize("broken", BROKEN.values(), ids=list(BROKEN))
def test_settings_and_what_is_built_of_them_show_no_secret(broken: dict[str, str]) -> None:
    try:
        settings = load_settings({**ENVIRONMENT, "HAUTECH_API_TOKEN": MARK, **broken})
        application = build_application(settings)
        texts = [repr(settings), str(settings), repr(vars(application))]
        texts += [repr(application.tokens), repr(application.hautech), repr(application.gateway)]
        texts.append(repr(application.hautech.config))
        application.close()
    except WorkerError as error:
        texts = [str(error), repr(error), repr(error.__cause__)]
    assert MARK not in "".join(texts)
