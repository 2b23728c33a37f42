"""What producers send as batches in one run: tables of every form, with bad rows, caps and cancellations.

Some rows of a batch name one and the same place for their pictures; somebody may use the id of a row
for a request of their own, replace the manifest, or send the same batch again long after its end.
"""

from __future__ import annotations

import csv
import io
import json
import random
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests.builders import message
from tests.simulation.workload import GARMENTS, POSES, Sent
from worker.adapters.memory.clock import START
from worker.contracts.fields import rfc3339
from worker.contracts.s3_uri import S3Uri

Row = dict[str, Any]
"""What a row says: `name`, `imageId`, `aspectRatio`, `seed`, and perhaps `variants`."""

_MISSING = "s3://catalog/raw/none.png"
_PRICE_ABOUT = 0.044
"""What a pipeline costs in memory, about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Put:
    """A manifest that somebody puts in the bucket, perhaps over another one."""

    at_s: float
    uri: S3Uri
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchPlan:
    """One batch as its producer means it."""

    batch_id: str
    rows: int
    bad: frozenset[int]
    """Rows that are no valid requests."""
    sent: tuple[Sent, ...]
    """Its messages: repetitions, others with the same id, and such as are no batch."""
    requests: tuple[Sent, ...] = ()
    """Of somebody else, who uses the ids of its rows."""
    manifests: tuple[Put, ...] = ()
    cancels_at_s: tuple[float, ...] = ()


def draw_batches(rng: random.Random) -> list[BatchPlan]:
    """The batches of a seed."""
    return [_draw(rng, f"bt-{number}") for number in range(rng.choice((1, 1, 1, 2)))]


def _draw(rng: random.Random, batch_id: str) -> BatchPlan:
    form = rng.choice(("matrix", "csv", "jsonl", "json"))
    rows = _matrix(rng) if form == "matrix" else [_row(rng, form) for _ in range(_how_many(rng))]
    bad = frozenset(number for number, row in enumerate(rows, start=1) if _is_bad(row))
    document = _message(rng, batch_id, form, rows)
    at_s = rng.uniform(0.0, 60.0)
    bodies = [json.dumps(document)] * rng.choice((1, 1, 2, 3))
    if rng.random() < 0.15:
        bodies.append(json.dumps({**document, "creditCap": "77"}))
    if rng.random() < 0.1:
        bodies.append(json.dumps({**document, "resultsTo": "s3://elsewhere/"}))
    waits_s = (0.0, 0.5, 40.0, 400.0, 4000.0)
    cancels = rng.choice((0, 0, 0, 1, 2))
    return BatchPlan(
        batch_id=batch_id,
        rows=len(rows),
        bad=bad,
        sent=tuple(Sent(at_s + rng.choice(waits_s), body) for body in bodies),
        requests=tuple(_requests_of_others(rng, batch_id, at_s)),
        manifests=() if form == "matrix" else tuple(_manifests(rng, document, form, rows, at_s)),
        cancels_at_s=tuple(rng.uniform(0.0, at_s + 200.0) for _ in range(cancels)),
    )


def _how_many(rng: random.Random) -> int:
    return rng.choice((1, 2, 3, 5, 8))


def _row(rng: random.Random, form: str) -> Row:
    row: Row = {
        "name": rng.choice(("coat", "dress", "hat")),
        "imageId": f"s3://catalog/{rng.choice(GARMENTS)}",
        "aspectRatio": "7:10",
        "seed": rng.randrange(1000),
    }
    dice = rng.random()
    if dice < 0.15:
        row["aspectRatio"] = "round"
    elif dice < 0.2:
        row["imageId"] = _MISSING
    elif dice < 0.3 and form != "csv":
        row["variants"] = 2
    return row


def _is_bad(row: Row) -> bool:
    return bool(row["aspectRatio"] == "round")


def _matrix(rng: random.Random) -> list[Row]:
    ratios = rng.choice((["7:10"], ["7:10", "round"]))
    seeds = rng.sample(range(1000), k=rng.choice((1, 2, 4)))
    return [
        {
            "name": "coat",
            "imageId": f"s3://catalog/{GARMENTS[0]}",
            "aspectRatio": ratio,
            "seed": seed,
        }
        for ratio in ratios
        for seed in seeds
    ]


def _message(rng: random.Random, batch_id: str, form: str, rows: list[Row]) -> dict[str, Any]:
    given: dict[str, Any] = {
        "poseImageId": f"s3://catalog/{rng.choice(POSES)}",
        "imageId": f"s3://catalog/{GARMENTS[0]}",
        "prompt": "take 1" if form == "matrix" else "{take}",
    }
    # With an exact key, rows of one name (of a matrix: all of them) write to one place.
    exact = "s3://shop/exact/one.png" if form == "matrix" else "s3://shop/exact/{name}.png"
    has_variants = any("variants" in row for row in rows)
    output = "s3://shop/made/" if has_variants else rng.choice(("s3://shop/made/", exact, exact))
    request: dict[str, Any] = {"workflow": "full-naomi", "input": given, "output": output}
    if form != "matrix":
        request["metadata"] = {"name": "{name}"}
    document: dict[str, Any] = {"batchId": batch_id, "request": request}
    if form == "matrix":
        # In the order of `_matrix`: the last list varies fastest.
        document["matrix"] = {
            name: list(dict.fromkeys(row[name] for row in rows)) for name in ("aspectRatio", "seed")
        }
    else:
        document["manifest"] = f"s3://catalog/batches/{batch_id}.{form}"
    if rng.random() < 0.3:
        document["creditCap"] = f"{_PRICE_ABOUT * rng.choice((0.5, 1.0, 2.0, 4.0, 6.5)):.3f}"
    if rng.random() < 0.1:
        expires_at = START + timedelta(seconds=rng.choice((5.0, 60.0, 300.0)))
        document["expiresAt"] = rfc3339(expires_at)
    if rng.random() < 0.3:
        document["resultsTo"] = f"s3://shop/lists/{batch_id}.jsonl"
    return document


def _requests_of_others(rng: random.Random, batch_id: str, at_s: float) -> list[Sent]:
    """Perhaps one under the id of the first row."""
    if rng.random() >= 0.1:
        return []
    request = message(requestId=f"{batch_id}.1", output="s3://shop/made/")
    return [Sent(max(0.0, at_s + rng.choice((-30.0, 0.0, 10.0))), json.dumps(request))]


def _manifests(
    rng: random.Random, document: dict[str, Any], form: str, rows: list[Row], at_s: float
) -> list[Put]:
    uri = S3Uri.parse(document["manifest"])
    puts = [Put(at_s=0.0, uri=uri, data=_table(form, rows, take=1))]
    if rng.random() < 0.15:
        late_s = at_s + rng.uniform(0.0, 60.0)
        puts.append(Put(at_s=late_s, uri=uri, data=_table(form, rows, take=2)))
    return puts


def _table(form: str, rows: list[Row], *, take: int) -> bytes:
    if form == "csv":
        text = io.StringIO()
        writer = csv.writer(text)
        writer.writerow(["name", "input.imageId", "input.aspectRatio", "input.seed", "take"])
        for row in rows:
            writer.writerow(
                [row["name"], row["imageId"], row["aspectRatio"], row["seed"], f"take {take}"]
            )
        return text.getvalue().encode()
    documents = [_patch(row, take) for row in rows]
    if form == "json":
        return json.dumps(documents).encode()
    # A line that is no JSON is a bad row like any other.
    lines = ["{" if _is_bad(row) else json.dumps(_patch(row, take)) for row in rows]
    return "\n".join(lines).encode()


def _patch(row: Row, take: int) -> dict[str, Any]:
    given = {name: row[name] for name in ("imageId", "aspectRatio", "seed") if name in row}
    document: dict[str, Any] = {"name": row["name"], "take": f"take {take}", "input": given}
    if "variants" in row:
        del given["seed"]
        document["variants"] = row["variants"]
    return document
