"""A drop folder of the deployed stage, set up as docs/how-to/drop-folder.md says."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Final

from tests.deploy.orders import Desk
from worker.contracts.s3_uri import S3Uri
from worker.drops.manifests import plan_batch
from worker.drops.planning import Photo, plan_drop
from worker.drops.rule_set import Match
from worker.drops.rules import load_rules

WATCHED: Final = "inbox/"
TAGS: Final = {"campaign": "winter sale"}

_RULES: Final = """
version: 1
presets:
  studio:
    workflow: full-naomi
    input:
      imageId: {garment}
      poseImageId: {pose}
      aspectRatio: "7:10"
      prompt: a woman in a jacket
    outputOptions: {{tags: {tags}}}
rules:
  - name: lists
    match: "inbox/{{name}}.csv"
    manifest: true
    preset: studio
    output: {output}lists/
  - name: garments
    match: "inbox/{{sku}}.{{ext}}"
    preset: studio
    output: {output}drops/
    onSuccess: {{moveTo: processed/}}
    onFailure: {{moveTo: failed/}}
"""


@dataclass(frozen=True, slots=True)
class Dropped:
    """A photo that was put into the folder, and what must come of it.

    Attributes:
        request_id: of the request that is made of it.
        name: of the file, without the folder.
        error: the place of its error document, if it fails.
    """

    request_id: str
    name: str
    error: S3Uri


class DropFolder:
    """Puts files into the watched folder, and looks at what people see of them in S3.

    Args:
        desk: hears of the requests that are made.
    """

    def __init__(self, desk: Desk) -> None:
        outputs = desk.stage.outputs
        self._desk = desk
        self._s3: Any = desk.stage.aws.client("s3")
        self._inputs = outputs.input_bucket_name
        self._text = _RULES.format(
            garment=desk.garment, pose=desk.pose, output=desk.output, tags=json.dumps(TAGS)
        )
        self._rules = load_rules(
            self._text,
            input_buckets=frozenset({outputs.input_bucket_name}),
            output_buckets=frozenset({outputs.output_bucket_name}),
        )
        self.rules_uri = f"s3://{self._inputs}/rules.yaml"

    def open(self) -> None:
        """Stores the rules, and deploys the stage with them and with the bucket's notifications."""
        self._s3.put_object(Bucket=self._inputs, Key="rules.yaml", Body=self._text.encode())
        self._desk.stage.deploy(
            resources={"NotifyOfUploads": "true", "NotifyPrefix": WATCHED},
            dropRules=self.rules_uri,
        )

    def drop(self, name: str, body: bytes) -> Dropped:
        """Puts a photo into the folder."""
        match, photo = self._put(name, body)
        (request,) = plan_drop(match, [photo]).requests
        self._desk.sent.append(request["requestId"])
        error = S3Uri.parse(request["origin"]["drop"]["error"])
        return Dropped(request["requestId"], name, error)

    def drop_list(self, name: str, text: str) -> str:
        """Puts a list of requests into the folder; the id of the batch that it becomes."""
        return str(plan_batch(*self._put(name, text.encode()))["batchId"])

    def leave_error(self, dropped: Dropped) -> None:
        """Puts an error document where the worker leaves one, as after a drop that failed."""
        self._s3.put_object(
            Bucket=dropped.error.bucket,
            Key=dropped.error.key,
            Body=json.dumps({"photo": f"s3://{self._inputs}/{WATCHED}{dropped.name}"}).encode(),
            Metadata={"hautech-worker": "error"},
        )

    def error_of(self, dropped: Dropped) -> dict[str, Any] | None:
        """The error document of a photo; None where none lies."""
        if dropped.error.key not in self._keys(dropped.error.bucket, dropped.error.key):
            return None
        found: dict[str, Any] = json.loads(self._desk.stage.read(str(dropped.error)))
        return found

    def place_of(self, dropped: Dropped) -> list[str]:
        """The folders in which a photo lies now."""
        folders = (WATCHED, "processed/", "failed/")
        return [folder for folder in folders if self._keys(self._inputs, f"{folder}{dropped.name}")]

    def tags_of(self, uri: str) -> dict[str, str]:
        """The tags of a picture."""
        place = S3Uri.parse(uri)
        answer = self._s3.get_object_tagging(Bucket=place.bucket, Key=place.key)
        return {one["Key"]: one["Value"] for one in answer["TagSet"]}

    def _put(self, name: str, body: bytes) -> tuple[Match, Photo]:
        key = f"{WATCHED}{name}"
        answer = self._s3.put_object(Bucket=self._inputs, Key=key, Body=body)
        match = self._rules.match(self._inputs, key)
        assert match is not None, key
        etag = answer["ETag"].strip('"')
        return match, Photo(self._inputs, key, version_id=answer["VersionId"], etag=etag)

    def _keys(self, bucket: str, prefix: str) -> list[str]:
        answer = self._s3.list_objects_v2(Bucket=bucket, Prefix=prefix)
        return [one["Key"] for one in answer.get("Contents", ())]
