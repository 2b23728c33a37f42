"""The Python examples compile, and what they use of the sandbox is there."""

import ast
import json
from importlib import import_module
from inspect import get_annotations

import pytest

from sandbox.local import LocalStack
from sandbox.stack_user import StackUser
from tests.unit.docs.pages import ROOT, blocks, pages, read
from worker.contracts.request import parse_request

NAMES = [str(path.relative_to(ROOT)) for path in pages()]
PLAY = "docs/quickstart.md"


@pytest.mark.parametrize("name", NAMES)
def test_every_example_compiles_and_imports_what_is_there(name: str) -> None:
    for block in blocks(read(name), "python"):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.ImportFrom):
                module = import_module(node.module or "")
                assert [one.name for one in node.names if not hasattr(module, one.name)] == []


def test_the_local_stack_has_all_that_the_quickstart_uses_of_it() -> None:
    text = read(PLAY)
    (block,) = blocks(text, "python")
    inline = [code for code in text.split("`") if code.startswith("stack.")]
    used = {
        node.attr
        for code in [block, *inline]
        for node in ast.walk(ast.parse(code))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and node.value.id == "stack"
    }

    there = {*dir(LocalStack), *get_annotations(LocalStack), *get_annotations(StackUser)}

    assert {"submit", "upload", "outputs", "job", "read"} <= used <= there


def test_the_request_of_the_quickstart_is_accepted() -> None:
    (block,) = blocks(read(PLAY), "python")
    (sent,) = [
        node.args[0]
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "stack.submit"
    ]
    text = ast.unparse(sent).replace("stack.upload(Path('pose.png'))", "'s3://catalog/pose.png'")
    buckets = frozenset({"catalog"})
    text = text.replace("{stack.outputs.output_bucket_name}", "catalog").replace("f's3", "'s3")

    request = json.dumps(ast.literal_eval(text))
    parsed = parse_request(request, input_buckets=buckets, output_buckets=buckets)

    assert parsed.workflow == "prepare-pose"
