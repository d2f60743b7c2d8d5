"""Kind Inhibition: while one alert fires, others that it explains are not notified."""

from __future__ import annotations

from typing import Any

from trueline_rules.kinds.alert_rule import LABEL
from trueline_rules.kinds.kind import Kind, Known, Spec
from trueline_rules.kinds.matchers import MATCHERS, read_matchers, write_matchers
from trueline_rules.model import Metadata
from trueline_rules.names import hint, quoted
from trueline_rules.records import Key, ListOf, Record
from trueline_rules.routing.alert_labels import OF_MISSES, emitted_labels
from trueline_rules.routing_model import Inhibition
from trueline_rules.site import Site

SPEC = Record(
    {
        "sources": Key(MATCHERS, "Alerts that explain others while they fire.", required=True),
        "targets": Key(MATCHERS, "Alerts that are not notified then.", required=True),
        "equal": Key(
            ListOf(LABEL, least=0, most=16),
            "Labels that must have the same value in both; absent counts as empty. Without any, a source anywhere "
            "silences every target.",
        ),
    }
)


def build(metadata: Metadata, spec: Spec, site: Site) -> Inhibition:  # noqa: ARG001
    """Make an inhibition."""
    return Inhibition(metadata, read_matchers(spec["sources"]), read_matchers(spec["targets"]), spec.get("equal", ()))


def dump(inhibition: Inhibition) -> dict[str, Any]:
    """Write an inhibition as a spec."""
    return {
        "sources": write_matchers(inhibition.sources),
        "targets": write_matchers(inhibition.targets),
        "equal": list(inhibition.equal),
    }


def check(inhibition: Inhibition, site: Site, known: Known) -> None:
    """Note labels in `equal` that no rule gives: they would be equal in all alerts, for being absent."""
    if known.names.get("AlertRule", frozenset()) - known.alert_rules.keys():
        # Nobody knows which labels a broken rule would give.
        return
    emitted = emitted_labels(known.alert_rules.values(), known.labels)
    if known.names.get("CheckpointPolicy"):
        emitted |= set(OF_MISSES)
    for at, label in enumerate(inhibition.equal):
        if label not in emitted:
            told = "a label that no alert rule gives: absent in all alerts, it would be equal in all"
            site.problem(("spec", "equal", at), f"is {quoted(label)}, {told}{hint(label, emitted)}")


KIND = Kind("Inhibition", "Alerts that are not notified while one fires that explains them.", SPEC, build, dump, check)
