"""Translates the PromQL of the timelines into operands and a condition: metrics, windows, `by`, offset, comparisons."""

from __future__ import annotations

import ast
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from trueline_rules.alerting.aggregates import Agg
from trueline_rules.alerting.operands import Operand
from trueline_rules.alerting.vectors import Labels, labels_of

_UNITS_US = {"s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000}
_SPAN = r"([0-9]+)([smh])"
_METRIC = r"([a-z][a-z0-9_]*)"
_SELECTOR = rf"{_METRIC}(?:\{{([^}}]*)\}})?"
# The longest forms first; what is left after all of them is numbers, comparisons, `and` and `or`.
_FORMS = (
    re.compile(rf"(?P<by>sum|avg|max|min|count) by \((?P<labels>[^)]*)\) \({_METRIC}\)"),
    re.compile(rf"(?P<over>avg|max|min|sum|count|last)_over_time\({_METRIC}\[{_SPAN}\]\)"),
    re.compile(rf"(?P<over>rate|increase)\({_METRIC}\[{_SPAN}\]\)"),
    re.compile(rf"(?P<absent>absent)\({_SELECTOR}\)"),
    re.compile(rf"{_METRIC} offset {_SPAN}"),
    re.compile(rf"(?!(?:and|or)\b)\b{_METRIC}\b"),
)
_COMPARISONS: Mapping[type[ast.cmpop], Callable[[Any, Any], bool]] = {
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
_ARITHMETIC: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@dataclass(frozen=True, slots=True)
class Selected:
    """A fact: the metric it reads, by which operand, and the labels that select its series."""

    metric: str
    operand: Operand
    labels: Labels = ()


@dataclass(frozen=True, slots=True)
class Translated:
    """An expression as facts and a condition over them."""

    facts: Mapping[str, Selected]
    condition: Callable[[Mapping[str, object]], bool | None]


def translate(expression: str) -> Translated:
    """Translate one expression; SyntaxError or KeyError if it has more than the timelines have."""
    facts: dict[str, Selected] = {}
    rest = expression
    for form in _FORMS:
        rest = form.sub(lambda match: _named(facts, match), rest)
    tree = ast.parse(rest.lower(), mode="eval").body
    return Translated(facts, lambda values: _value(tree, values))


def _named(facts: dict[str, Selected], match: re.Match[str]) -> str:
    if re.fullmatch("F[0-9]+", match[0]):
        return match[0]
    facts[f"f{len(facts)}"] = _selected(match)
    # In capitals, so that no later form takes the name of a fact for a metric.
    return f"F{len(facts) - 1}"


def _selected(match: re.Match[str]) -> Selected:
    named = match.groupdict()
    plain = [group for group in match.groups()[len(named) :] if group is not None]
    if "by" in named:
        return Selected(plain[0], Operand(agg=Agg(named["by"]), by=tuple(re.findall(r"\w+", named["labels"]))))
    if "over" in named:
        return Selected(plain[0], Operand(agg=Agg(named["over"]), over_us=_span(*plain[1:])))
    if "absent" in named:
        labels = dict(re.findall(r'(\w+)="([^"]*)"', plain[1] if len(plain) > 1 else ""))
        return Selected(plain[0], Operand(agg=Agg.ABSENT), labels_of(labels))
    return Selected(plain[0], Operand(offset_us=_span(*plain[1:]) if len(plain) > 1 else 0))


def _span(number: str, unit: str) -> int:
    return int(number) * _UNITS_US[unit]


def _value(node: ast.expr, values: Mapping[str, object]) -> Any:
    """The value of a node; None = unknown, which `and` and `or` take as Kleene does."""
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return values[name]
        case ast.BoolOp(op=op, values=parts):
            decides = isinstance(op, ast.Or)
            truths = [_value(part, values) for part in parts]
            return decides if decides in truths else None if None in truths else not decides
        case ast.Compare(left=left, ops=[op], comparators=[right]):
            return _both(_COMPARISONS[type(op)], _value(left, values), _value(right, values))
        case ast.BinOp(left=left, op=sign, right=right):
            return _both(_ARITHMETIC[type(sign)], _value(left, values), _value(right, values))
    raise SyntaxError(f"not translated: {ast.dump(node)}")


def _both(compute: Callable[[Any, Any], Any], left: Any, right: Any) -> Any:
    if left is None or right is None:
        return None
    try:
        return compute(left, right)
    except ZeroDivisionError:
        return None
