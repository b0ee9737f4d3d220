"""The metric math of alarms: numbers, series by period, arithmetic, comparisons, FILL, IF and SUM of several series."""

import ast
import operator
from collections.abc import Callable
from typing import Any

Series = dict[int, float]

_BINARY: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Pow: operator.pow,
}
_COMPARED: dict[type[ast.AST], Callable[[float, float], bool]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


class MathError(Exception):
    """The expression uses what is not understood here, or a name that is not given."""


def evaluate(expression: str, series: dict[str, Series], periods: list[int]) -> Series:
    """The series that an expression makes of others over `periods` (their start in epoch seconds)."""
    try:
        tree = ast.parse(expression.strip(), mode="eval")
    except SyntaxError as error:
        raise MathError(f"cannot read {expression!r}") from error
    value = _value(tree.body, series, periods)
    return value if isinstance(value, dict) else dict.fromkeys(periods, value)


def _value(node: ast.AST, series: dict[str, Series], periods: list[int]) -> Series | float:
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float):
        return float(node.value)
    if isinstance(node, ast.Name):
        if node.id not in series:
            raise MathError(f"{node.id} is no metric of the expression")
        return series[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return _each(lambda values: -values[0], [_value(node.operand, series, periods)])
    if isinstance(node, ast.BinOp):
        sides = [_value(node.left, series, periods), _value(node.right, series, periods)]
        if isinstance(node.op, ast.Div):
            # A division by zero makes no data point.
            return _each(lambda values: values[0] / values[1] if values[1] else None, sides)
        if type(node.op) in _BINARY:
            binary = _BINARY[type(node.op)]
            return _each(lambda values: binary(*values), sides)
    if isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in _COMPARED:
        compared = _COMPARED[type(node.ops[0])]
        sides = [_value(node.left, series, periods), _value(node.comparators[0], series, periods)]
        return _each(lambda values: float(compared(*values)), sides)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        if node.func.id.upper() == "SUM" and len(node.args) == 1 and isinstance(node.args[0], ast.List):
            return _sum([_value(item, series, periods) for item in node.args[0].elts])
        arguments = [_value(argument, series, periods) for argument in node.args]
        return _call(node.func.id.upper(), arguments, periods)
    raise MathError(f"{ast.unparse(node)} is not supported by the local AWS")


def _call(name: str, arguments: list[Series | float], periods: list[int]) -> Series | float:
    if name == "FILL" and len(arguments) == 2:
        given, fill = arguments
        if isinstance(given, dict) and not isinstance(fill, dict):
            return {period: given.get(period, fill) for period in periods}
    if name == "IF" and len(arguments) in (2, 3):
        chosen: Series = {}
        for period in periods:
            condition = _at(arguments[0], period)
            if condition is None:
                continue
            branch = arguments[1] if condition else arguments[2] if len(arguments) == 3 else None
            value = None if branch is None else _at(branch, period)
            if value is not None:
                chosen[period] = value
        return chosen
    raise MathError(f"{name} is not supported by the local AWS")


def _sum(values: list[Series | float]) -> Series:
    """Unlike +, an array function needs no data of every series: it adds up what each period has."""
    found: Series = {}
    for value in values:
        if not isinstance(value, dict):
            raise MathError("SUM takes series, no numbers")
        for period, number in value.items():
            found[period] = found.get(period, 0.0) + number
    return found


def _at(value: Series | float, period: int) -> float | None:
    return value.get(period) if isinstance(value, dict) else value


def _each(function: Callable[[list[float]], float | None], values: list[Series | float]) -> Series | float:
    """Apply a function period by period, where every series has a value."""
    every = [set(value) for value in values if isinstance(value, dict)]
    if not every:
        result = function([float(value) for value in values if not isinstance(value, dict)])
        return {} if result is None else result
    found: dict[int, Any] = {}
    for period in sorted(set.intersection(*every)):
        result = function([value[period] if isinstance(value, dict) else value for value in values])
        if result is not None:
            found[period] = result
    return found
