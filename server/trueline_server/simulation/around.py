"""What entries are made with: the cases and channels of a simulation, and the routes that led to them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from trueline_rules.model import RuleSet
from trueline_rules.routing_model import Destination, NotificationChannel

from trueline_server.alerts.routing import routing_of
from trueline_server.cases.model import Case

# Of the alerts that an entry is about, so many are named.
MOST_NAMED = 20


class Around:
    """Looks up what entries tell beside what happened."""

    def __init__(self, rules: RuleSet, cases: Mapping[str, Case]) -> None:
        self.cases = cases
        channels: dict[str, Any] = dict(rules.documents.get("NotificationChannel", {}))
        self.channels: Mapping[str, NotificationChannel] = channels
        self._routing = routing_of(rules)
        self._by_route = {"/".join(one.path): one for one in self._routing.tree.all_destinations}

    def people_of(self, channels: Iterable[str]) -> tuple[str, ...]:
        """Whose channels these are, each once."""
        found = (self.channels[name].person for name in channels if name in self.channels)
        return tuple(dict.fromkeys(one for one in found if one))

    def channels_of(self, route: str) -> tuple[str, ...]:
        """The channels of a route."""
        known = self._by_route.get(route)
        return () if known is None else known.channels

    def destinations(self, labels: Mapping[str, str]) -> tuple[Destination, ...]:
        """Where an alert goes."""
        return self._routing.tree.destinations(labels)

    def policy_of(self, case: Case, level: str) -> str:
        """The policy whose level an alert came to."""
        for destination in self.destinations(case.labels):
            policy = self._routing.policies.get(destination.escalation)
            if policy is not None and any(one.name == level for one in policy.levels):
                return destination.escalation
        return ""
