"""What a condition finds in values: a tree of conditions with their truths and what they looked at, compiled once."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from trueline_rules.expressions.closure import Computed, compile_value
from trueline_rules.expressions.showing import show_value
from trueline_rules.expressions.tree import FactValue, Literal, LiteralSet, Logic, Node, Not, children, facts_read, walk

MOST_REASONS = 3


@dataclass(frozen=True, slots=True)
class Operand:
    """What a condition looked at: a part of the text and its value (None is missing)."""

    text: str
    value: object


@dataclass(frozen=True, slots=True)
class Finding:
    """One condition: its text, its truth (None is unknown), what it looked at, and the conditions within it."""

    text: str
    kind: str  # "and", "or", "not" or "condition"
    truth: bool | None
    operands: tuple[Operand, ...]
    missing: tuple[str, ...]
    parts: tuple[Finding, ...]


class Find:
    """Finds what a condition and those within it come to.

    Calling it raises FactValueError where a value has not the type that its fact declares.
    """

    __slots__ = ("_facts", "_kind", "_operands", "_parts", "_text", "_truth")

    def __init__(self, text: str, node: Node) -> None:
        within = isinstance(node, (Logic, Not))
        self._text = text[node.start : node.end]
        self._kind = ("and" if node.every else "or") if isinstance(node, Logic) else "not" if within else "condition"
        self._parts = tuple(Find(text, part) for part in children(node)) if within else ()
        self._truth: Computed | None = None if within else compile_value(node)
        self._operands: dict[str, Computed] = {}
        for operand in () if within else (*children(node), *walk(node)):
            shown = text[operand.start : operand.end]
            listed = isinstance(operand, FactValue) or operand in children(node)
            if listed and not isinstance(operand, (Literal, LiteralSet)) and shown not in self._operands:
                self._operands[shown] = compile_value(operand)
        facts = {found.name: found for found in walk(node) if isinstance(found, FactValue)} if not within else {}
        self._facts = {name: compile_value(facts[name]) for name in facts_read(node)} if not within else {}

    def __call__(self, values: Mapping[str, object], now: datetime | None = None) -> Finding:
        """What is found in these values at an instant, which conditions with `$now` need."""
        if self._truth is not None:
            # Lists are done sooner than generators are.
            operands = tuple([Operand(text, value(values, now)) for text, value in self._operands.items()])
            missing = tuple([name for name, value in self._facts.items() if value(values, now) is None])
            return Finding(self._text, self._kind, self._truth(values, now), operands, missing, ())
        parts = tuple([part(values, now) for part in self._parts])
        missing = tuple(sorted({name for part in parts for name in part.missing}))
        return Finding(self._text, self._kind, _together(self._kind, parts), (), missing, parts)


def _together(kind: str, parts: tuple[Finding, ...]) -> bool | None:
    """Kleene's `and`, `or` and `not`."""
    truths = {part.truth for part in parts}
    if kind == "not":
        (truth,) = truths
        return None if truth is None else not truth
    decides = kind == "or"
    if decides in truths:
        return decides
    return None if None in truths else not decides


def reasons_of(finding: Finding, contradicted: Collection[str] = ()) -> str:
    """Why a condition is true, false or unknown: the single conditions that make it so, with what they saw.

    Facts that are `contradicted` by others were left out as if they were missing, and are not called so.
    """
    reasons = _deciding(finding)
    shown = " and ".join(_reason(reason, contradicted) for reason in reasons[:MOST_REASONS])
    return shown + (f" and {len(reasons) - MOST_REASONS} more" if len(reasons) > MOST_REASONS else "")


def undecided(finding: Finding) -> tuple[str, ...]:
    """Facts that are missing and keep a condition unknown, sorted; () of one that is known.

    A fact that is missing where the others decide alone is none of them.
    """
    return tuple(sorted(set(_undecided(finding))))


def _undecided(finding: Finding) -> Iterable[str]:
    if finding.truth is not None:
        return
    if not finding.parts:
        yield from finding.missing
    for part in finding.parts:
        yield from _undecided(part)


def _deciding(finding: Finding) -> list[Finding]:
    """The innermost conditions that make the truth what it is."""
    if not finding.parts:
        return [finding]
    if finding.kind == "not":
        inner = finding.parts[0]
        # `x not in y` is one condition to people.
        return [replace(inner, truth=finding.truth)] if inner.text == finding.text else _deciding(inner)
    # One operand alone decides an `or` that is true and an `and` that is false; else all of this truth do.
    alike = [part for part in finding.parts if part.truth is finding.truth]
    alone = finding.truth is (finding.kind == "or")
    return [leaf for part in (alike[:1] if alone else alike) for leaf in _deciding(part)]


def _reason(finding: Finding, contradicted: Collection[str]) -> str:
    if finding.truth is None and finding.missing:
        lacking = {
            "missing": [name for name in finding.missing if name not in contradicted],
            "contradicted": [name for name in finding.missing if name in contradicted],
        }
        return " and ".join(
            f"{', '.join(names)} {'is' if len(names) == 1 else 'are'} {how}" for how, names in lacking.items() if names
        )
    if finding.truth is None:
        return f"{finding.text} has no value"
    # Of a fact that is the whole condition its truth tells the value.
    looked_at = [operand for operand in finding.operands if operand.text != finding.text]
    seen = ", ".join(f"{operand.text} = {show_value(operand.value)}" for operand in looked_at)
    said = "is true" if finding.truth else "is false"
    return f"{finding.text} {said}{f' ({seen})' if seen else ''}"
