"""From rule sets to plans: which metrics the dataflow computes for which tenant, with what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trueline_rules.model import Metric, RuleSet

from trueline_streams.records import FlowSettings, MetricPlan

# Who has no plans of their own.
EVERYBODY = ""


def plan_metrics(rules: RuleSet, settings: FlowSettings) -> tuple[MetricPlan, ...]:
    """A plan for each metric of a rule set, with the settings where the metric has none of its own."""
    return tuple(plan_metric(metric, rules.events_of(metric), settings) for metric in rules.metrics.values())


def plan_metric(metric: Metric, events: tuple[str, ...], settings: FlowSettings, since: int = 0) -> MetricPlan:
    """The plan of a metric that reads some event names."""
    lateness, disorder = metric.allowed_lateness_us, metric.max_disorder_us
    return MetricPlan(
        metric=metric,
        events=events,
        allowed_lateness_us=settings.allowed_lateness_us if lateness is None else lateness,
        watermark_shift_us=0 if disorder is None else settings.max_disorder_us - disorder,
        since=since,
    )


class PlanTable:
    """The plans by tenant, which may be replaced while the dataflow runs: it looks at each batch anew.

    Written by one thread, read by others: what is read is what was there before or after, never a mix.

    Attributes:
        known: every plan that there ever was by name and definition of its metric, for batches that are underway.

    """

    def __init__(self, plans: Mapping[str, Sequence[MetricPlan]]) -> None:
        """Plans by tenant; those of EVERYBODY serve all who are not named."""
        self.known: dict[tuple[str, str], MetricPlan] = {}
        self._plans: dict[str, tuple[MetricPlan, ...]] = {}
        self.replace(plans)

    @classmethod
    def for_all(cls, plans: Sequence[MetricPlan]) -> PlanTable:
        """The same plans for every tenant."""
        return cls({EVERYBODY: plans})

    def of(self, tenant: str) -> tuple[MetricPlan, ...]:
        """What is computed for a tenant; the same object for as long as it is the same."""
        plans = self._plans
        own = plans.get(tenant)
        return plans.get(EVERYBODY, ()) if own is None else own

    def planned(self, tenant: str, metric: str, definition: str, since: int) -> bool:
        """Whether a metric is computed for a tenant, and has been since a position."""
        sought = (metric, definition, since)
        return any(plan.identity == sought for plan in self.of(tenant))

    def replace(self, plans: Mapping[str, Sequence[MetricPlan]]) -> None:
        """Let other plans hold from the next batch on."""
        for own in plans.values():
            self.known.update({(plan.metric.metadata.name, plan.metric.definition): plan for plan in own})
        former = self._plans
        new = {tenant: tuple(own) for tenant, own in plans.items()}
        self._plans = {tenant: former[tenant] if former.get(tenant) == own else own for tenant, own in new.items()}
