"""Rules that say one thing twice: alerts of one severity with the same labels, for some of the same facts."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass

from trueline_rules.alert_rules import SEVERITIES
from trueline_rules.analysis.boxes import Boxes, TooManyError
from trueline_rules.analysis.finding import Finding, Judged, hulls
from trueline_rules.analysis.ranges import Border

# Of the rules that may overlap one, this many are compared with it, so that the time grows with the number of rules.
MOST_COMPARED = 16


@dataclass(frozen=True, slots=True)
class _Candidate:
    judged: Judged
    low: Border
    high: Border


def overlapping(judged: Iterable[Judged]) -> Iterator[Finding]:
    """A finding for each rule that fires together with one before it, while either also fires alone.

    Only rules over the same facts and with the same labels are compared, whose alerts go the same way; of these only
    conditions in which facts are compared with constants, so that it is certain that both can hold at once. One within
    the other is another matter: a copy is told as "shadowed", and a narrower one with its own `for` is on purpose.
    """
    groups: dict[Hashable, list[Judged]] = {}
    for one in judged:
        if all(map(_is_plain, one.where.values())):
            rule = one.compiled.rule
            key = (frozenset(rule.facts.values()), frozenset({**rule.labels, **rule.label_facts}.items()))
            groups.setdefault(key, []).append(one)
    for alike in groups.values():
        yield from _sweep(_Candidate(one, *hull) for one, hull in zip(alike, hulls(alike), strict=True))


def _sweep(candidates: Iterable[_Candidate]) -> Iterator[Finding]:
    """Compare each rule with those before it whose ranges reach as far; sorted, only these can overlap it."""
    reaching: list[_Candidate] = []
    for one in sorted(candidates, key=lambda candidate: candidate.low):
        reaching = [other for other in reaching if other.high > one.low]
        for other in reaching[-MOST_COMPARED:]:
            found = _overlap(one.judged, other.judged)
            if found is not None:
                yield found
                break
        reaching.append(one)


def _overlap(one: Judged, other: Judged) -> Finding | None:
    for severity in SEVERITIES:
        if severity not in one.where or severity not in other.where:
            continue
        mine, theirs = one.where[severity], other.where[severity]
        try:
            both = mine & theirs
        except TooManyError:
            continue
        if both and not mine <= theirs and not theirs <= mine:
            shared = _shown(one, other, severity)
            told = f"{severity} holds together with that of {other.compiled.rule.metadata.name}{shared}"
            way_out = "two alerts with the same labels for one matter; part the conditions, or make one rule of them"
            return one.find("overlap", f"{told}: {way_out}", severity)
    return None


def _is_plain(boxes: Boxes) -> bool:
    """Whether it speaks of facts alone, not of parts of a condition that are not looked into."""
    return all(
        isinstance(variable.key, tuple) and variable.key[0] == "value" and _is_fact(variable.key[1])
        for variable in boxes.variables
    )


def _is_fact(form: Hashable) -> bool:
    return isinstance(form, tuple) and form[0] == "fact"


def _shown(one: Judged, other: Judged, severity: str) -> str:
    """The numbers for which both hold, where there is one number."""
    if not one.fact or not other.fact:
        return ""
    return f" ({one.ranges[severity] & other.ranges[severity]})"
