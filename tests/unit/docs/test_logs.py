"""The table of log actions lists what the code logs, with its level, and nothing else."""

import ast
import re
from collections.abc import Iterator

from tests.unit.docs.pages import ROOT, read

PAGE = "docs/reference/logs.md"
_LEVELS = "(?:debug|info|warning|error)"
_ROW = re.compile(rf"^\| `(\w+)` \| ({_LEVELS}(?:, {_LEVELS})*) \|", re.MULTILINE)


def logged() -> set[tuple[str, str]]:
    """(action, level) of every log call in the worker; `*` stands for what is filled in."""
    found = set()
    for path in (ROOT / "worker").rglob("*.py"):
        for call in _calls(ast.parse(path.read_text(encoding="utf-8"))):
            level = call.func.attr if isinstance(call.func, ast.Attribute) else ""
            for keyword in call.keywords:
                if keyword.arg == "action":
                    action = _text(keyword.value)
                    assert action is not None, f"{path}:{call.lineno}: action is not a literal"
                    found.add((action, "error" if level == "exception" else level))
    return found


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    return (node for node in ast.walk(tree) if isinstance(node, ast.Call))


def _text(value: ast.expr) -> str | None:
    match value:
        case ast.Constant(value=str(text)):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(_text(part) or "*" for part in parts)
    return None


def documented() -> set[tuple[str, str]]:
    rows = _ROW.findall(read(PAGE))
    return {(action, level) for action, levels in rows for level in levels.split(", ")}


def spelled_out() -> set[tuple[str, str]]:
    """`logged`, with the one action that is put together replaced by what it can be."""
    found = logged()
    for action, level in list(found):
        if "*" in action:
            found.remove((action, level))
            found |= {(action.replace("*", status), level) for status in ("succeeded", "failed")}
    return found


def test_the_table_lists_exactly_the_actions_that_the_worker_logs() -> None:
    assert documented() == spelled_out()


def test_each_action_has_one_row() -> None:
    actions = [action for action, _ in _ROW.findall(read(PAGE))]

    assert sorted(actions) == sorted(set(actions))


def test_only_the_verdict_is_put_together() -> None:
    assert {action for action, _ in logged() if "*" in action} <= {"job_*"}
