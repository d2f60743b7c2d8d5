"""What a kind of rule document is: the shape of its spec, and the functions that build, write and check its values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from trueline_rules.alert_model import AlertRule, FactType
from trueline_rules.compliance_model import ComplianceFramework
from trueline_rules.model import Metadata, Metric
from trueline_rules.records import Record
from trueline_rules.routing_model import Route
from trueline_rules.site import Site

Spec = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Known:
    """What the other documents define; a document is checked against it once all are read.

    Attributes:
        names: names of all documents by kind, the broken ones too.
        roles: roles that some event mapping fills or that KPIs of the default pack read.
        fact_types: by name; those without a mistake.
        alert_rules: by name; those without a mistake of their own.
        labels: (kind of source, name) -> labels of its values, as alerts have them; of those that have any.
        routes: by name; those without a mistake of their own.
        frameworks: by name; those without a mistake of their own.
        metrics: by name; those without a mistake of their own.
        people: whom some notification channel reaches; None = unknown, as a channel is broken.

    """

    names: Mapping[str, frozenset[str]]
    roles: frozenset[str]
    fact_types: Mapping[str, FactType] = field(default_factory=dict)
    alert_rules: Mapping[str, AlertRule] = field(default_factory=dict)
    labels: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    people: frozenset[str] | None = None
    routes: Mapping[str, Route] = field(default_factory=dict)
    frameworks: Mapping[str, ComplianceFramework] = field(default_factory=dict)
    metrics: Mapping[str, Metric] = field(default_factory=dict)


def _refers_to_nothing(_model: Any, _site: Site, _known: Known) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of rule document.

    Attributes:
        name: as in `kind:`.
        about: one sentence for editors.
        spec: shape of `spec`; the JSON Schema comes from it too.
        build: makes the value of a well-shaped spec, and notes at the site what no shape can see. Its answer counts
            only if nothing was noted.
        dump: writes a value back as a spec that builds an equal value.
        check: notes references to documents that do not exist.

    """

    name: str
    about: str
    spec: Record
    build: Callable[[Metadata, Spec, Site], Any]
    dump: Callable[[Any], dict[str, Any]]
    check: Callable[[Any, Site, Known], None] = _refers_to_nothing
