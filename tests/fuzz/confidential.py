"""Secrets: none gets through the three redactions, whatever stands around it, or out of settings."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping

from tests.fuzz.target import Target, text_of
from worker.adapters.secret_text import parse_secret
from worker.contracts.text import one_line, shown, shown_key
from worker.contracts.text import redact as redact_message
from worker.errors import SettingsError
from worker.hautech.auth import KeySecretError, load_key_secret
from worker.hautech.redaction import redact as redact_answer
from worker.settings import load_settings, parse_stored_credentials
from worker.settings.credentials import StoredCredentials
from worker.telemetry import redact_text

CANARY = "c4n4ryS3cr3tValue7QXZ"

_JWT = f"eyJhbGciOiJSUzI1NiJ9.eyJ{CANARY}.{CANARY}"
_URLS = (
    f"https://cdn.example.com/a.png?X-Amz-Signature={CANARY}",
    f"https://user:{CANARY}@cdn.example.com/a.png",
)
_FORMS = (
    *_URLS,
    _JWT,
    f"Bearer {CANARY}",
    f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----",
    f"token={CANARY}",
    f'{{"fileToken": "{CANARY}"}}',
    f'"password": "{CANARY}"',
    f"client_secret={CANARY}",
)


def check_redaction(data: bytes) -> None:
    """A secret between any two texts is gone, and redacting again changes nothing that matters."""
    if not data:
        return
    before, _, after = text_of(data[1:]).partition("|")
    before, after = before[:1500], after[:1500]
    form = _FORMS[data[0] % len(_FORMS)]
    text = f"{before}{form}{after}"
    for redact, forms in _REDACTIONS:
        if form in forms:
            safe = redact(text)
            assert CANARY not in safe, (redact.__module__, form)
            assert CANARY not in redact(safe)
    json.dumps(shown(text))
    one_line(shown_key(text), 200).encode()


_REDACTIONS: tuple[tuple[Callable[[str], str], tuple[str, ...]], ...] = (
    (redact_text, _FORMS),
    (redact_answer, _FORMS),
    (redact_message, (*_URLS, _JWT)),
)

_BASE = {
    "AWS_REGION": "eu-central-1",
    "WORKER_REQUEST_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/requests",
    "WORKER_POLL_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/polls",
    "WORKER_DEAD_LETTER_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/123456789012/dead",
    "WORKER_JOB_TABLE": "jobs",
    "WORKER_RESULT_TOPIC_ARN": "arn:aws:sns:eu-central-1:123456789012:results",
    "WORKER_INPUT_BUCKETS": "catalog",
    "WORKER_OUTPUT_BUCKETS": "shop",
    "HAUTECH_API_TOKEN": CANARY,
}


def check_settings(data: bytes) -> None:
    """Any environment is read or refused with all its problems, and shows no secret."""
    lines = text_of(data).split("\n")
    environment = {**_BASE, **dict(line.split("=", 1) for line in lines if "=" in line)}
    for name in ("HAUTECH_API_TOKEN", "HAUTECH_APP_KEY_SECRET"):
        if name in environment:
            environment[name] = f"{environment[name]}{CANARY}"
    try:
        shown_text = repr(load_settings(environment))
    except SettingsError as error:
        assert error.problems
        shown_text = error.message
    assert CANARY not in shown_text


def check_stored_secret(data: bytes) -> None:
    """A secret is read or refused; the refusal repeats no part of it."""
    arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:hautech-x"
    text = text_of(data)
    canaries = {CANARY}
    try:
        values: Mapping[str, str] = parse_secret(arn, text)
        canaries |= {value for value in values.values() if len(value) > 12}
        found = parse_stored_credentials(values, StoredCredentials(arn))
        said = repr(found)
        # Ids are no secrets; a text may be both.
        canaries -= {getattr(found, "app_id", ""), getattr(found, "key_id", "")}
    except SettingsError as error:
        said = error.message
        canaries = {one for one in canaries if one not in _FIXED_WORDS}
    assert not [one for one in canaries if one in said and one not in _FIXED_WORDS]


_FIXED_WORDS = (
    f"{CANARY[:0]}HAUTECH_API_TOKEN, HAUTECH_APP_ID, HAUTECH_APP_KEY_ID, HAUTECH_APP_KEY_SECRET"
)


def check_key_secret(data: bytes) -> None:
    """A key is read or refused with one error that repeats no part of it."""
    text = text_of(data)
    try:
        load_key_secret(text)
    except KeySecretError as error:
        assert CANARY not in str(error)
        assert error.__cause__ is None


TARGETS = (
    Target(
        "redaction",
        check_redaction,
        share=25,
        seeds=tuple(
            bytes([number]) + seed
            for number in range(len(_FORMS))
            for seed in (b"|", b"see |, please", b'{"a": "|"}', b"x?y=|&b", b"(|)", b"secret |")
        ),
        max_bytes=1000,
    ),
    Target(
        "settings",
        check_settings,
        share=8,
        seeds=(
            b"WORKER_POLL_MIN_SECONDS=5\nWORKER_POLL_MAX_SECONDS=2\nHAUTECH_API_TOKEN=x",
            b"HAUTECH_API_URL=https://u:p@h/\nHTTPS_PROXY=http://u:p@h:1\nNO_PROXY=*",
            b"WORKER_INPUT_BUCKETS=a,b,s3://c/\nWORKER_HEALTH_PORT=\nWORKER_TYPO=1",
            b"HAUTECH_PRIVATE_HOSTS=.a.b,c\nHAUTECH_SECRET_ARN=arn:aws:secretsmanager:x",
        ),
    ),
    Target(
        "stored-secret",
        check_stored_secret,
        share=60,
        seeds=(
            json.dumps({"HAUTECH_API_TOKEN": CANARY}).encode(),
            json.dumps(
                {
                    "HAUTECH_APP_ID": "a",
                    "HAUTECH_APP_KEY_ID": "k",
                    "HAUTECH_APP_KEY_SECRET": CANARY,
                }
            ).encode(),
            f'{{"HAUTECH_API_TOKEN": "{CANARY}'.encode(),
        ),
    ),
    Target(
        "key-secret",
        check_key_secret,
        share=20,
        seeds=(
            base64.b64encode(b"0\x82\x04\xbd\x02\x01\x00" + bytes(40)),
            f"-----BEGIN PRIVATE KEY-----\n{CANARY}\n-----END PRIVATE KEY-----".encode(),
            b"-----BEGIN RSA PRIVATE KEY-----\\nMIIE\\n-----END RSA PRIVATE KEY-----",
        ),
    ),
)
