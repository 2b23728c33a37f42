"""What the doctor sees of functions, of what starts them, and of the code they run."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from typing import Any

import pytest

from tests.unit.deployed.conftest import Look
from tests.unit.deployed.world import RULE, SECRET, TOKEN, World, sqs_url
from worker.errors import WorkerError
from worker.runtime.commands.deployed.check_package import MANIFEST, read_manifest
from worker.runtime.commands.findings import Finding

Wrong = Callable[..., Finding]

REQUESTS, POLLS = "hautech-worker-dev-requests", "hautech-worker-dev-polls"


@pytest.mark.parametrize(
    ("change", "level", "said"),
    [
        ({"State": "Failed", "StateReason": "no such key"}, "failed", "no such key"),
        (
            {"LastUpdateStatus": "Failed", "LastUpdateStatusReason": "too large"},
            "failed",
            "the code before it runs: too large",
        ),
        ({"LastUpdateStatus": "InProgress"}, "warning", "being changed"),
        ({"State": "Pending"}, "warning", "being changed"),
        ({"Handler": "index.handler"}, "failed", "it calls index.handler"),
        ({"MemorySize": 128}, "warning", "128 MB"),
    ],
)
def test_a_function_that_is_not_as_deployed_is_told(
    wrong: Wrong, world: World, change: dict[str, Any], level: str, said: str
) -> None:
    world.functions[REQUESTS] |= change

    found = wrong()

    assert (found.area, found.name, found.level) == ("Functions", "requests", level)
    assert said in found.said


def test_an_old_python_is_told(look: Look, world: World, manifest: dict[str, Any]) -> None:
    manifest["python"] = world.functions[REQUESTS]["Runtime"] = "python3.9"
    manifest["python"] = "3.9"

    (found,) = (one for one in look() if one.level != "ok")

    assert "runtime python3.9" in found.said


def test_a_visibility_below_six_timeouts_is_told(wrong: Wrong, world: World) -> None:
    world.visibility_s[sqs_url("Poll")] = 299

    found = wrong()

    assert (found.name, found.level) == ("polls", "warning")
    assert "PollVisibilityTimeoutSeconds=300" in found.fix
    world.visibility_s[sqs_url("Poll")] = 49
    assert wrong().level == "failed"


@pytest.mark.parametrize(("reserved", "words"), [(0, "switched off"), (5, "its own poller")])
def test_reserved_concurrency_is_told(
    wrong: Wrong, world: World, reserved: int, words: str
) -> None:
    world.reserved[POLLS] = reserved

    found = wrong()

    assert (found.name, found.level) == ("polls", "failed")
    assert words in found.said
    assert "delete-function-concurrency" in found.fix


def variables(world: World) -> dict[str, str]:
    found: dict[str, str] = world.functions[REQUESTS]["Environment"]["Variables"]
    return found


@pytest.mark.parametrize(
    ("variable", "value", "level"),
    [
        ("WORKER_JOB_TABLE", "other-jobs", "failed"),
        ("WORKER_JOB_TABLE", "", "failed"),
        ("WORKER_INPUT_BUCKETS", "more-photos", "failed"),
        ("POWERTOOLS_SERVICE_NAME", "service_undefined", "warning"),
        ("HAUTECH_API_TOKEN", TOKEN, "warning"),
    ],
)
def test_settings_that_do_not_agree_are_named_and_no_secret_shown(
    wrong: Wrong, world: World, variable: str, value: str, level: str
) -> None:
    variables(world)[variable] = value

    found = wrong()

    assert found.level == level
    assert variable in found.said
    assert TOKEN not in repr(found)


def test_variables_that_cannot_be_read_are_told(wrong: Wrong, world: World) -> None:
    denied = {"ErrorCode": "AccessDeniedException", "Message": "the key is disabled"}
    world.functions[POLLS]["Environment"] = {"Error": denied}

    assert "the key is disabled" in wrong().said


def test_functions_with_different_secrets_are_told(look: Look, world: World) -> None:
    for one in world.container["environment"]:
        if one["name"] == "HAUTECH_SECRET_ARN":
            one["value"] = SECRET.replace("-dev-", "-old-")

    assert "not sign in with the same secret" in "".join(one.said for one in look())


@pytest.mark.parametrize("secret", ["not json", "{}", '{"HAUTECH_API_TOKEN": 7}'])
def test_a_secret_of_another_shape_is_told_without_its_text(
    wrong: Wrong, world: World, secret: str
) -> None:
    world.secret = secret

    found = wrong()

    assert (found.area, found.level) == ("Secret", "failed")
    assert "not json" not in found.said


# ── What starts them ─────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("change", "level", "said"),
    [
        ({"State": "Disabled"}, "failed", "no message is taken"),
        ({"State": "Updating"}, "warning", "updating"),
        ({"LastProcessingResult": "PROBLEM: Function call failed"}, "failed", "call failed"),
        ({"FunctionResponseTypes": []}, "failed", "deleted as if they were done"),
        ({"ScalingConfig": {}}, "warning", "no maximum concurrency"),
    ],
)
def test_a_mapping_that_loses_or_floods_is_told(
    wrong: Wrong, world: World, change: dict[str, Any], level: str, said: str
) -> None:
    world.mappings[POLLS][0] |= change

    found = wrong()

    assert (found.area, found.name, found.level) == ("What starts them", "polls", level)
    assert said in found.said


@pytest.mark.parametrize(("unreserved", "level"), [(40, "warning"), (41, "ok")])
def test_functions_that_may_take_more_than_the_account_has_are_told(
    look: Look, world: World, unreserved: int, level: str
) -> None:
    world.unreserved = unreserved  # two mappings of 20, and reconcile

    (found,) = (one for one in look() if one.name == "concurrency")

    assert found.level == level
    assert f"40 side by side; the account leaves {unreserved}" in found.said


def test_a_function_that_gets_no_messages_is_told(wrong: Wrong, world: World) -> None:
    world.mappings[POLLS] = []

    assert "nothing brings it the messages of arn:aws:sqs" in wrong().said


def test_a_mapping_from_another_queue_is_told(wrong: Wrong, world: World) -> None:
    world.mappings[POLLS] += world.mappings[REQUESTS]

    assert "it also gets arn:aws:sqs" in wrong().said


def test_a_schedule_that_is_off_is_told(wrong: Wrong, world: World) -> None:
    world.rule["State"] = "DISABLED"

    assert wrong().fix == f"`aws events enable-rule --name {RULE}`"


def test_no_schedule_is_told(wrong: Wrong, world: World) -> None:
    world.made["hautech-worker-dev"] = []

    assert "no rule starts it" in wrong().said


# ── The code ─────────────────────────────────────────────────────────────────────────────────────


def test_functions_of_different_zips_are_told(wrong: Wrong, world: World) -> None:
    world.functions[POLLS]["CodeSha256"] = "other"

    assert "do not run the same code" in wrong().said


def test_another_release_is_told(wrong: Wrong, manifest: dict[str, Any]) -> None:
    manifest["version"] = "9.9.9"

    found = wrong()

    assert (found.area, found.level) == ("Code", "warning")
    assert "version 9.9.9" in found.said


@pytest.mark.parametrize(("key", "value"), [("python", "3.12"), ("architecture", "x86_64")])
def test_a_zip_for_another_machine_is_told(
    wrong: Wrong, manifest: dict[str, Any], key: str, value: str
) -> None:
    manifest[key] = value

    found = wrong()

    assert found.level == "failed"
    assert found.fix.startswith("make package ARCH=arm64 PY=3.13")


def test_a_zip_without_a_manifest_is_told(
    wrong: Wrong, manifest: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert manifest
    monkeypatch.setattr(
        "worker.runtime.commands.deployed.check_package.read_manifest", lambda _: None
    )

    assert "`make package`" in wrong().said


def zipped(**files: str) -> bytes:
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return held.getvalue()


@pytest.fixture
def served() -> Iterator[Callable[[bytes, int], str]]:
    """Serves one body; the address of it."""
    answer = [b"", 200]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body, status = answer
            assert isinstance(body, bytes)
            assert isinstance(status, int)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    def serve(body: bytes, status: int = 200) -> str:
        answer[:] = [body, status]
        return f"http://127.0.0.1:{server.server_port}/zip?X-Amz-Signature=sssh"

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield serve
        server.shutdown()
        thread.join()


def test_the_manifest_is_read_out_of_the_zip(served: Callable[..., str]) -> None:
    assert read_manifest(served(zipped(**{MANIFEST: '{"version": "1"}'}))) == {"version": "1"}
    assert read_manifest(served(zipped(other="{}"))) is None


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"no zip", 200), (b"", 403), (zipped(**{MANIFEST: "no json"}), 200)],
)
def test_a_zip_that_cannot_be_read_is_told_without_its_signed_address(
    served: Callable[..., str], body: bytes, status: int
) -> None:
    with pytest.raises(WorkerError, match="could not be read") as caught:
        read_manifest(served(body, status))

    assert "sssh" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_zip_larger_than_lambda_allows_is_not_read_to_its_end(
    served: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.runtime.commands.deployed.check_package._MOST_BYTES", 10)

    with pytest.raises(WorkerError, match="larger than Lambda allows"):
        read_manifest(served(zipped(**{MANIFEST: "{}"})))
