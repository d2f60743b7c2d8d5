"""Has the dataflow compute the metrics that rules need, and gives each of them its history before rules rely on it."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Mapping, Sequence

from trueline_rules.model import Metric, RuleSet
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.statements import Tenants
from trueline_streams.backfill import Lacking, backfill_metrics
from trueline_streams.plans import plan_metric
from trueline_streams.recompute import PaneRecompute
from trueline_streams.records import ChangeWriter, FlowSettings, MetricPlan
from trueline_streams.runner import FlowRunner

from trueline_server.errors import TruelineError
from trueline_server.rules.in_force import EVERYBODY
from trueline_server.rules.moves import Needs
from trueline_server.rules.store import Taken, Use

_log = logging.getLogger(__name__)

# The batch that the dataflow is at is written within moments, unless a store is out of reach.
PATIENCE_S = 60.0
# Metrics out of use of which it is remembered up to where they are whole; others are computed anew if they come back.
MOST_ENDED = 200


class MetricPlans:
    """Plans metrics by tenant, while the dataflow goes on. Called by one thread at a time.

    A metric that is needed anew is taken up first, from the next batch on; then its points are computed from all
    events before that. Where both write the same point, they write the same.
    """

    def __init__(
        self,
        flow: FlowRunner,
        warehouse: Warehouse,
        writer: ChangeWriter,
        recompute: PaneRecompute,
        *,
        settings: FlowSettings,
        taken: Mapping[str, Taken],
    ) -> None:
        """`taken`: how far metrics are whole by tenant, as it was stored last."""
        self._flow = flow
        self._warehouse = warehouse
        self._writer = writer
        self._recompute = recompute
        self._settings = settings
        self._taken: dict[str, Taken] = dict(taken)
        self._stopped = False

    def prepare(self, needs: Needs) -> None:
        """Have what is needed computed from now on, and all that came before. Blocks for as long as that takes.

        Raises:
            TruelineError: NOT_SERVING, if the dataflow stands still, or the server stops.
            StoreError: the warehouse failed.

        """
        plans = self._plans(needs, self._flow.position())
        lacking = {
            tenant: [plan for plan in own if not self._in_use(tenant, plan.identity[:2])]
            for tenant, own in plans.items()
        }
        position = self._flow.replan(plans)
        if any(lacking.values()):
            if not self._flow.reached(position, PATIENCE_S):
                told = "the dataflow stands still, so new metrics cannot be computed; see the health of the system"
                raise TruelineError("UNAVAILABLE", "NOT_SERVING", told, retry_after_s=PATIENCE_S)
            self._compute(lacking, position)
        self._taken = {
            tenant: {**self._known(tenant), **{plan.identity[:2]: Use(plan.since) for plan in own}}
            for tenant, own in plans.items()
        }

    def taken(self, needs: Needs) -> Mapping[str, Taken]:
        """What is needed, since when it is computed, and up to where what is not needed any more is whole."""
        written = self._flow.written()
        return {tenant: _ended(self._known(tenant), _needed(sets), written) for tenant, sets in needs.items()}

    def settle(self, needs: Needs) -> None:
        """Leave out what is not needed any more. Does not block."""
        self._taken = dict(self.taken(needs))
        self._flow.replan(self._plans(needs, self._flow.position()))

    def stop(self) -> None:
        """Let computing of histories end early: the server stops."""
        self._stopped = True

    def _known(self, tenant: str) -> Taken:
        """How far metrics of a tenant are whole; as for everybody if it had no rules of its own until now."""
        return self._taken.get(tenant, self._taken.get(EVERYBODY, {}))

    def _in_use(self, tenant: str, key: tuple[str, str]) -> bool:
        known = self._known(tenant).get(key)
        return known is not None and known.until is None

    def _plans(self, needs: Needs, position: int) -> dict[str, list[MetricPlan]]:
        """A plan for each metric and definition; those that are not in use are taken up at a position."""
        plans: dict[str, list[MetricPlan]] = {}
        for tenant, sets in needs.items():
            known = self._known(tenant)
            own: dict[tuple[str, str], MetricPlan] = {}
            for rules in sets:
                for key, metric in _keys(rules).items():
                    if key not in own:
                        since = known[key].since if self._in_use(tenant, key) else position
                        own[key] = plan_metric(metric, rules.events_of(metric), self._settings, since)
            plans[tenant] = list(own.values())
        return plans

    def _compute(self, lacking: Mapping[str, list[MetricPlan]], position: int) -> None:
        """The history of metrics that are taken up, in order of tenants."""
        done = backfill_metrics(
            self._warehouse,
            self._writer,
            self._wanted(lacking),
            position,
            self._recompute,
            stopped=lambda: self._stopped,
        )
        for each in done:
            if each.points:
                told = "metric %s of tenant %s was computed from the events that were there: %d points"
                _log.info(told, each.metric, each.tenant, each.points)
        if self._stopped:
            raise TruelineError("UNAVAILABLE", "NOT_SERVING", "the server is stopping; activate again when it is back")

    def _wanted(self, lacking: Mapping[str, list[MetricPlan]]) -> Iterator[Lacking]:
        for (tenant,) in self._warehouse.run(Tenants()):
            for plan in lacking.get(tenant, lacking.get(EVERYBODY, [])):
                known = self._known(tenant).get(plan.identity[:2])
                yield Lacking(tenant, plan, 0 if known is None else known.until or 0)


class WithoutMetrics:
    """Implements Metrics where nothing is computed, e.g. in a test of rules alone."""

    def prepare(self, needs: Needs) -> None:
        """Nothing."""

    def taken(self, needs: Needs) -> Mapping[str, Taken]:
        """All of it, from the beginning."""
        return {tenant: {key: Use(0) for key in _needed(sets)} for tenant, sets in needs.items()}

    def settle(self, needs: Needs) -> None:
        """Nothing."""


def _ended(known: Taken, needed: Collection[tuple[str, str]], written: int) -> dict[tuple[str, str], Use]:
    """What is known, with an end where it is not needed; of those that ended, the last ones."""
    there = {key: use for key, use in known.items() if key in needed}
    gone = {key: Use(use.since, written if use.until is None else use.until) for key, use in known.items()}
    last = sorted(gone.keys() - there.keys(), key=lambda key: (gone[key].until or 0, key), reverse=True)
    return there | {key: gone[key] for key in last[:MOST_ENDED]}


def _needed(sets: Sequence[RuleSet]) -> set[tuple[str, str]]:
    return {key for rules in sets for key in _keys(rules)}


def _keys(rules: RuleSet) -> dict[tuple[str, str], Metric]:
    return {(metric.metadata.name, metric.definition): metric for metric in rules.metrics.values()}
