"""Everything the stand-in remembers, put together; a reset makes a new one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from sandbox.hautech.account import Account
from sandbox.hautech.auth import Gate
from sandbox.hautech.catalog import WORKFLOWS, Workflow, custom_workflow
from sandbox.hautech.clock import SandboxClock, rfc3339
from sandbox.hautech.contents import ContentStore
from sandbox.hautech.credentials import Credentials
from sandbox.hautech.documents import PipelineDocuments
from sandbox.hautech.faults import FaultBook
from sandbox.hautech.images import ImageStore
from sandbox.hautech.options import Options
from sandbox.hautech.pictures.studio import Studio
from sandbox.hautech.pipelines import PipelineStore
from sandbox.hautech.poses import PoseStore
from sandbox.hautech.request_log import RequestLog
from sandbox.hautech.results import Producer
from sandbox.hautech.signing import LinkSigner
from sandbox.hautech.uploads import Uploads


class State:
    """The stores, the switches and the clock of one stand-in.

    Belongs to the event loop's thread. `options` may be replaced at any time.
    """

    def __init__(
        self, *, options: Options, credentials: Credentials, clock: SandboxClock, media_url: str
    ) -> None:
        self.options = options
        self.credentials = credentials
        self.clock = clock
        self.media_url = media_url
        self._first_options = options
        self._set_up()

    def _set_up(self) -> None:
        now = self.clock.now()
        creator_id = self.credentials.account_id
        signer = LinkSigner()
        self.signer = signer
        self.gate = Gate(self.credentials)
        self.faults = FaultBook()
        self.log = RequestLog()
        self.contents = ContentStore()
        self.studio = Studio(self.contents)
        self.account = Account(creator_id, balance=self.options.balance, created_at=now)
        self.images = ImageStore(creator_id=creator_id, signer=signer, media_url=self.media_url)
        self.poses = PoseStore(creator_id=creator_id, images=self.images)
        self.uploads = Uploads(
            images=self.images, contents=self.contents, signer=signer, studio=self.studio
        )
        self.pipelines = PipelineStore(
            account=self.account,
            produce=Producer(images=self.images, poses=self.poses).produce,
            seed=self.options.seed,
        )
        self.documents = PipelineDocuments(creator_id=creator_id, link=self._link)

    def _link(self, image_id: str) -> str:
        now = self.clock.now()
        record = self.images.find(image_id, now=now)
        if record is None:
            raise LookupError(f"image {image_id}: a result has vanished; results never expire")
        return self.images.link(record, now=now, options=self.options)

    def set_options(self, document: Mapping[str, Any]) -> None:
        """Changes some switches; a `balance` among them becomes the account's balance at once.

        Raises:
            ValueError: an unknown key or a wrong value.
        """
        self.options = self.options.changed(document)
        if "balance" in document:
            self.account.balance = self.options.balance

    async def reset(self) -> None:
        """Forgets everything but the credentials, and goes back to the first options."""
        before = self.studio, self.contents
        self.options = self._first_options
        self._set_up()
        await asyncio.get_running_loop().run_in_executor(None, before[0].close)
        before[1].close()

    def close(self) -> None:
        """Ends the drawing threads and removes temporary files."""
        self.studio.close()
        self.contents.close()

    def find_workflow(self, workflow_id: str) -> Workflow | None:
        """The workflow with this id, of the catalogue or made known by an option."""
        for workflow in WORKFLOWS:
            if workflow.id == workflow_id:
                return workflow
        return custom_workflow(workflow_id) if workflow_id in self.options.workflows else None

    def runs(self) -> list[dict[str, Any]]:
        """Every run with the metadata that the client sent, oldest first."""
        self.pipelines.settle(self.clock.now())
        return [
            {
                "pipelineId": pipeline.id,
                "operationId": pipeline.operation_id,
                "workflow": pipeline.workflow.name,
                "workflowId": pipeline.workflow.id,
                "metadata": dict(pipeline.sent_metadata),
                "input": dict(pipeline.input),
                "status": pipeline.status,
                "consumedCredits": str(pipeline.consumed),
                "createdAt": rfc3339(pipeline.created_at),
                "updatedAt": rfc3339(pipeline.updated_at),
            }
            for pipeline in self.pipelines
        ]

    def counters(self) -> dict[str, Any]:
        """Request counts by route, and how much is stored."""
        return {
            **self.log.counters(),
            "runs": len(self.pipelines),
            "images": len(self.images),
            "contents": len(self.contents),
        }
