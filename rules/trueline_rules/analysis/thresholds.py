"""Thresholds of one rule that cannot be meant so: never or always reached, hidden, with a gap, or on the good side."""

from __future__ import annotations

from collections.abc import Iterator

from trueline_rules.alerting.aggregates import Agg
from trueline_rules.analysis.boxes import known_throughout
from trueline_rules.analysis.finding import Finding, Judged, find_in
from trueline_rules.analysis.ranges import ALL
from trueline_rules.expressions.tree import FactValue, Presence, walk
from trueline_rules.model import Direction, Kpi, RuleSet


def thresholds(judged: Judged) -> Iterator[Finding]:
    """What is odd about the severities of a rule, each by itself and beside each other."""
    sound = True
    for severity, boxes in judged.where.items():
        if not boxes:
            sound = False
            yield judged.find("never true", f"{severity} is never true; {_nothing(judged)} fulfils all of it", severity)
        elif known_throughout(judged.variables) <= boxes:
            every = f"of every {judged.fact}" if judged.fact else "whatever its facts are"
            yield judged.find("always true", f"{severity} is true {every}, so it says nothing", severity)
    if not sound or len(judged.where) < 2:
        return
    warning, critical = judged.where["warning"], judged.where["critical"]
    ranges = judged.ranges
    if warning <= critical:
        shown = [f" ({ranges[severity]})" if ranges else "" for severity in ("warning", "critical")]
        message = f"the warning{shown[0]} is never seen: critical{shown[1]} holds wherever it does"
        yield judged.find("hidden warning", f"{message}; were the two limits exchanged?", "warning")
    elif ranges:
        yield from _gap(judged)


def _nothing(judged: Judged) -> str:
    return f"no {judged.fact}" if judged.fact else "nothing"


def _gap(judged: Judged) -> Iterator[Finding]:
    # A limit below and another one above leave room between them on purpose.
    two_sided = judged.fires.open_below and judged.fires.open_above
    hole = judged.fires.holes
    if hole and not two_sided and all(judged.ranges.values()):
        warning, critical = judged.ranges["warning"], judged.ranges["critical"]
        yield judged.find("gap", f"between warning ({warning}) and critical ({critical}) is a gap: {hole}", "warning")


def against_target(judged: Judged, rules: RuleSet) -> Iterator[Finding]:
    """What is odd about a rule over a KPI, whose target and direction are known."""
    source = judged.compiled.rule.facts[judged.fact] if judged.fact else None
    kpi = rules.kpis.get(source.name) if source is not None and source.kind == "kpi" else None
    # Another number than the KPI's own is not held against its target, and what never or always fires is told already.
    if kpi is None or source is None or source.operand.agg in {Agg.COUNT, Agg.RATE, Agg.INCREASE, Agg.SUM}:
        return
    if not judged.fires or judged.fires == ALL:
        return
    higher = kpi.direction is Direction.HIGHER
    good_side = judged.fires.open_above if higher else judged.fires.open_below
    bad_side = judged.fires.open_below if higher else judged.fires.open_above
    if good_side and not bad_side:
        better, sign = ("higher", "<") if higher else ("lower", ">")
        message = f"it fires where {kpi.metadata.name} is good ({judged.fires}), for {better} is better"
        yield judged.find("turned sign", f"{message}; is '{sign}' meant?", judged.first)
        return
    for severity, ranges in judged.ranges.items():
        if kpi.target in ranges:
            message = f"it fires at the target of {kpi.metadata.name}, {_target(kpi)}"
            yield judged.find("beyond target", message, severity)
            return


def never_missing(judged: Judged) -> Iterator[Finding]:
    """Tests for null of facts whose type says that they are always there."""
    for severity, condition in judged.compiled.conditions.items():
        for node in walk(condition.tree):
            fact = node.operand if isinstance(node, Presence) else None
            if not isinstance(fact, FactValue) or not isinstance(node, Presence):
                continue
            source = judged.compiled.rule.facts[fact.name]
            if source.kind == "fact" and not judged.compiled.facts[fact.name].nullable:
                told, truth = condition.text[node.start : node.end], "always" if node.present else "never"
                message = f"{severity}: '{told}' is {truth} true, for FactType {source.name} says nullable: false"
                message = f"{message}; take it out, or let the fact be nullable"
                yield find_in(judged.compiled.rule, severity, "never missing", message, node.start)


def _target(kpi: Kpi) -> str:
    return f"{kpi.target:g} {kpi.unit}"
