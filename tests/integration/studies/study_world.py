"""Events of deals, payments and campaigns on the real warehouse, and the studies that are computed of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_server.studies.computing import Computed, StudyComputer
from trueline_server.studies.model import Figure, Period
from trueline_server.studies.questions import narrowed, study_of
from trueline_stores.warehouse.client import Warehouse

DAY_US = 86_400_000_000


def at(day: str, hours: float = 0) -> int:
    """A day (UTC) in µs since 1970, some hours later."""
    start = datetime.fromisoformat(day).replace(tzinfo=UTC)
    return int(start.timestamp()) * 1_000_000 + round(hours * 3_600_000_000)


FEBRUARY = Period(at("2026-02-01"), at("2026-03-01"))
MARCH = Period(at("2026-03-01"), at("2026-04-01"))

STUDIES = """\
apiVersion: trueline/v1
kind: Study
metadata: {name: renewals}
spec:
  type: renewal_rate
  deals: {due: {events: [due]}, renewed: {events: [renewed]}, ended: {events: [ended]}, deal: properties.deal}
  breakdowns: {persona: properties.persona, sponsor: properties.sponsor}
  minimum_observations: 2
  currency: USD
  rates: {EUR: 2}
---
apiVersion: trueline/v1
kind: Study
metadata: {name: decisions}
spec:
  type: renewal_rate
  deals: {renewed: {events: [renewed]}, ended: {events: [ended]}, deal: properties.deal}
  minimum_observations: 2
  currency: USD
---
apiVersion: trueline/v1
kind: Study
metadata: {name: growth}
spec:
  type: revenue_growth
  revenue: {payments: {events: [paid]}, refunds: {events: [refunded]}}
  breakdowns: {persona: properties.persona}
  minimum_observations: 2
  currency: USD
  rates: {EUR: 2}
---
apiVersion: trueline/v1
kind: Study
metadata: {name: campaigns}
spec:
  type: campaign_efficiency
  campaigns:
    finished: {events: [finished]}
    spend: {events: [spent]}
    results: {events: [converted]}
    campaign: properties.campaign
    conversions: properties.conversions
  breakdowns: {persona: properties.persona, type: properties.type}
  minimum_observations: 2
  currency: USD
---
apiVersion: trueline/v1
kind: Study
metadata: {name: running}
spec:
  type: campaign_efficiency
  campaigns:
    spend: {events: [spent]}
    results: {events: [converted]}
    campaign: properties.campaign
    cost: properties.cost
    value: properties.worth
    conversions: properties.conversions
  minimum_observations: 2
  currency: USD
"""


@dataclass(frozen=True, slots=True)
class Happening:
    """An event: its name, when (µs), whose, and what else it says."""

    name: str
    at_us: int
    user: str = ""
    value: str | None = None
    currency: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, float] = field(default_factory=dict)


def deal(name: str, at_us: int, deal: str, value: str | None = None, **properties: str) -> Happening:
    """Something that happens to a deal."""
    return Happening(name, at_us, value=value, properties={"deal": deal} | properties)


def paid(at_us: int, user: str, value: str, persona: str = "", name: str = "paid", **further: Any) -> Happening:
    """A payment or refund."""
    return Happening(name, at_us, user, value, properties={"persona": persona} if persona else {}, **further)


def put(warehouse: Warehouse, happenings: Iterable[Happening], tenant: str = "") -> str:
    """Put events in, in this order in the log; answers the tenant, a new one unless it is given."""
    tenant = tenant or f"s-{uuid.uuid4().hex[:12]}"
    ((first,),) = warehouse.query("SELECT max(position) FROM trueline.events")
    rows = [_row(tenant, int(first) + 1 + place, happening) for place, happening in enumerate(happenings)]
    warehouse.insert("events", pa.Table.from_pylist(rows, schema=_SCHEMA))
    clock = {"tenant": tenant, "source": "test", "events": len(rows), "revision": int(first) + len(rows)}
    warehouse.insert("clocks", pa.Table.from_pylist([clock], schema=_CLOCK))
    return tenant


def load(text: str = STUDIES) -> RuleSet:
    """The rules of a text over the pack."""
    return load_texts([("studies.yaml", text)])


def computed(
    warehouse: Warehouse,
    tenant: str,
    study: str,
    period: Period = MARCH,
    *,
    text: str = STUDIES,
    by: tuple[str, ...] = (),
) -> Computed:
    """What a study comes to."""
    rules = load(text)
    asked = narrowed(study_of(rules, study), by)
    return StudyComputer(warehouse).compute(tenant, rules, asked, period, lambda done, total, what: None)


def figures(found: Computed, breakdown: str = "", group: str = "") -> dict[str, Figure]:
    """The figures of a group by name."""
    return {
        figure.name: figure
        for each in found.groups
        if (each.breakdown, each.name) == (breakdown, group)
        for figure in each.figures
    }


def inputs(figure: Figure, *, previous: bool = False) -> dict[str, str]:
    """The inputs of a figure as they are told."""
    return {each.name: f"{each.value:f}" for each in (figure.previous if previous else figure.now).inputs}


_CLOCK = pa.schema(
    [("tenant", pa.string()), ("source", pa.string()), ("events", pa.uint64()), ("revision", pa.uint64())]
)
_INSTANT = pa.timestamp("us", tz="UTC")
_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("tenant", "source", "id", "name")),
        ("occurred_at", _INSTANT),
        ("accepted_at", _INSTANT),
        ("user_id", pa.string()),
        ("value", pa.decimal128(38, 9)),
        ("currency", pa.string()),
        ("properties", pa.map_(pa.string(), pa.string())),
        ("numbers", pa.map_(pa.string(), pa.float64())),
        ("position", pa.uint64()),
    ]
)


def _row(tenant: str, position: int, happening: Happening) -> dict[str, Any]:
    value = happening.value
    return {
        "tenant": tenant,
        "source": "test",
        "id": f"e{position}",
        "name": happening.name,
        "occurred_at": happening.at_us,
        "accepted_at": happening.at_us,
        "user_id": happening.user,
        "value": None if value is None else pa.scalar(value).cast(pa.decimal128(38, 9)).as_py(),
        "currency": happening.currency,
        "properties": list(happening.properties.items()),
        "numbers": list(happening.numbers.items()),
        "position": position,
    }
