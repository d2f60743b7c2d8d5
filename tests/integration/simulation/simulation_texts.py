"""Rule files and series of the simulation's tests: a shop whose checkouts fail, Ada and Bob."""

from __future__ import annotations

from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_server.simulation.engine import simulate
from trueline_server.simulation.model import Entry, EntryKind, Simulation
from trueline_server.simulation.series_file import read_series_file

HEAD = "apiVersion: trueline/v1\nkind: {}\nmetadata: {{name: {}}}\nspec:\n{}\n"


def document(kind: str, name: str, spec: str) -> str:
    """A rule document."""
    return HEAD.format(kind, name, "\n".join(f"  {line}" for line in spec.strip().splitlines()))


METRICS = [
    document("Metric", "failed", "events: [failed]\naggregation: count\ngroup_by: [properties.plan]\nwindow: 1m"),
    document("Metric", "orders", "events: [order]\naggregation: count\nwindow: 1m"),
]
FAILING = document(
    "AlertRule",
    "failing",
    "facts: {n: {metric: failed}}\nwarning: n > 5\ncritical: n > 20\nfor: 3m\nsummary: Checkouts fail",
)
NO_ORDERS = document("AlertRule", "no_orders", "facts: {n: {metric: orders}}\ncritical: n < 1\nkeep_firing_for: 2m")
CHANNELS = [
    document("NotificationChannel", "ada_mail", "type: log\nperson: ada"),
    document("NotificationChannel", "bob_mail", "type: log\nperson: bob\nsend_resolved: false"),
    document("NotificationChannel", "wall", "type: log"),
]
POLICY = document(
    "EscalationPolicy",
    "shop",
    """
levels:
  - {name: L1, notify: [{person: ada}], repeat: 1, every: 5m}
  - {name: L2, after: 15m, notify: [{person: bob}]}
acknowledge_timeout: 1h
targets: {respond_within: 10m}
""",
)
ROUTE = document("Route", "shop", "matchers: ['rule=~\"failing|no_orders\"']\nchannels: [wall]\nescalation: shop")
SHOP = [*METRICS, FAILING, NO_ORDERS, *CHANNELS, POLICY, ROUTE]


def rules_of(*documents: str) -> RuleSet:
    """The default pack with these documents."""
    return load_texts([("shop.yaml", "---\n".join(documents))])


def series(*lines: str, more: str = "") -> str:
    """A series file of flow maps; it begins at noon."""
    listed = "".join(f"  - {line}\n" for line in lines)
    return f"start: 2026-03-02T12:00Z\nseries:\n{listed}{more}"


def simulated(rules: RuleSet, text: str, **how: object) -> Simulation:
    """What a series file comes to."""
    return simulate(read_series_file(text, "day.yml", rules, **how))  # type: ignore[arg-type]


def told(found: Simulation, *kinds: EntryKind) -> list[tuple[int, str, str, str]]:
    """Entries of some kinds (all without any): seconds since the start, kind, subject, who."""
    return [
        (_seconds(found, entry), entry.kind.value, entry.subject, ",".join(entry.people or entry.channels))
        for entry in found.entries
        if not kinds or entry.kind in kinds
    ]


def why(found: Simulation, kind: EntryKind) -> list[tuple[int, str, str]]:
    """Entries of a kind: seconds since the start, reason, text."""
    return [(_seconds(found, entry), entry.reason, entry.text) for entry in found.entries if entry.kind is kind]


def _seconds(found: Simulation, entry: Entry) -> int:
    return (entry.at_us - found.start_us) // 1_000_000
