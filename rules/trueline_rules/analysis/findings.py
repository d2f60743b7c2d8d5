"""What the analysis finds in alert rules, as warnings with places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from trueline_rules.alert_model import FactSource
from trueline_rules.alert_rules import CompiledRule, compile_rule
from trueline_rules.analysis.ranges import ALL, Ranges, joined, true_where
from trueline_rules.model import Direction, Kpi, Place, RuleSet


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is most likely a mistake.

    Attributes:
        check: which check found it: "never true", "always true", "hidden warning", "gap", "turned sign",
            "beyond target", "shadowed", "no events", "unused".
        document: "AlertRule churn_rate_high".
        message: what, and the way out.

    """

    check: str
    document: str
    place: Place
    message: str

    def __str__(self) -> str:
        """`file:line:column: message`, as compilers write it."""
        return f"{self.place.file}:{self.place.line}:{self.place.column}: {self.document}: {self.message}"


@dataclass(frozen=True, slots=True)
class _Judged:
    """A rule over a single number: where each of its severities is true."""

    compiled: CompiledRule
    fact: str
    ranges: dict[str, Ranges]

    @property
    def fires(self) -> Ranges:
        return joined(self.ranges.values())


def analyse(rules: RuleSet) -> list[Finding]:
    """All findings about a rule set, in order of place."""
    compiled = [compile_rule(rule, rules.fact_types) for rule in rules.alert_rules.values()]
    judged = [found for rule in compiled if (found := _judged(rule)) is not None]
    findings = [
        *(finding for one in judged for finding in _thresholds(one)),
        *(finding for one in judged for finding in _against_target(one, rules)),
        *_shadowed(judged),
        *_without_source(compiled, rules),
        *_unused(rules),
    ]
    return sorted(findings, key=lambda found: (found.place.file, found.place.line, found.place.column, found.check))


def _judged(rule: CompiledRule) -> _Judged | None:
    names = {name for condition in rule.conditions.values() for name in condition.facts}
    if len(names) != 1:
        return None
    (fact,) = names
    ranges = {severity: true_where(condition.tree, fact) for severity, condition in rule.conditions.items()}
    known = {severity: found for severity, found in ranges.items() if found is not None}
    return _Judged(rule, fact, known) if len(known) == len(ranges) else None


def _thresholds(judged: _Judged) -> Iterator[Finding]:
    for severity, ranges in judged.ranges.items():
        if not ranges:
            yield _of(judged, "never true", f"{severity} is never true; no {judged.fact} fulfils all of it")
        elif ranges == ALL:
            yield _of(judged, "always true", f"{severity} is true of every {judged.fact}, so it says nothing")
    if len(judged.ranges) < 2 or not all(judged.ranges.values()):
        return
    warning, critical = judged.ranges["warning"], judged.ranges["critical"]
    if warning <= critical:
        message = f"the warning ({warning}) is never seen: critical ({critical}) holds wherever it does"
        yield _of(judged, "hidden warning", f"{message}; were the two limits exchanged?")
        return
    # A limit below and another one above leave room between them on purpose.
    two_sided = judged.fires.open_below and judged.fires.open_above
    hole = judged.fires.holes
    if hole and not two_sided:
        yield _of(judged, "gap", f"between warning ({warning}) and critical ({critical}) is a gap: {hole}")


def _against_target(judged: _Judged, rules: RuleSet) -> Iterator[Finding]:
    source = judged.compiled.rule.facts[judged.fact]
    kpi = rules.kpis.get(source.name) if source.kind == "kpi" else None
    # What never or always fires is told already.
    if kpi is None or not judged.fires or judged.fires == ALL:
        return
    higher = kpi.direction is Direction.HIGHER
    good_side = judged.fires.open_above if higher else judged.fires.open_below
    bad_side = judged.fires.open_below if higher else judged.fires.open_above
    if good_side and not bad_side:
        better, sign = ("higher", "<") if higher else ("lower", ">")
        message = f"it fires where {kpi.metadata.name} is good ({judged.fires}), for {better} is better"
        yield _of(judged, "turned sign", f"{message}; is '{sign}' meant?")
    elif kpi.target in judged.fires:
        yield _of(judged, "beyond target", f"it fires at the target of {kpi.metadata.name}, {_number(kpi)}")


def _shadowed(judged: list[_Judged]) -> Iterator[Finding]:
    by_source: dict[FactSource, list[_Judged]] = {}
    for one in judged:
        # A rule that never fires is told already.
        if one.fires:
            by_source.setdefault(one.compiled.rule.facts[one.fact], []).append(one)
    for alike in by_source.values():
        for place, inner in enumerate(alike):
            # Of two that are the same, the later one is superfluous.
            outer = next((outer for n, outer in enumerate(alike) if _covers(outer, inner, earlier=n < place)), None)
            if outer is not None:
                name = outer.compiled.rule.metadata.name
                yield _of(inner, "shadowed", f"whenever it fires, {name} does with the same severity; take one out")


def _covers(outer: _Judged, inner: _Judged, *, earlier: bool) -> bool:
    """Whether one rule fires whenever another one does; of equal rules, the earlier one."""
    if outer is inner or not _within(inner, outer):
        return False
    return earlier or not _within(outer, inner)


def _within(inner: _Judged, outer: _Judged) -> bool:
    return (
        inner.compiled.rule.for_us >= outer.compiled.rule.for_us
        and inner.ranges.keys() <= outer.ranges.keys()
        and all(ranges <= outer.ranges[severity] for severity, ranges in inner.ranges.items())
    )


def _without_source(compiled: list[CompiledRule], rules: RuleSet) -> Iterator[Finding]:
    for one in compiled:
        for name, source in one.rule.facts.items():
            if source.kind == "metric" and not rules.events_of(rules.metrics[source.name]):
                rule = one.rule.metadata
                message = (
                    f"{name} never has a value: metric {source.name} reads roles that no event plays in the mapping "
                    f"{rules.mapping.metadata.name}"
                )
                yield Finding("no events", f"AlertRule {rule.name}", rule.place, message)


def _unused(rules: RuleSet) -> Iterator[Finding]:
    read = {
        source.name for rule in rules.alert_rules.values() for source in rule.facts.values() if source.kind == "fact"
    }
    for name, fact in rules.fact_types.items():
        if name not in read:
            yield Finding("unused", f"FactType {name}", fact.metadata.place, "no rule reads it")


def _of(judged: _Judged, check: str, message: str) -> Finding:
    metadata = judged.compiled.rule.metadata
    return Finding(check, f"AlertRule {metadata.name}", metadata.place, message)


def _number(kpi: Kpi) -> str:
    return f"{kpi.target:g} {kpi.unit}"
