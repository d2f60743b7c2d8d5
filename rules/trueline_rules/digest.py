"""Digests of what rule files say: short, stable, and blind to how it is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from typing import Any

from trueline_rules.documents import dump_document
from trueline_rules.model import Metric, RuleSet
from trueline_rules.scoring_model import ScoringProfile

# 16 hex digits: two different rule sets of one deployment meet by chance once in 10^9 years of a change a second.
DIGEST_BYTES = 8


def revision_of(documents: Iterable[tuple[str, Any]], mapping: str) -> str:
    """Digest all documents (kind and value) and the name of the event mapping in force; their order does not count."""
    written = [dump_document(kind, model) for kind, model in documents]
    written.sort(key=lambda document: (document["kind"], document["metadata"]["name"]))
    return _digest([mapping, written])


def definition_of(metric: Metric, events: Iterable[str]) -> str:
    """Digest all that changes a metric's numbers, with the event names that it reads through the mapping in force.

    The metric knows its `less_events` already. Names, description and unit do not count, nor does the order of events
    and of the values in `where`. The server's settings for lateness stand in for what the metric leaves open, and are
    not part of the digest.
    """
    return _digest(
        [
            sorted(set(events)),
            metric.aggregation,
            metric.field,
            metric.quantile,
            {field: sorted(values) for field, values in metric.where.items()},
            metric.group_by,
            [metric.window.us, metric.window.calendar],
            [metric.step.us, metric.step.calendar],
            metric.max_groups,
            metric.allowed_lateness_us,
            metric.late_by,
            metric.max_disorder_us,
            # Only where there are some: the points of all other metrics stay what they are.
            *([sorted(metric.less_events)] if metric.less_events else []),
        ]
    )


def kpi_definition_of(rules: RuleSet, kpi: str) -> str:
    """Digest all that changes a KPI's value: its statement and parameters, the roles and the metrics that it may read.

    What people read about it, its target and its direction do not count.
    """
    found = rules.kpis[kpi]
    text = found.statement
    # A role's view is read by its name; a name that stands there for something else does no harm.
    roles = {name: [list(role.events), role.occurrence] for name, role in rules.mapping.roles.items() if name in text}
    metrics = {name: metric.definition for name, metric in rules.metrics.items()} if "points" in text else {}
    # What other KPIs were is told by their own statements, of which any may be read.
    others = rules.revision if "kpis" in text else ""
    return _digest([text, dict(found.parameters), roles, metrics, others])


def profile_definition_of(rules: RuleSet, profile: ScoringProfile) -> str:
    """Digest all that changes a score: what the profile says but for its advice, and the metrics that it reads."""
    spec = dump_document("ScoringProfile", profile)["spec"]
    read = {one.source.name for one in profile.inputs.values() if one.source and one.source.kind == "metric"}
    advice: dict[str, list[object]] = {"concerns": [], "recommendations": []}
    return _digest([{**spec, **advice}, {name: rules.metrics[name].definition for name in sorted(read)}])


def _digest(content: Any) -> str:
    canonical = json.dumps(content, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.blake2b(canonical.encode(), digest_size=DIGEST_BYTES).hexdigest()
