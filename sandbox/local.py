"""The whole service on this machine for as long as a `with` block lasts: AWS, Hautech, workers.

Demo, end-to-end tests and bench start it the same way:

    with LocalStack(standin_options={"durationSeconds": 3}) as stack:
        stack.submit({"requestId": "one", "workflow": "prepare-pose", …})
        stack.wait_for(lambda: stack.receive_events(), deadline_s=30)

Ports are free ones, files live in temporary folders, and nothing outlives the block or this
process, whatever ends it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any, Self, TypeVar

from sandbox.aws import (
    MiniStack,
    deploy,
    subscribe_queue,
    turn_expiry_on,
    worker_environment,
)
from sandbox.children import StandInProcess, WorkerProcess
from sandbox.hautech import ControlClient, Credentials
from sandbox.stack_user import StackUser

_LOOK_EVERY_S = 0.05
_LOG_LINES_SHOWN = 30
_SIGN_IN = ("HAUTECH_API_TOKEN", "HAUTECH_APP_ID", "HAUTECH_SECRET_ARN")

WORKER_START_S = 60.0
"""A worker begins to receive after about a second, but the machine may be busy."""

Found = TypeVar("Found")


class LocalStackError(Exception):
    """Something local did not do its part: "worker 1 ended with code 2; its last lines: …"."""


class LocalStack(StackUser):
    """AWS (MiniStack with `infra/resources.yml`), a stand-in of Hautech and worker processes.

    Args:
        workers: how many worker processes to start; more can be added with `add_worker`.
        standin_options: switches of the stand-in by their JSON keys.
        worker_env: further settings of the workers; they win over those of the stack. Unless it
            says how to sign in at Hautech, workers sign their own tokens with an application key.
        worker_module: what the workers run instead of `worker`, if not only settings differ.
        media_url: base URL of the upload URLs and image links that the stand-in hands out, when
            something (a proxy) stands in front of its media host.
        watch: the input bucket tells the requests queue of objects whose key begins so; None: of
            none. See `use_drop_rules`.

    Attributes:
        aws: makes boto3 clients for the emulator.
        outputs: the stack outputs: queues, topic, table and buckets.
        standin: steers the stand-in and tells what it was asked.
        credentials: what a client needs to get in at the stand-in.
        api_url: base URL of the stand-in.
        media_url: where the stand-in's upload URLs and image links are answered.
        events_queue_url: a queue that receives every event of the topic, raw.
        workers: the worker processes, those that ended included.
    """

    standin: ControlClient
    credentials: Credentials
    api_url: str
    media_url: str

    def __init__(
        self,
        *,
        workers: int = 1,
        standin_options: Mapping[str, Any] | None = None,
        worker_env: Mapping[str, str] | None = None,
        worker_module: str = "worker",
        media_url: str | None = None,
        watch: str | None = None,
    ) -> None:
        self.workers: list[WorkerProcess] = []
        self._worker_count = workers
        self._standin_options = dict(standin_options or {})
        self._worker_env = dict(worker_env or {})
        self._worker_module = worker_module
        self._media_url = media_url
        self._watch = watch
        self._open = ExitStack()
        self._standin_process: StandInProcess | None = None

    def __enter__(self) -> Self:
        """Starts everything and returns when the workers have been started.

        Raises:
            EmulatorError, DeployError: AWS or the stand-in did not start.
        """
        try:
            self._start()
        except BaseException:  # also Ctrl-C while it starts
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stops everything."""
        self.close()

    def close(self) -> None:
        """Stops everything: workers first, in a hurry, then what they work with. May be repeated."""
        self._open.close()

    # -- workers -----------------------------------------------------------------------------

    def add_worker(self, extra_env: Mapping[str, str] | None = None) -> WorkerProcess:
        """Starts one more worker."""
        environment = self.worker_environment(extra_env)
        worker = WorkerProcess(len(self.workers) + 1, environment, module=self._worker_module)
        self.workers.append(worker)
        return worker

    def worker_environment(self, extra: Mapping[str, str] | None = None) -> dict[str, str]:
        """The settings of a worker on this stack. It holds secrets: never show it."""
        wanted = self._worker_env | dict(extra or {})
        settings = {
            "HAUTECH_API_URL": self.api_url,
            "WORKER_HEALTH_PORT": "",
            "WORKER_LOG_FORMAT": "console",
        }
        if not any(name in wanted for name in _SIGN_IN):
            settings |= {
                "HAUTECH_APP_ID": self.credentials.app_id,
                "HAUTECH_APP_KEY_ID": self.credentials.key_id,
                "HAUTECH_APP_KEY_SECRET": self.credentials.key_secret,
            }
        return worker_environment(self.outputs, self.aws, settings | wanted)

    def use_drop_rules(self, text: str) -> str:
        """Puts a rules file beside the photos, for the workers that are added from then on.

        Returns its URI.
        """
        bucket, key = self.outputs.input_bucket_name, "rules.yaml"
        self.aws.client("s3").put_object(Bucket=bucket, Key=key, Body=text.encode())
        self._worker_env["WORKER_DROP_RULES"] = f"s3://{bucket}/{key}"
        return self._worker_env["WORKER_DROP_RULES"]

    def log_tails(self) -> str:
        """The last lines of every worker and of the stand-in, for a person to read."""
        processes: list[WorkerProcess | StandInProcess] = list(self.workers)
        if self._standin_process is not None:
            processes.append(self._standin_process)
        return "\n".join(
            f"--- {process.name} ---\n"
            + "\n".join(process.log_text.splitlines()[-_LOG_LINES_SHOWN:])
            for process in processes
        )

    # -- waiting -------------------------------------------------------------------------------

    def wait_for(self, predicate: Callable[[], Found], *, deadline_s: float) -> Found:
        """Asks `predicate` again and again until it says something true, and returns that.

        Raises:
            LocalStackError: the deadline passed, or a worker ended that nobody had stopped; it
                shows the last log lines.
        """
        deadline = time.monotonic() + deadline_s
        while not (found := predicate()):
            self.check()
            if time.monotonic() > deadline:
                raise LocalStackError(f"not within {deadline_s:g} s\n{self.log_tails()}")
            time.sleep(_LOOK_EVERY_S)
        return found

    def wait_until_receiving(self, *, deadline_s: float = WORKER_START_S) -> None:
        """Returns when every running worker has said in its log (level info) that it receives.

        Raises:
            LocalStackError: one ended, or had not begun within `deadline_s`.
        """
        self.wait_for(
            lambda: all(
                worker.is_receiving for worker in self.workers if not worker.was_told_to_end
            ),
            deadline_s=deadline_s,
        )

    def check(self) -> None:
        """Raises LocalStackError if a worker ended by itself with an error."""
        for worker in self.workers:
            if worker.has_failed:
                raise LocalStackError(
                    f"{worker.name} ended with code {worker.exit_code}\n{self.log_tails()}"
                )

    # -- starting and stopping ---------------------------------------------------------------

    def _start(self) -> None:
        # The stand-in makes its key while MiniStack starts.
        self._standin_process = StandInProcess(self._standin_options, media_url=self._media_url)
        self._open.callback(self._standin_process.stop)
        ministack = MiniStack()
        self._open.pop_all()
        standin_process = self._standin_process
        # Neither needs the other to stop, and an emulator takes a second or two.
        self._open.callback(_at_once, [standin_process.stop, ministack.stop])
        self.aws = ministack.aws
        self.outputs = deploy(self.aws, "local", parameters=self._parameters())
        # The emulator's CloudFormation leaves out what the template says of it.
        turn_expiry_on(self.aws, self.outputs.job_table_name)
        # In SNS's envelope, for an event may have more attributes than raw delivery carries.
        self.events_queue_url = subscribe_queue(self.aws, self.outputs.result_topic_arn, raw=False)
        self.standin = self._open.enter_context(standin_process.wait_until_ready())
        self.api_url, self.media_url = standin_process.api_url, standin_process.media_url
        self.credentials = standin_process.credentials
        self._open.callback(self._stop_workers)
        for _ in range(self._worker_count):
            self.add_worker()

    def _parameters(self) -> dict[str, str]:
        if self._watch is None:
            return {}
        return {"NotifyOfUploads": "true", "NotifyPrefix": self._watch, "NotifySuffix": ""}

    def _stop_workers(self) -> None:
        # Their queues end with them, so there is no message that a long poll could hide.
        _at_once([worker.stop_in_a_hurry for worker in self.workers])


def _at_once(calls: Sequence[Callable[[], object]]) -> None:
    """Makes all calls side by side and raises the first error after all have returned."""
    if not calls:
        return
    with ThreadPoolExecutor(max_workers=len(calls)) as pool:
        results = [pool.submit(call) for call in calls]
    for result in results:
        result.result()
