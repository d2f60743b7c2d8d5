"""Why a condition came out as it did: a tree of what was found for programs, one sentence for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from trueline_rules.expressions.closure import compile_value
from trueline_rules.expressions.flips import Flip, nearest_flip
from trueline_rules.expressions.showing import show_value
from trueline_rules.expressions.tree import FactValue, Literal, LiteralSet, Logic, Node, Not, children, facts_read, walk

_MOST_REASONS = 3


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


@dataclass(frozen=True, slots=True)
class Explanation:
    """A decision explained; `flip` is the nearest change that turns it, None where no change of facts is known to."""

    text: str
    truth: bool | None
    finding: Finding
    missing: tuple[str, ...]
    flip: Flip | None
    sentence: str


def explain(text: str, tree: Node, values: Mapping[str, object], now: datetime | None = None) -> Explanation:
    """Explain a condition over these values.

    Raises:
        FactValueError: a value has not the type that its fact declares.

    """
    finding = _finding(text, tree, values, now)
    flip = nearest_flip(text, tree, values, now)
    return Explanation(
        text=text,
        truth=finding.truth,
        finding=finding,
        missing=finding.missing,
        flip=flip,
        sentence=sentence_of(finding, flip),
    )


def _finding(text: str, node: Node, values: Mapping[str, object], now: datetime | None) -> Finding:
    within = isinstance(node, (Logic, Not))
    kind = ("and" if node.every else "or") if isinstance(node, Logic) else "not" if within else "condition"
    parts = tuple(_finding(text, part, values, now) for part in children(node)) if within else ()
    looked_at: dict[str, Operand] = {}
    for operand in () if within else (*children(node), *walk(node)):
        shown = text[operand.start : operand.end]
        listed = isinstance(operand, FactValue) or operand in children(node)
        if listed and not isinstance(operand, (Literal, LiteralSet)) and shown not in looked_at:
            looked_at[shown] = Operand(shown, compile_value(operand)(values, now))
    names = (found for found in walk(node) if isinstance(found, FactValue))
    missing = {found.name for found in names if compile_value(found)(values, now) is None}
    return Finding(
        text=text[node.start : node.end],
        kind=kind,
        truth=compile_value(node)(values, now),
        operands=tuple(looked_at.values()),
        missing=tuple(name for name in facts_read(node) if name in missing),
        parts=parts,
    )


def sentence_of(finding: Finding, flip: Flip | None) -> str:
    """What was found, and what would turn it, in one sentence."""
    reasons = _deciding(finding)
    shown = " and ".join(_reason(reason) for reason in reasons[:_MOST_REASONS])
    if len(reasons) > _MOST_REASONS:
        shown += f" and {len(reasons) - _MOST_REASONS} more"
    said = {True: "fires", False: "does not fire", None: "unknown"}[finding.truth]
    return f"{said}, because {shown}{_turn(flip)}"


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


def _reason(finding: Finding) -> str:
    if finding.truth is None and finding.missing:
        return f"{', '.join(finding.missing)} {'is' if len(finding.missing) == 1 else 'are'} missing"
    if finding.truth is None:
        return f"{finding.text} has no value"
    seen = ", ".join(f"{operand.text} = {show_value(operand.value)}" for operand in finding.operands)
    said = "is true" if finding.truth else "is false"
    return f"{finding.text} {said}{f' ({seen})' if seen else ''}"


def _turn(flip: Flip | None) -> str:
    if flip is None:
        return ""
    said = "fires" if flip.truth else "stops"
    if len(flip.changes) == 1:
        return f"; {said} at {flip.changes[0].text}; now {flip.changes[0].now}"
    return f"; {said} at {' and '.join(f'{change.text} (now {change.now})' for change in flip.changes)}"
