"""Rules that another rule makes superfluous: it reads the same, and fires whenever they do."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass

from trueline_rules.analysis.boxes import NOTHING, TooManyError
from trueline_rules.analysis.finding import Finding, Judged, hulls
from trueline_rules.analysis.ranges import Border

# Of the rules that may cover one, this many are compared with it, so that the time grows with the number of rules.
MOST_COMPARED = 16


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A rule in the order in which those that fire more often come first."""

    place: int
    judged: Judged
    low: Border
    high: Border

    @property
    def order(self) -> tuple[Border, tuple[float, bool], int, int, int]:
        number, behind = self.high
        rule = self.judged.compiled.rule
        return (self.low, (-float(number), not behind), rule.for_us, -rule.keep_firing_for_us, self.place)


def shadowed(judged: Iterable[Judged]) -> Iterator[Finding]:
    """A finding for each rule that is superfluous; of rules that are the same, for all but the first."""
    for alike in _groups(judged):
        first: dict[Hashable, Judged] = {}
        different: list[_Candidate] = []
        for place, (one, hull) in enumerate(zip(alike, hulls(alike), strict=True)):
            rule = one.compiled.rule
            exact = (frozenset((s, b.key) for s, b in one.where.items()), rule.for_us, rule.keep_firing_for_us)
            same = first.setdefault(exact, one)
            if same is one:
                different.append(_Candidate(place, one, *hull))
            else:
                yield _superfluous(one, same)
        yield from _sweep(different)


def _groups(judged: Iterable[Judged]) -> Iterable[list[Judged]]:
    """Rules over the same facts whose alerts go the same way; others are there on purpose."""
    groups: dict[Hashable, list[Judged]] = {}
    for one in judged:
        rule = one.compiled.rule
        # What never fires is told already.
        if any(one.where.values()):
            policies = (rule.on_missing, rule.on_no_data, rule.on_error, rule.limit, rule.every_us, rule.live)
            key = (frozenset(rule.facts.values()), frozenset({**rule.labels, **rule.label_facts}.items()), policies)
            groups.setdefault(key, []).append(one)
    return groups.values()


def _sweep(candidates: list[_Candidate]) -> Iterator[Finding]:
    """Compare each rule with those before it whose ranges reach as far; sorted, only these can cover it."""
    reaching: list[_Candidate] = []
    for one in sorted(candidates, key=lambda candidate: candidate.order):
        reaching = [other for other in reaching if other.high > one.low]
        outer = None
        for other in reversed(reaching[-MOST_COMPARED:]):
            if other.high >= one.high and _covers(other, one):
                outer = other
                break
            if one.low == other.low and _covers(one, other):
                yield _superfluous(other.judged, one.judged)
                reaching.remove(other)
        if outer is not None:
            yield _superfluous(one.judged, outer.judged)
        else:
            reaching.append(one)


def _covers(outer: _Candidate, inner: _Candidate) -> bool:
    one, other = outer.judged.compiled.rule, inner.judged.compiled.rule
    if other.for_us < one.for_us or other.keep_firing_for_us > one.keep_firing_for_us:
        return False
    wide, narrow = outer.judged.where, inner.judged.where
    critical = wide.get("critical", NOTHING)
    try:
        return narrow.get("critical", NOTHING) <= critical and (
            narrow.get("warning", NOTHING) <= wide.get("warning", NOTHING) | critical
        )
    except TooManyError:
        return False


def _superfluous(inner: Judged, outer: Judged) -> Finding:
    name = outer.compiled.rule.metadata.name
    told = f"whenever it fires, {name} does with the same severity or a worse one; take one out"
    return inner.find("shadowed", told, inner.first)
