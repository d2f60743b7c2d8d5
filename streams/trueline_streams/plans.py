"""From rule set to plans: which metrics the dataflow computes, with what."""

from __future__ import annotations

from trueline_rules.model import Metric, RuleSet

from trueline_streams.records import FlowSettings, MetricPlan


def plan_metrics(rules: RuleSet, settings: FlowSettings) -> tuple[MetricPlan, ...]:
    """A plan for each metric of a rule set, with the settings where the metric has none of its own."""
    return tuple(plan_metric(metric, rules.events_of(metric), settings) for metric in rules.metrics.values())


def plan_metric(metric: Metric, events: tuple[str, ...], settings: FlowSettings) -> MetricPlan:
    """The plan of a metric that reads some event names."""
    lateness, disorder = metric.allowed_lateness_us, metric.max_disorder_us
    return MetricPlan(
        metric=metric,
        events=events,
        allowed_lateness_us=settings.allowed_lateness_us if lateness is None else lateness,
        watermark_shift_us=0 if disorder is None else settings.max_disorder_us - disorder,
    )
