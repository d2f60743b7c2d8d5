"""What the rule files of a tenant say about notifications, made ready once for each revision."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from trueline_rules.escalation.business_time import opens
from trueline_rules.escalation.directory import Directory
from trueline_rules.escalation_model import EscalationPolicy
from trueline_rules.model import RuleSet
from trueline_rules.routing.tree import RouteTree
from trueline_rules.routing_model import Inhibition, Maintenance, Silence

# Rule sets in use: one for all tenants, and those of tenants with files of their own.
_REMEMBERED = 64


@dataclass(frozen=True, slots=True, eq=False)
class Routing:
    """Where alerts go, what suppresses them, and who is told."""

    tree: RouteTree
    inhibitions: tuple[Inhibition, ...]
    silences: tuple[Silence, ...]
    maintenances: tuple[Maintenance, ...]
    policies: dict[str, EscalationPolicy]
    directory: Directory

    def is_open(self, policy: str, now_us: int) -> bool:
        """Whether the business hours of a policy, "" = none, are running: outside of them nothing is said again."""
        known = self.policies.get(policy)
        return known is None or opens(now_us, known.hours) <= now_us


class _ByRevision:
    """A rule set as a key: those of one revision say the same."""

    def __init__(self, rules: RuleSet) -> None:
        self.rules = rules

    def __hash__(self) -> int:
        return hash(self.rules.revision)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _ByRevision) and other.rules.revision == self.rules.revision


def routing_of(rules: RuleSet) -> Routing:
    """The routing of a rule set."""
    return _made(_ByRevision(rules))


@lru_cache(maxsize=_REMEMBERED)
def _made(key: _ByRevision) -> Routing:
    documents = key.rules.documents

    def of(kind: str) -> dict[str, Any]:
        return dict(documents.get(kind, {}))

    policies = of("EscalationPolicy")
    return Routing(
        tree=RouteTree.of(of("Route").values(), policies.values()),
        inhibitions=tuple(of("Inhibition").values()),
        silences=tuple(of("Silence").values()),
        maintenances=tuple(of("Maintenance").values()),
        policies=policies,
        directory=Directory.of(of("OnCallSchedule"), of("NotificationChannel").values()),
    )
