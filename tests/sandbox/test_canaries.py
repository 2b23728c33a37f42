"""Secrets reach child processes by their environment or a file, never by their command line."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from sandbox.local import LocalStack

DEADLINE_S = 60
AWS_SECRET = "C4N4RYawsSecretAccessKey"


def descendants() -> Iterator[tuple[str, str]]:
    """Name and command line of every process that comes from this one, as anybody can read them."""
    for process in psutil.Process(os.getpid()).children(recursive=True):
        try:
            yield process.name(), "\0".join(process.cmdline())
        except psutil.NoSuchProcess:
            continue


def test_no_command_line_and_no_log_of_the_local_stack_holds_a_secret(
    local_stack: Callable[..., LocalStack], photos: Callable[[LocalStack], dict[str, str]]
) -> None:
    stack = local_stack(
        standin_options={"durationSeconds": 0},
        worker_env={"AWS_SESSION_TOKEN": f"{AWS_SECRET}session", "WORKER_LOG_LEVEL": "debug"},
    )
    secrets = {
        stack.credentials.key_secret,
        stack.credentials.key_secret[:40],
        stack.credentials.api_token,
        f"{AWS_SECRET}session",
    }
    assert all(len(secret) > 12 for secret in secrets)
    uris = photos(stack)
    stack.submit(
        {
            "requestId": "r-1",
            "workflow": "prepare-image",
            "input": {"imageId": uris["garment"]},
            "output": f"s3://{stack.outputs.output_bucket_name}/generated/",
        }
    )
    events = stack.wait_for(stack.receive_events, deadline_s=DEADLINE_S)
    assert events[0]["data"]["status"] == "succeeded"
    lines = list(descendants())
    assert {"worker", "stand-in"} <= {
        kind
        for _, line in lines
        for kind, module in (("worker", "worker"), ("stand-in", "sandbox.hautech"))
        if module in line.split("\0")
    }
    texts = [line for _, line in lines] + [stack.log_tails(), str(events)]
    texts += [worker.log_text for worker in stack.workers]
    for secret in secrets:
        assert not [text for text in texts if secret in text]
    # The file of the stand-in is its owner's alone, while it is there.
    for path in Path(stack._standin_process.folder).rglob("*.json"):  # type: ignore[union-attr] # it runs
        assert path.stat().st_mode & 0o077 == 0
