"""A folder like botocore's `data`, with hardly anything in it."""

import gzip
import json
from collections.abc import Iterable
from pathlib import Path


def write_data(data: Path, services: Iterable[str]) -> None:
    """Writes a model of each service, and what is known of their endpoints."""
    for service in services:
        model = data / service / "2020-01-01" / "service-2.json.gz"
        model.parent.mkdir(parents=True)
        model.write_bytes(
            gzip.compress(b'{"metadata": {"endpointPrefix": "%s"}}' % service.encode())
        )
    known: dict[str, dict[str, str]] = {service: {} for service in services}
    (data / "endpoints.json").write_text(json.dumps({"partitions": [{"services": known}]}))
