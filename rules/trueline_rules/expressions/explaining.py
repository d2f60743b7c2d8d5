"""Why a condition came out as it did: a tree of what was found for programs, one sentence for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from trueline_rules.expressions.finding import Find, Finding, Operand, reasons_of
from trueline_rules.expressions.flips import Flip, nearest_flip
from trueline_rules.expressions.tree import Node

__all__ = ["Explanation", "Finding", "Operand", "explain", "sentence_of"]


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
    finding = Find(text, tree)(values, now)
    flip = nearest_flip(text, tree, values, now)
    return Explanation(
        text=text,
        truth=finding.truth,
        finding=finding,
        missing=finding.missing,
        flip=flip,
        sentence=sentence_of(finding, flip),
    )


def sentence_of(finding: Finding, flip: Flip | None) -> str:
    """What was found, and what would turn it, in one sentence."""
    said = {True: "fires", False: "does not fire", None: "unknown"}[finding.truth]
    return f"{said}, because {reasons_of(finding)}{_turn(flip)}"


def _turn(flip: Flip | None) -> str:
    if flip is None:
        return ""
    said = "fires" if flip.truth else "stops"
    if len(flip.changes) == 1:
        return f"; {said} at {flip.changes[0].text}; now {flip.changes[0].now}"
    return f"; {said} at {' and '.join(f'{change.text} (now {change.now})' for change in flip.changes)}"
