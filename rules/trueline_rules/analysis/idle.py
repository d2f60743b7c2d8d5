"""Parts of a condition that change nothing: the others beside them decide alone, whatever the facts are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trueline_rules.analysis.boxes import TooManyError, known_throughout
from trueline_rules.analysis.finding import Finding, Judged, fact_keys, find_in
from trueline_rules.analysis.truths import FactKey, Truths, together, truths_of
from trueline_rules.expressions.tree import Logic, Node, Presence, walk
from trueline_rules.names import quoted


def idle_parts(judged: Judged) -> Iterator[Finding]:
    """A finding for the last part of each `and` and `or` without which it comes to the same for all facts.

    A test for null beside a comparison is none: without it the condition is unknown where it was false.
    """
    facts = fact_keys(judged.compiled)
    for severity, condition in judged.compiled.conditions.items():
        where = judged.where[severity]
        # What never or always holds is told already.
        if not where or known_throughout(judged.variables) <= where:
            continue
        for node in walk(condition.tree):
            part = idle_part(node, facts) if isinstance(node, Logic) else None
            if part is not None:
                told = f"{severity}: {quoted(condition.text[part.start : part.end])} changes nothing, for the rest of"
                message = (
                    f"{told} {quoted(condition.text[node.start : node.end])} decides alone; mend it, or take it out"
                )
                yield find_in(judged.compiled.rule, severity, "idle", message, part.start)


def idle_part(node: Logic, facts: Mapping[str, FactKey]) -> Node | None:
    """The last part that changes nothing; None if each may."""
    try:
        parts = [truths_of(part, facts) for part in node.operands]
        spoken = [part.true.variables | part.false.variables for part in parts]
        for at, operand in reversed(tuple(enumerate(node.operands))):
            rest = [*parts[:at], *parts[at + 1 :]]
            # What speaks of something that no other does changes something; of tests for null "never missing" tells.
            alone = not spoken[at] <= frozenset().union(*spoken[:at], *spoken[at + 1 :])
            if isinstance(operand, Presence) or alone:
                continue
            if _same(together(parts, every=node.every), together(rest, every=node.every)):
                return operand
    except TooManyError:
        return None
    return None


def _same(one: Truths, other: Truths) -> bool:
    pairs = ((one.true, other.true), (one.false, other.false))
    return all(first <= second <= first for first, second in pairs)
