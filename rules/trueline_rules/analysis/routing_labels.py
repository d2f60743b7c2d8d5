"""Labels that routes and their kin ask for although no alert has them: nothing gives them, or they stand elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from trueline_rules.analysis.finding import Finding
from trueline_rules.metric_labels import label_names
from trueline_rules.model import RuleSet
from trueline_rules.names import hint
from trueline_rules.routing.alert_labels import OF_MISSES, emitted_labels
from trueline_rules.routing.matchers import Matcher
from trueline_rules.routing_model import ALL, RouteNode

# Everybody routes by these, whatever the routes at hand ask for.
_OF_ALERTS = frozenset({"severity", "kind"})


def unknown_labels(rules: RuleSet) -> Iterator[Finding]:
    """Documents that name a label which no alert rule and no checkpoint gives, each label once."""
    known = _given(rules)
    for kind, asked in _asked(rules.documents):
        for document, labels in asked:
            for label in sorted(labels - known):
                message = f"no alert has the label '{label}', which it asks for{hint(label, known)}"
                yield Finding("unknown label", f"{kind} {document.metadata.name}", document.metadata.place, message)


def misplaced_labels(rules: RuleSet) -> Iterator[Finding]:
    """Alert rules with a label in their metadata that alerts are asked for, and that theirs do not have for it."""
    asked = _OF_ALERTS.union(*(labels for _, found in _asked(rules.documents) for _, labels in found))
    for name, rule in rules.alert_rules.items():
        for label in sorted((asked & rule.metadata.labels.keys()) - {*rule.labels, *rule.label_facts}):
            told = f"has '{label}' in metadata.labels, which say what the document is and are no labels of its alerts"
            message = f"{told}; write it into spec.labels"
            yield Finding("misplaced label", f"AlertRule {name}", rule.metadata.place, message)


def _given(rules: RuleSet) -> frozenset[str]:
    of_sources: dict[tuple[str, str], tuple[str, ...]] = {
        ("fact", name): (fact.subject,) for name, fact in rules.fact_types.items()
    }
    for name, metric in rules.metrics.items():
        of_sources["metric", name] = tuple(label_names(metric.group_by).values())
    given = {*emitted_labels(rules.alert_rules.values(), of_sources), *OF_MISSES}
    policies: Iterable[Any] = rules.documents.get("CheckpointPolicy", {}).values()
    return frozenset(given.union(*(policy.on_miss.labels for policy in policies)))


def _asked(documents: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, list[tuple[Any, frozenset[str]]]]]:
    """By kind: each document and the labels that it names."""
    routes = documents.get("Route", {}).values()
    yield "Route", [(route, _of_route(route.node)) for route in routes]
    inhibitions = documents.get("Inhibition", {}).values()
    yield "Inhibition", [(one, _names((*one.sources, *one.targets))) for one in inhibitions]
    policies = documents.get("EscalationPolicy", {}).values()
    yield "EscalationPolicy", [(policy, _names(policy.match or ())) for policy in policies]
    for kind in ("Silence", "Maintenance"):
        yield kind, [(one, _names(one.matchers)) for one in documents.get(kind, {}).values()]


def _of_route(node: RouteNode) -> frozenset[str]:
    grouped = frozenset(node.group_by or ()) - set(ALL)
    return _names(node.matchers).union(grouped, *(_of_route(inner) for inner in node.routes))


def _names(matchers: Iterable[Matcher]) -> frozenset[str]:
    return frozenset(matcher.name for matcher in matchers)
