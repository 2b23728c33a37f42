"""Rules and uploads to begin with; tests change what they are about."""

from __future__ import annotations

from worker.drops.planning import DropPlan, Photo, plan_drop
from worker.drops.rules import RuleSet, load_rules
from worker.drops.sidecars import Sidecar, SidecarError

INPUT = frozenset({"catalog"})
OUTPUT = frozenset({"catalog", "shop"})

PRESETS = """
version: 1
presets:
  studio:
    workflow: full-naomi
    input: {poseImageId: "s3://catalog/poses/standing.png", aspectRatio: 7:10, prompt: A jacket}
"""

GARMENTS = (
    PRESETS
    + """
rules:
  - name: garments
    match: "inbox/{season}/{sku}.{ext}"
    preset: studio
    output: "s3://shop/{season}/{sku}/"
"""
)

SETS = (
    PRESETS
    + """
rules:
  - name: sets
    match: "sets/{sku}_{part}.{ext}"
    request: {workflow: 6c2c5a0e-8f3f-4c6c-9d3b-2b1b8f0f2f11}
    parts: {front: imageId, pose: poseImageId, "back?": backImageId}
    output: "s3://shop/{sku}/"
"""
)


def rules(text: str) -> RuleSet:
    return load_rules(text, input_buckets=INPUT, output_buckets=OUTPUT)


def photo(key: str, *, version_id: str | None = "v1", etag: str = "e1") -> Photo:
    return Photo("catalog", key, version_id, etag)


def plan(
    text: str, *keys: str, sidecar: Sidecar | SidecarError | None = None, again: str = ""
) -> DropPlan:
    match = rules(text).match("catalog", keys[0])
    assert match is not None
    return plan_drop(match, [photo(key) for key in keys], sidecar, again=again)
