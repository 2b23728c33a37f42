"""CloudWatch's metric math, as much of it as our templates use: an expression at one moment.

A value of None is a figure that nobody told, which is what FILL is for.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping
from typing import Any

Value = float | None


def evaluate(expression: str, figures: Mapping[str, Value]) -> Value:
    """What the expression gives for these figures; None if it gives no value.

    Raises:
        ValueError: it uses something that is not known here.
    """
    text = re.sub(r"\bAND\b", "and", expression).replace("\n", " ")
    try:
        return _value(ast.parse(text.strip(), mode="eval").body, figures)
    except _Missing:
        return None


class _Missing(Exception):  # noqa: N818 - not an error: the figure has no value there
    pass


def _value(node: ast.expr, figures: Mapping[str, Value]) -> float:  # noqa: PLR0911 - one case each
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name):
            value = figures[name]
            if value is None:
                raise _Missing
            return value
        case ast.BinOp(left=left, op=operator, right=right):
            return _arithmetic(operator, _value(left, figures), _value(right, figures))
        case ast.BoolOp(op=ast.And(), values=values):
            return float(all(_value(value, figures) for value in values))
        case ast.Compare(left=left, ops=[operator], comparators=[right]):
            return float(_compared(operator, _value(left, figures), _value(right, figures)))
        case ast.Call(func=ast.Name(id="IF"), args=[test, then, otherwise]):
            return _value(then if _value(test, figures) else otherwise, figures)
        case ast.Call(func=ast.Name(id="FILL"), args=[figure, instead]):
            try:
                return _value(figure, figures)
            except _Missing:
                return _value(instead, figures)
    raise ValueError(f"not known here: {ast.unparse(node)}")


def _arithmetic(operator: Any, left: float, right: float) -> float:
    match operator:
        case ast.Add():
            return left + right
        case ast.Sub():
            return left - right
        case ast.Mult():
            return left * right
        case ast.Div():
            if right == 0:
                raise _Missing  # CloudWatch gives no value there
            return left / right
    raise ValueError(f"not known here: {operator}")


def _compared(operator: Any, left: float, right: float) -> bool:
    match operator:
        case ast.Gt():
            return left > right
        case ast.GtE():
            return left >= right
        case ast.Eq():
            return left == right
    raise ValueError(f"not known here: {operator}")
