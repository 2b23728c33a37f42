"""What a fault meets: a request, a dropped photo, or a batch; what is there first, what has to come.

made, failing, answer lost, key lost, vanished    a request of full-naomi
drop           a turned photo with a sidecar, a rendition wanted, then moved away
group          two photos that belong together
failing drop   a photo whose pipeline fails, then copied
batch          a manifest of three rows, one of them bad
long list      the same, its list of results in three parts
"""

from __future__ import annotations

import io
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote_plus

from PIL import Image

from sandbox.aws import StackOutputs
from tests.faults.catalogue import BATCHES, VANISHED, Flow
from tests.faults.rig import Rig
from tests.support.standin import png
from worker.adapters.aws.assets import DynamoAssetCache
from worker.contracts.drop_error import DropError
from worker.contracts.fields import rfc3339
from worker.hautech.auth import SelfSignedToken
from worker.jobs.assets import Asset, AssetKind
from worker.jobs.keys import place_key
from worker.jobs.object_marks import ERROR, MARKER

_RULES: Final = """
version: 1
presets:
  studio:
    workflow: full-naomi
    input: {{poseImageId: "s3://{images}/pose.png", aspectRatio: "7:10", prompt: a red coat, seed: 42}}
    outputOptions: {{renditions: [{{format: jpeg, width: 40}}]}}
rules:
  - name: groups
    bucket: {drops}
    match: "inbox/sets/{{sku}}_{{part}}.{{ext}}"
    preset: studio
    parts: {{front: imageId, pose: poseImageId}}
    settleSeconds: 0
    output: "s3://{shop}/sets/{{sku}}/"
  - name: garments
    bucket: {drops}
    match: "inbox/{{season}}/{{sku}}.{{ext}}"
    preset: studio
    sidecar: true
    settleSeconds: 5
    output: "s3://{shop}/{{season}}/{{sku}}/"
    onSuccess: {{moveTo: "processed/{{season}}/"}}
    onFailure: {{copyTo: "failed/{{season}}/"}}
"""
_MANIFEST: Final = "prompt,input.aspectRatio\na woman,7:10\na man,round\na child,7:10\n"
_EXIF_ORIENTATION: Final = 0x0112


@dataclass(frozen=True, slots=True)
class Seen:
    """What a scene looks like in the end."""

    problems: tuple[str, ...] = ()
    """What should be otherwise."""
    notes: tuple[str, ...] = ()
    """What people see less of than in a calm run, and are told in the log."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """A message, and what has to be true when nothing is left to do."""

    body: str
    jobs: int = 1
    """So many come of it."""
    look: Callable[[str], Seen] = field(default=lambda _logs: Seen())
    """Looks at what is left, given the log."""


class Stage:
    """Sets a scene on a stack of its own.

    Args:
        rig: started.
        outputs: of the stack.
        request_id: of the scene's request, or the id of its batch.
    """

    def __init__(self, rig: Rig, outputs: StackOutputs, request_id: str) -> None:
        self._rig = rig
        self._outputs = outputs
        self._id = request_id
        self._s3: Any = rig.aws.client("s3")
        self._drops = outputs.input_bucket_name
        self._shop = outputs.output_bucket_name

    def environment(self, flow: Flow) -> dict[str, str]:
        """The variables of the flow's workers that differ from those of a request's."""
        if flow not in {*BATCHES, "drop", "group", "failing drop"}:
            return {}
        return {
            "WORKER_INPUT_BUCKETS": f"{self._rig.input_bucket},{self._drops}",
            "WORKER_DROP_RULES": f"s3://{self._drops}/rules.yaml",
        }

    def set_up(self, flow: Flow) -> Scene:
        """Puts there what the flow needs."""
        scenes: Mapping[str, Callable[[], Scene]] = {
            "vanished": self._vanished,
            "drop": self._drop,
            "group": self._group,
            "failing drop": self._failing_drop,
            "batch": self._batch,
            "long list": self._batch,
        }
        if flow in scenes:
            return scenes[flow]()
        return Scene(body=self._request())

    # -- requests ----------------------------------------------------------------------------

    def _request(self) -> str:
        images = self._rig.input_bucket
        request_input = {
            "poseImageId": f"s3://{images}/pose.png",
            "imageId": f"s3://{images}/garment.png",
            "aspectRatio": "7:10",
            "prompt": "a model in a red coat",
            "seed": 42,
        }
        return json.dumps(
            {
                "requestId": self._id,
                "workflow": "full-naomi",
                "input": request_input,
                "output": f"s3://{self._shop}/generated/",
            }
        )

    def _vanished(self) -> Scene:
        """The cache knows an image that Hautech has never heard of."""
        bucket, now = self._rig.input_bucket, self._rig.world.now()
        etag = self._s3.head_object(Bucket=bucket, Key="garment.png")["ETag"].strip('"')
        key = self._rig.stand_in.credentials
        token = SelfSignedToken(app_id=key.app_id, key_id=key.key_id, key_secret=key.key_secret)
        account = f"{token.account()} at {self._rig.gateway.url('api')}"
        cache = DynamoAssetCache(self._rig.aws.client("dynamodb"), self._outputs.job_table_name)
        size = {"sizeBytes": 1000, "widthPx": 120, "heightPx": 180}
        asset = Asset(
            kind=AssetKind.UPLOAD,
            value=VANISHED,
            made_at=now,
            expires_at=now + timedelta(days=30),
            details={**size, "sha256": secrets.token_hex(32), "changes": []},
        )
        cache.publish(place_key(account, bucket, "garment.png", etag), asset, at=now)
        return Scene(body=self._request())

    # -- drops -------------------------------------------------------------------------------

    def _drop(self) -> Scene:
        key = "inbox/spring/coat.jpg"
        place = f"s3://{self._drops}/{key}"
        said = DropError(
            photo=place,
            code="image.unreadable",
            details=(),
            rule="garments",
            at=self._rig.world.now(),
        )
        self._put(self._shop, "spring/coat/coat.error.json", said.dumps().encode(), {MARKER: ERROR})
        body = self._put_photo(key, _turned_photo())
        return Scene(body=body, look=self._look_at_drop)

    def _look_at_drop(self, logs: str) -> Seen:
        here, shop = self._keys(self._drops), self._keys(self._shop)
        problems: list[str] = []
        missing: list[str] = []
        photos = {"inbox/spring/coat.jpg", "processed/spring/coat.jpg"} & here
        sidecars = {"inbox/spring/coat.yaml", "processed/spring/coat.yaml"} & here
        problems += [] if photos else ["the photo is lost"]
        problems += [] if sidecars else ["the sidecar is lost"]
        for left, what in (
            ({one for one in photos if one.startswith("inbox/")}, "the photo was not moved"),
            ({one for one in sidecars if one.startswith("inbox/")}, "the sidecar was not moved"),
            ({one for one in shop if one.endswith(".error.json")}, "the old error document stays"),
        ):
            if left:
                missing.append(what)
        if not any("-40w." in key for key in shop):
            problems.append("the rendition is missing")
        return _seen(problems, missing, logs)

    def _group(self) -> Scene:
        self._put(self._drops, "inbox/sets/coat_pose.png", png("black"))
        return Scene(body=self._put_photo("inbox/sets/coat_front.png", png("red")))

    def _failing_drop(self) -> Scene:
        body = self._put_photo("inbox/spring/coat.png", png("red"))
        return Scene(body=body, look=self._look_at_failing_drop)

    def _look_at_failing_drop(self, logs: str) -> Seen:
        problems: list[str] = []
        missing: list[str] = []
        if "inbox/spring/coat.png" not in self._keys(self._drops):
            problems.append("the photo is lost")
        for is_there, what in (
            ("failed/spring/coat.png" in self._keys(self._drops), "the photo was not copied"),
            ("spring/coat/coat.error.json" in self._keys(self._shop), "there is no error document"),
        ):
            if not is_there:
                missing.append(what)
        return _seen(problems, missing, logs)

    def _put_photo(self, key: str, photo: bytes) -> str:
        """Puts the rules there, a photo, and its sidecar; the notification that S3 would send."""
        images, drops, shop = self._rig.input_bucket, self._drops, self._shop
        rules = _RULES.format(images=images, drops=drops, shop=shop)
        self._put(drops, "rules.yaml", rules.encode())
        self._put(drops, f"{key.rpartition('.')[0]}.yaml", b"metadata: {colour: red}")
        etag = self._put(drops, key, photo)
        entity = {"key": quote_plus(key), "size": len(photo), "eTag": etag, "sequencer": "01"}
        record = {
            "eventVersion": "2.1",
            "eventSource": "aws:s3",
            "awsRegion": self._rig.aws.region,
            "eventTime": rfc3339(self._rig.world.now()),
            "eventName": "ObjectCreated:Put",
            "s3": {"bucket": {"name": drops}, "object": entity},
        }
        return json.dumps({"Records": [record]})

    # -- batches -----------------------------------------------------------------------------

    def _batch(self) -> Scene:
        self._put(self._drops, "batches/spring.csv", _MANIFEST.encode())
        images = self._rig.input_bucket
        template_input = {
            "poseImageId": f"s3://{images}/pose.png",
            "imageId": f"s3://{images}/garment.png",
            "prompt": "{prompt}",
            "seed": 42,
        }
        message = {
            "batchId": self._id,
            "manifest": f"s3://{self._drops}/batches/spring.csv",
            "request": {
                "workflow": "full-naomi",
                "input": template_input,
                "output": f"s3://{self._shop}/generated/",
            },
        }
        return Scene(body=json.dumps(message), jobs=2, look=self._look_at_batch)

    def _look_at_batch(self, _logs: str) -> Seen:
        key = f"generated/{self._id}.results.jsonl"
        if key not in self._keys(self._shop):
            return Seen(("there is no list of results",))
        body = self._s3.get_object(Bucket=self._shop, Key=key)["Body"].read().decode()
        found = [(one["row"], one["status"]) for one in map(json.loads, body.splitlines())]
        if found != [(1, "succeeded"), (2, "refused"), (3, "succeeded")]:
            return Seen((f"the list of results says {found}",))
        return Seen()

    # -- S3 ----------------------------------------------------------------------------------

    def _put(
        self, bucket: str, key: str, data: bytes, metadata: Mapping[str, str] | None = None
    ) -> str:
        answer = self._s3.put_object(
            Bucket=bucket, Key=key, Body=data, Metadata=dict(metadata or {})
        )
        return str(answer["ETag"]).strip('"')

    def _keys(self, bucket: str) -> set[str]:
        answer = self._s3.list_objects_v2(Bucket=bucket)
        return {entry["Key"] for entry in answer.get("Contents", ())}


def _seen(problems: list[str], missing: list[str], logs: str) -> Seen:
    """What is missing of what people should see is a problem, unless the log tells of it."""
    if "drop_mark_failed" in logs:
        return Seen(tuple(problems), tuple(f"{what}, which the log says" for what in missing))
    return Seen((*problems, *missing))


def _turned_photo() -> bytes:
    """A photo that a camera has turned, so that it has to be developed."""
    exif, sink = Image.Exif(), io.BytesIO()
    exif[_EXIF_ORIENTATION] = 6
    Image.new("RGB", (180, 120), "red").save(sink, "JPEG", exif=exif)
    return sink.getvalue()
