"""What the dataflow computes, from rules and settings."""

from dataclasses import replace

from trueline_rules.loader import load_rules
from trueline_streams.plans import plan_metrics
from trueline_streams.records import FlowSettings

RULES = load_rules([])
SETTINGS = FlowSettings(allowed_lateness_us=100_000_000, max_disorder_us=120_000_000)


def test_settings_hold_where_a_metric_does_not_say() -> None:
    """A metric's own lateness and disorder win; its watermark is shifted by the difference."""
    name, metric = next(iter(RULES.metrics.items()))
    own = replace(metric, allowed_lateness_us=7, max_disorder_us=50_000_000)
    plain = replace(metric, allowed_lateness_us=None, max_disorder_us=None)

    (first,) = plan_metrics(replace(RULES, metrics={name: own}), SETTINGS)
    (second,) = plan_metrics(replace(RULES, metrics={name: plain}), SETTINGS)

    assert (first.allowed_lateness_us, first.watermark_shift_us) == (7, 70_000_000)
    assert (second.allowed_lateness_us, second.watermark_shift_us) == (100_000_000, 0)


def test_each_metric_has_a_plan() -> None:
    """Every metric of the rule set is planned, with the events that the mapping in force gives it."""
    plans = plan_metrics(RULES, SETTINGS)

    assert [plan.metric.metadata.name for plan in plans] == list(RULES.metrics)
    assert all(plan.events == RULES.events_of(plan.metric) for plan in plans)
