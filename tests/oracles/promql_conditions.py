"""From PromQL to facts and a condition, as rule files write them; what cannot be said there tells why."""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from typing import Any

from trueline_rules.kinds.fact_type import WORDS

from tests.oracles.promql_tree import (
    AGGREGATIONS,
    Binary,
    Call,
    Negative,
    NotPromqlError,
    Number,
    Quoted,
    Selector,
    Tree,
    read_promql,
)

COMPARISONS = frozenset({"==", "!=", "<", "<=", ">", ">="})
_OVER = {f"{name}_over_time": name for name in ("avg", "min", "max", "sum", "count", "last")}
_OVER |= {"rate": "rate", "increase": "increase"}
_ACROSS = frozenset({"sum", "avg", "min", "max", "count"})
_UNITS_S = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400, "y": 365 * 86_400}
# Alternatives of literals are a list of values; any other pattern is not.
_LITERALS = re.compile(r"[A-Za-z0-9_/:-]+(?:\|[A-Za-z0-9_/:-]+)*")


class NotExpressibleError(Exception):
    """The expression means something that a condition over facts cannot say."""


@dataclass
class Condition:
    """A condition in progress: its facts, and the metrics that these read."""

    text: str = ""
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)
    metrics: dict[str, dict[str, Any]] = field(default_factory=dict)


def translate(expression: str, *, recorded: bool = False) -> Condition:
    """A PromQL expression as a condition; `recorded` asks only whether it has a value.

    One that is not PromQL stays as it is, so that whoever reads it next must refuse it.
    """
    made = Condition()
    try:
        tree = read_promql(expression)
    except NotPromqlError:
        made.text = expression
        _stand_in(made)
        return made
    made.text = f"({_value(tree, made)}) != null" if recorded and not _is_condition(tree) else _condition(tree, made)
    if not made.facts:
        gone = _stand_in(made)
        made.text = f"({made.text}) and ({gone} or not {gone})"
    return made


def span(written: str) -> str:
    """A length of time of Prometheus as one of ours; as it is if it is none."""
    if not re.fullmatch(r"(?:[0-9]+(?:ms|[smhdwy]))+|0", written):
        return written
    parts = re.findall(r"([0-9]+)(ms|[smhdwy])", written)
    if any(unit == "ms" for _, unit in parts):
        raise NotExpressibleError("a length of time in parts of a second")
    seconds = sum(int(number) * _UNITS_S[unit] for number, unit in parts)
    return f"{seconds}s"


def slug(name: str, most: int = 63) -> str:
    """A name of ours for one of theirs; different names stay different."""
    plain = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
    plain = re.sub("[^a-z0-9]+", "_", plain).strip("_") or "x"
    plain = plain if plain[0].isalpha() else f"x{plain}"
    same = plain == name or plain == name.lower().replace(":", "_")
    return plain if same and len(plain) <= most else f"{plain[: most - 9]}_{zlib.crc32(name.encode()):08x}"


def _stand_in(made: Condition) -> str:
    """A fact for what reads none: whether something is absent, which is always known."""
    made.metrics["stand_in"] = _metric("stand_in", {})
    made.facts["gone"] = {"metric": "stand_in", "agg": "absent"}
    return "gone"


def _is_condition(tree: Tree) -> bool:
    return isinstance(tree, Binary) and tree.sign in COMPARISONS | {"and", "or", "unless"}


def _condition(tree: Tree, made: Condition) -> str:
    match tree:
        case Number():
            return "1 == 1"
        case Binary(sign="and" | "or"):
            _refuse_matching(tree)
            return f"({_condition(tree.left, made)}) {tree.sign} ({_condition(tree.right, made)})"
        case Binary(sign="unless"):
            raise NotExpressibleError("unless")
        case Binary() if tree.sign in COMPARISONS:
            _refuse_matching(tree)
            return f"{_value(tree.left, made)} {tree.sign} {_value(tree.right, made)}"
        case Call(name="absent", parts=(Selector() as selected,)):
            return _fact(made, selected, {"agg": "absent"})
    return f"({_value(tree, made)}) != null"


def _value(tree: Tree, made: Condition) -> str:  # noqa: PLR0911 - one case for each form
    match tree:
        case Number():
            return _number(tree.written)
        case Quoted():
            return f"'{tree.text}'"
        case Negative():
            return f"-({_value(tree.part, made)})"
        case Selector():
            return _fact(made, tree, {"over": span(tree.window)} if tree.window else {})
        case Binary() if tree.sign in {"+", "-", "*", "/", "%"}:
            _refuse_matching(tree)
            return f"({_value(tree.left, made)} {tree.sign} {_value(tree.right, made)})"
        case Binary():
            raise NotExpressibleError(f"the result of '{tree.sign}' as a number")
        case Call(name=name, parts=(Selector() as selected,)) if name in _OVER:
            over = {"over": span(selected.window)} if selected.window else {}
            return _fact(made, selected, {"agg": _OVER[name], **over})
        case Call() if tree.name in AGGREGATIONS:
            return _aggregation(tree, made)
    raise NotExpressibleError(f"{tree.name}()")


def _aggregation(tree: Call, made: Condition) -> str:
    if tree.grouping == "without":
        raise NotExpressibleError("without: labels that go, not those that stay")
    if tree.name not in _ACROSS or len(tree.parts) != 1:
        raise NotExpressibleError(f"{tree.name} over label sets")
    (part,) = tree.parts
    by = {"by": list(tree.labels)}
    if isinstance(part, Selector):
        return _fact(made, part, {"agg": tree.name, **by})
    if isinstance(part, Call) and part.name in _OVER and isinstance(part.parts[0], Selector):
        agg = _OVER[part.name]
        # Rates are added up; the others are joined as their samples are.
        if tree.name == ("sum" if agg in {"rate", "increase", "count"} else agg):
            return _fact(made, part.parts[0], {"agg": agg, "over": span(part.parts[0].window), **by})
        raise NotExpressibleError(f"the {tree.name} of each {part.name}")
    raise NotExpressibleError(f"the {tree.name} of what is computed")


def _fact(made: Condition, selected: Selector, operand: dict[str, Any]) -> str:
    metric = _selected(made, selected, operand.get("by", []))
    source: dict[str, Any] = {"metric": metric, **operand}
    if selected.offset:
        if selected.offset.startswith("-"):
            raise NotExpressibleError("an offset into the future")
        source["offset"] = span(selected.offset)
    for name, known in made.facts.items():
        if known == source:
            return name
    name = metric if metric not in WORDS else f"x_{metric}"
    name = name if name not in made.facts else f"{name[:58]}_{len(made.facts)}"
    made.facts[name] = source
    return name


def _selected(made: Condition, selected: Selector, by: list[str]) -> str:
    where: dict[str, list[str]] = {}
    for label, sign, value in selected.matchers:
        if label == "__name__" or sign in {"!=", "!~"} or not value:
            raise NotExpressibleError(f"a selection by {label}{sign}")
        if sign == "=~" and not _LITERALS.fullmatch(value):
            raise NotExpressibleError("a selection by a regular expression")
        where[f"properties.{label}"] = value.split("|") if sign == "=~" else [value]
    if not selected.metric:
        raise NotExpressibleError("a selection without a metric")
    name = slug(selected.metric + (str(sorted(where.items())) if where else ""))
    metric = made.metrics.setdefault(name, _metric(selected.metric, where))
    metric["group_by"] = sorted({*metric["group_by"], *(f"properties.{label}" for label in by)})
    return name


def _metric(event: str, where: dict[str, list[str]]) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "events": [event],
        "aggregation": "latest",
        "field": "value",
        "window": "1m",
        "group_by": [],
    }
    return spec | ({"where": where} if where else {})


def _number(written: str) -> str:
    if written.lower() in {"inf", "nan"}:
        raise NotExpressibleError(written)
    return repr(float(int(written, 16)) if written.startswith("0x") else float(written)).removesuffix(".0")


def _refuse_matching(tree: Binary) -> None:
    if tree.matching:
        raise NotExpressibleError(f"series matched {tree.matching} some labels")
    if tree.bool_ and tree.sign not in COMPARISONS:
        raise NotExpressibleError("bool")
