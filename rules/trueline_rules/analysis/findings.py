"""What the analysis finds in alert rules, as warnings with places."""

from __future__ import annotations

import re
from collections.abc import Iterator

from trueline_rules.alert_rules import CompiledRule, compile_rule
from trueline_rules.analysis.finding import Finding, find_at, find_in, judge
from trueline_rules.analysis.idle import idle_parts
from trueline_rules.analysis.overlaps import overlapping
from trueline_rules.analysis.pushdown import not_pushed
from trueline_rules.analysis.routing_labels import misplaced_labels, unknown_labels
from trueline_rules.analysis.shadowing import shadowed
from trueline_rules.analysis.thresholds import against_target, never_missing, thresholds
from trueline_rules.analysis.units import mixed_units
from trueline_rules.checkpoint_model import CheckpointPolicy
from trueline_rules.compliance_model import ComplianceFramework
from trueline_rules.compliance_rules import compile_framework
from trueline_rules.expressions import ExpressionError, compile_expression
from trueline_rules.layers import PACK
from trueline_rules.model import RuleSet
from trueline_rules.schedule_model import Schedule
from trueline_rules.stopping import Stopped, never, while_wanted

__all__ = ["Finding", "analyse"]

# A place for a value, as templates of Prometheus, Grafana and shells have it.
_TEMPLATE = re.compile(r"\{\{.*?\}\}|\$\{.*?\}")


def analyse(rules: RuleSet, *, stopped: Stopped = never) -> list[Finding]:
    """All findings about a rule set, in order of place.

    Raises:
        StoppedError: `stopped` said so, which is asked before each rule.

    """
    compiled = [compile_rule(rule, rules.fact_types) for rule in while_wanted(rules.alert_rules.values(), stopped)]
    judged = [found for rule in while_wanted(compiled, stopped) if (found := judge(rule)) is not None]
    findings = [
        *(finding for one in while_wanted(judged, stopped) for finding in thresholds(one)),
        *(finding for one in while_wanted(judged, stopped) for finding in against_target(one, rules)),
        *(finding for one in while_wanted(judged, stopped) for finding in idle_parts(one)),
        *(finding for one in judged for finding in never_missing(one)),
        *shadowed(judged),
        *overlapping(judged),
        *(finding for rule in compiled for finding in mixed_units(rule, rules)),
        *not_pushed(compiled, rules.fact_types),
        *(finding for rule in compiled for finding in _comments(rule)),
        *(finding for rule in compiled for finding in _templates(rule)),
        *_without_source(compiled, rules),
        *_never_evaluated(rules),
        *_unused(rules),
        *unknown_labels(rules),
        *misplaced_labels(rules),
    ]
    return sorted(findings, key=lambda found: (found.place.file, found.place.line, found.place.column, found.check))


def _comments(rule: CompiledRule) -> Iterator[Finding]:
    """Comments behind a condition that would go on with it: YAML ends an unquoted text at a blank and '#'."""
    for severity, comment in rule.rule.asides.items():
        condition = rule.conditions.get(severity)
        if condition is None:
            continue
        try:
            compile_expression(f"{condition.text} {comment}", rule.facts)
        except ExpressionError:
            continue
        told = f"'# {comment}' behind {severity} is a comment, although it would go on with the condition"
        message = f"{told}; put the whole condition in quotes, or the comment on a line of its own"
        yield find_in(rule.rule, severity, "comment", message, len(condition.text))


def _templates(rule: CompiledRule) -> Iterator[Finding]:
    found = _TEMPLATE.search(rule.rule.summary)
    if found is not None:
        told = f"summary has '{found[0][:40]}', which is shown as it stands: texts are no templates"
        message = f"{told}; labels and values of an alert are shown beside it"
        yield find_in(rule.rule, "summary", "template", message, found.start())


def _without_source(compiled: list[CompiledRule], rules: RuleSet) -> Iterator[Finding]:
    for one in compiled:
        for name, source in one.rule.facts.items():
            if source.kind == "metric" and not rules.events_of(rules.metrics[source.name]):
                message = (
                    f"{name} never has a value: metric {source.name} reads roles that no event plays in the mapping "
                    f"{rules.mapping.metadata.name}"
                )
                yield find_at(one.rule, source.place or one.rule.metadata.place, "no events", message)


def _never_evaluated(rules: RuleSet) -> Iterator[Finding]:
    schedules = rules.documents.get("Schedule", {}).values()
    runs = [one.run for one in schedules if isinstance(one, Schedule)]
    evaluated = {name for run in runs if run.action == "evaluate" for name in run.names}
    for name, rule in rules.alert_rules.items():
        if not rule.live and name not in evaluated:
            message = f"it has live: false, and no Schedule evaluates it; add one with run: {{evaluate: {name}}}"
            yield find_at(rule, rule.metadata.place, "never evaluated", message)


def _unused(rules: RuleSet) -> Iterator[Finding]:
    read = {
        source.name for rule in rules.alert_rules.values() for source in rule.facts.values() if source.kind == "fact"
    }
    for policy in rules.documents.get("CheckpointPolicy", {}).values():
        for cell in policy.cells if isinstance(policy, CheckpointPolicy) else ():
            read |= {cell.value.name, *cell.value.labels, cell.value.observations}
    for framework in rules.documents.get("ComplianceFramework", {}).values():
        if isinstance(framework, ComplianceFramework):
            read |= compile_framework(framework, rules.fact_types).facts.keys()
    for name, fact in rules.fact_types.items():
        # Those of the pack are words for rules of others, too.
        if name not in read and rules.origins.get(("FactType", name)) != PACK:
            yield Finding("unused", f"FactType {name}", fact.metadata.place, "no rule reads it")
