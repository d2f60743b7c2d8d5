"""From rules and settings to what the dataflow computes."""

from __future__ import annotations

from trueline_rules.model import RuleSet
from trueline_streams.records import MetricPlan

SECOND_US = 1_000_000


def plan_metrics(rules: RuleSet, *, allowed_lateness_s: int, max_disorder_s: int) -> tuple[MetricPlan, ...]:
    """A plan for each metric, by name; the settings hold where a metric does not say."""
    return tuple(
        MetricPlan(
            metric=metric,
            events=rules.events_of(metric),
            allowed_lateness_us=(
                allowed_lateness_s * SECOND_US if metric.allowed_lateness_us is None else metric.allowed_lateness_us
            ),
            watermark_shift_us=(
                0 if metric.max_disorder_us is None else max_disorder_s * SECOND_US - metric.max_disorder_us
            ),
        )
        for _, metric in sorted(rules.metrics.items())
    )
