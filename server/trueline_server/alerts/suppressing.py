"""Why the alerts of a tenant are not notified now: silences of files and people, maintenance, what inhibits them."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import Connection
from trueline_rules.model import RuleSet
from trueline_rules.routing.inhibition import Inhibitor
from trueline_rules.routing.suppression import Suppressor, out_of_hours
from trueline_rules.routing_model import Destination, Silence, Suppression

from trueline_server.alerts.groups import firing_alerts
from trueline_server.alerts.routing import Routing, routing_of

# Answers the silences that people put in and that hold at an instant, in the caller's transaction.
SilencesOf = Callable[[Connection, str, int], list[Silence]]


class Suppressing:
    """Makes suppressors. What inhibits is kept from one to the next, until an alert comes or goes.

    Used within transactions that write, which wait for each other.
    """

    def __init__(self, silences: SilencesOf) -> None:
        self._silences = silences
        self._changes: dict[str, int] = {}
        self._inhibitors: dict[str, tuple[str, int, Inhibitor]] = {}
        self._made: dict[str, tuple[int, int, str, Suppressor]] = {}

    def changed(self, tenant: str) -> None:
        """An alert of a tenant came or went, or a silence did."""
        self._changes[tenant] = self._changes.get(tenant, 0) + 1

    def why(
        self, connection: Connection, tenant: str, rules: RuleSet, destination: Destination, now_us: int
    ) -> Callable[[Mapping[str, str]], Suppression | None]:
        """What tells of labels why such an alert is not notified on a route; it answers None if it is."""
        closed = out_of_hours(destination, now_us)
        suppressor = self._suppressor(connection, tenant, rules, now_us)

        def why(labels: Mapping[str, str]) -> Suppression | None:
            return suppressor.why(labels) or closed

        return why

    def _suppressor(self, connection: Connection, tenant: str, rules: RuleSet, now_us: int) -> Suppressor:
        version = self._changes.get(tenant, 0)
        known = self._made.get(tenant)
        if known is not None and known[:3] == (now_us, version, rules.revision):
            return known[3]
        routing = routing_of(rules)
        silences = [*routing.silences, *self._silences(connection, tenant, now_us)]
        inhibitor = self._inhibitor(connection, tenant, rules.revision, routing)
        made = Suppressor(silences, routing.maintenances, inhibitor, now_us)
        self._made[tenant] = now_us, version, rules.revision, made
        return made

    def _inhibitor(self, connection: Connection, tenant: str, revision: str, routing: Routing) -> Inhibitor:
        version = self._changes.get(tenant, 0)
        known = self._inhibitors.get(tenant)
        if known is not None and known[:2] == (revision, version):
            return known[2]
        firing = firing_alerts(connection, tenant) if routing.inhibitions else []
        made = Inhibitor.of(routing.inhibitions, firing)
        self._inhibitors[tenant] = revision, version, made
        return made
