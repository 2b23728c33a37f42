"""The probe in front of a handler: it answers as the handler does, and writes down what it took."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

from bench.waiting.invocations import parse_lines

_HANDLERS = """
import os
NAME_AT_INIT = os.environ["_HANDLER"]

def handle_polls(event, context):
    return {"batchItemFailures": [{"itemIdentifier": "one"}], "name": NAME_AT_INIT}
"""

_CALLS = """
import json, bench_probe
event = {"Records": [{"messageId": "one"}, {"messageId": "two"}]}
print(json.dumps([bench_probe.handle(event, None), bench_probe.handle({}, None)]))
"""


def test_each_invocation_is_a_line_and_the_first_one_carries_the_init(tmp_path):
    probe = importlib.util.find_spec("bench.waiting.probe")
    assert probe is not None
    assert probe.origin is not None
    # In a process of its own: it changes the SDK and http.client for all that run beside it.
    (tmp_path / "bench_probe.py").write_text(Path(probe.origin).read_text())
    (tmp_path / "handlers.py").write_text(_HANDLERS)
    notes = tmp_path / "notes.jsonl"
    variables = {
        "BENCH_HANDLER": "handlers.handle_polls",
        "BENCH_FILE": str(notes),
        "PYTHONPATH": str(tmp_path),
    }
    done = subprocess.run(
        [sys.executable, "-c", _CALLS],
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    answer = {"batchItemFailures": [{"itemIdentifier": "one"}], "name": "handlers.handle_polls"}
    assert json.loads(done.stdout) == [answer, answer]
    first, second = parse_lines(notes.read_text())
    assert (first.function, first.records, first.kept) == ("polls", 2, 1)
    assert first.init_ms > 0
    assert (second.records, second.init_ms) == (0, 0.0)
