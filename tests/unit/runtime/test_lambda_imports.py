"""What a cold start does not import: seen in an interpreter of its own, with no clock involved."""

import importlib
import json
import subprocess
import sys

import pytest

from tests.unit.test_bootstrap import GOOD

_NEVER = ("typer", "rich", "pygments", "prometheus_client", "http.server", "boto3", "s3transfer")
_ONLY_WHEN_NEEDED = ("cryptography", "jwt", "PIL")

_LATE = {
    *("worker.batches.batch", "worker.batches.moves", "worker.batches.rows"),
    *("worker.contracts.batch", "worker.contracts.batch_event", "worker.contracts.follow"),
    *("worker.drops.planning", "worker.drops.rule_set", "worker.drops.s3_events"),
    *("worker.drops.yaml_text", "worker.engine.batch_following", "worker.engine.batch_messages"),
    *("worker.engine.develop", "worker.engine.drop_messages", "worker.engine.renditions"),
    "worker.ports.photos",
}
"""Parts for messages that most processes never see, see `worker.engine.late_parts`."""

_MODELS = [
    f"worker.contracts.{name}"
    for name in (
        *("batch", "batch_event", "drop_origin", "follow", "inputs", "origin", "output_options"),
        *("poll", "request", "result"),
    )
]
_RECORDS = [
    "worker.jobs.job",
    "worker.jobs.assets",
    "worker.batches.batch",
    "worker.batches.states",
]

_IMPORT = """
import json, sys
import worker.runtime.aws_lambda, worker.runtime.lambda_queue, worker.runtime.lambda_schedule
from worker.hautech.auth import load_key_secret
from worker.jobs.image_sizes import NoSizeError, avif_size

at_start = sorted(sys.modules)


class Head:
    data = bytearray(b"no picture")

    def have(self, size_bytes):
        return False


try:
    avif_size(Head())
except NoSizeError:
    pass
try:
    load_key_secret("no key")
except ValueError:
    pass
print(json.dumps({"start": at_start, "later": sorted(sys.modules)}))
"""

_COLLECTIONS = """
import gc, json, sys
seen = []
# The module itself may have to be compiled, with collections; its imports come after that.
gc.callbacks.append(lambda phase, info: "structlog" in sys.modules and seen.append(phase))
import worker.runtime.aws_lambda
assert vars(worker.runtime.aws_lambda._functions).keys() == {"_environ", "polls"}
during = len(seen)
is_enabled, kept = gc.isenabled(), gc.get_freeze_count()
gc.collect()
print(json.dumps({"during": during, "later": len(seen), "enabled": is_enabled, "kept": kept}))
"""


_OWN = "import json, sys, worker.runtime.aws_lambda; print(json.dumps(sorted(sys.modules)))"


def started_as(name, code):
    """What the code says when Lambda starts an environment for that function."""
    environ = {**GOOD, "AWS_REGION": "eu-west-1", "_HANDLER": f"worker.runtime.aws_lambda.{name}"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environ, capture_output=True, text=True, check=True
    )
    return json.loads(done.stdout)


def test_nothing_looks_for_garbage_while_the_handlers_start_but_later_it_does():
    told = started_as("handle_polls", _COLLECTIONS)
    assert told["during"] == 0
    assert told["enabled"]
    assert told["later"] > 0
    assert told["kept"] > 10_000, "what the start made is looked through again and again"


@pytest.fixture(scope="module")
def imported():
    """The modules after the handlers were imported, and after an AVIF and a key were looked at."""
    done = subprocess.run(
        # structlog imports rich where it is installed; in the package it is not.
        [sys.executable, "-c", "import sys; sys.modules['rich'] = None\n" + _IMPORT],
        capture_output=True,
        text=True,
        check=True,
    )
    told = json.loads(done.stdout)
    return {"start": set(told["start"]) - {"rich"}, "later": set(told["later"]) - {"rich"}}


@pytest.mark.parametrize("module", [*_NEVER, *_ONLY_WHEN_NEEDED])
def test_the_handlers_start_without_it(imported, module):
    assert module not in imported["start"]


@pytest.mark.parametrize("module", _NEVER)
def test_the_handlers_never_import_it(imported, module):
    assert module not in imported["later"]


@pytest.mark.parametrize("module", ["cryptography", "PIL"])
def test_what_is_left_out_at_the_start_comes_when_it_is_needed(imported, module):
    assert module in imported["later"]


def test_reconcile_starts_without_an_engine():
    modules = started_as("handle_reconcile", _OWN)

    assert "worker.engine.reconcile" in modules
    for foreign in (
        "worker.bootstrap",
        "worker.engine.engine",
        "worker.adapters.aws.s3",
        "worker.adapters.hautech_gateway",
        "worker.contracts.request",
        "worker.contracts.result",
        "worker.jobs.plan",
        "worker.ports.generation",
        "worker.ports.objects",
        "worker.runtime.lambda_queue",
    ):
        assert foreign not in modules


@pytest.mark.parametrize("name", ["handle_requests", "handle_polls"])
def test_functions_of_queues_start_with_their_engine_and_without_reconcile(name):
    modules = started_as(name, _OWN)

    assert "worker.engine.engine" in modules
    assert "worker.engine.reconcile" not in modules
    assert "worker.runtime.lambda_schedule" not in modules


@pytest.mark.parametrize("name", ["handle_requests", "handle_polls", "handle_reconcile"])
def test_functions_start_without_batches_drop_folders_and_the_photo_lab(name):
    modules = started_as(name, _OWN)

    assert not _LATE & set(modules)


def test_what_comes_late_is_there():
    for module in _LATE:
        importlib.import_module(module)


@pytest.mark.parametrize("name", [*_MODELS, *_RECORDS])
def test_no_annotation_of_a_model_is_a_text_that_would_be_compiled_at_every_start(name):
    module = importlib.import_module(name)

    assert not hasattr(module, "annotations"), "it imports them from __future__"
