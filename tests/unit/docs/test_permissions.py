"""The page on containers names every permission that a call of the worker needs."""

import re

from tests.unit.docs.pages import ROOT, read

PAGE = "docs/how-to/run-in-a-container.md"
_PERMISSION = r"(?:sqs|sns|s3|dynamodb|secretsmanager):[A-Z]\w+"


def named_in_the_code() -> set[str]:
    files = (ROOT / "worker").rglob("*.py")
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    return set(re.findall(rf'AwsCall\([^)]*"({_PERMISSION})"', text))


def test_every_permission_is_named() -> None:
    needed = named_in_the_code()

    assert len(needed) > 10
    assert needed <= set(re.findall(rf"`({_PERMISSION})`", read(PAGE)))


def test_every_permission_of_a_look_at_a_deployment_is_named() -> None:
    files = (ROOT / "worker/runtime/commands/deployed").glob("*.py")
    text = "\n".join(path.read_text(encoding="utf-8") for path in files)
    needed = set(re.findall(r'"([a-z]+:[A-Z]\w+)"', text))

    assert len(needed) > 10
    assert needed <= set(re.findall(r"`([a-z]+:[A-Z]\w+)`", read("docs/reference/commands.md")))
