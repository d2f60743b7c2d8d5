"""Events of people on the real warehouse, put into its table as they are, and the journeys that come of them."""

from __future__ import annotations

import itertools
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from trueline_rules.attribution_model import AttributionModel
from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_server.attribution.identity_tables import IdentityTables
from trueline_server.attribution.journeys import Journeys
from trueline_server.attribution.limits import SETTINGS
from trueline_server.attribution.scope import Scope
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.statements import Statement

HOUR_US = 3_600_000_000
DAY_US = 24 * HOUR_US
# 2026-03-01T00:00:00Z
START_US = 1_772_323_200_000_000
END_US = START_US + 31 * DAY_US

MODEL = """\
apiVersion: trueline/v1
kind: AttributionModel
metadata: {name: shop}
spec:
  touches: {events: [touched], channel: properties.channel, campaign: properties.campaign}
  conversions:
    order: {events: [ordered], lookback: 30d, value: value, refunds: {events: [refunded]}, segment: properties.tier}
    signup: {events: [signed_up], lookback: 30d}
  costs: {events: [spent], channel: properties.channel, campaign: properties.campaign}
  stitches: {events: [signed_up, signed_in, seen]}
  milestones: {lead: {events: [became_lead]}, opportunity: {events: [became_opportunity]}}
  currency: EUR
  rates: {USD: 0.5}
  models:
    first: {formula: first}
    last: {formula: last}
    last_non_direct: {formula: last_non_direct, direct: [direct]}
    linear: {formula: linear}
    time_decay: {formula: time_decay}
    position: {formula: position}
    w_shaped: {formula: w_shaped}
    custom: {formula: custom, from_first: [3, 1], from_last: [2], between: 1}
    markov: {formula: markov}
    shapley: {formula: shapley}
"""


@dataclass(frozen=True, slots=True)
class Happening:
    """An event: its name, when (hours after START_US), whose, and what else it says."""

    name: str
    hours: float
    user: str = ""
    anonymous: str = ""
    device: str = ""
    account: str = ""
    value: float | None = None
    currency: str = ""
    properties: Mapping[str, str] = field(default_factory=dict)
    id: str = ""
    accepted_hours: float | None = None


def touch(hours: float, channel: str, user: str = "u", campaign: str = "", **further: Any) -> Happening:
    """A touch of a channel, by default of the user u."""
    properties = {"channel": channel} | ({"campaign": campaign} if campaign else {})
    return Happening("touched", hours, user, properties=properties, **further)


def order(hours: float, value: float, user: str = "u", **further: Any) -> Happening:
    """An order, by default of the user u."""
    return Happening("ordered", hours, user, value=value, **further)


def put(warehouse: Warehouse, happenings: Iterable[Happening], tenant: str = "") -> str:
    """Put events in, in this order in the log; answers the tenant, a new one unless it is given."""
    tenant = tenant or f"a-{uuid.uuid4().hex[:12]}"
    ((first,),) = warehouse.query("SELECT max(position) FROM trueline.events")
    counted = zip(itertools.count(int(first) + 1), happenings, strict=False)
    rows = [_row(tenant, position, happening) for position, happening in counted]
    warehouse.insert("events", pa.Table.from_pylist(rows, schema=_SCHEMA))
    clock = {"tenant": tenant, "source": "test", "events": len(rows), "revision": int(first) + len(rows)}
    warehouse.insert("clocks", pa.Table.from_pylist([clock], schema=_CLOCK))
    return tenant


def load(text: str = MODEL) -> tuple[RuleSet, AttributionModel]:
    """The rules of a text that has one attribution model beside the pack's, and this model."""
    rules = load_texts([("shop.yaml", text)])
    (name,) = rules.documents["AttributionModel"].keys() - {"default", "self_reported"}
    model = rules.documents["AttributionModel"][name]
    assert isinstance(model, AttributionModel)
    return rules, model


def journeys(
    tenant: str,
    text: str = MODEL,
    conversion: str = "order",
    *,
    warehouse: Warehouse | None = None,
    scope: Scope | None = None,
    **further: Any,
) -> Journeys:
    """Journeys to conversions of March 2026; with a warehouse of the persons of its identities."""
    rules, model = load(text)
    scope = scope or Scope(tenant, START_US, END_US)
    if warehouse is not None and model.stitches is not None:
        further["identity"] = IdentityTables(warehouse).of(scope, model.stitches.names(rules.mapping))
    return Journeys(scope, model, rules.mapping, conversion, **further)


def answered(warehouse: Warehouse, statement: Statement) -> list[tuple[Any, ...]]:
    """Rows of a statement over journeys."""
    sql, parameters = statement.to_sql()
    return warehouse.query(sql, parameters, settings=SETTINGS)


_CLOCK = pa.schema(
    [("tenant", pa.string()), ("source", pa.string()), ("events", pa.uint64()), ("revision", pa.uint64())]
)
_INSTANT = pa.timestamp("us", tz="UTC")
_SCHEMA = pa.schema(
    [
        *((name, pa.string()) for name in ("tenant", "source", "id", "name")),
        ("occurred_at", _INSTANT),
        ("accepted_at", _INSTANT),
        *((name, pa.string()) for name in ("user_id", "account_id", "anonymous_id", "device_id")),
        ("value", pa.decimal128(38, 9)),
        ("currency", pa.string()),
        ("properties", pa.map_(pa.string(), pa.string())),
        ("numbers", pa.map_(pa.string(), pa.float64())),
        ("flags", pa.map_(pa.string(), pa.bool_())),
        ("position", pa.uint64()),
        ("watermark", _INSTANT),
    ]
)


def _row(tenant: str, position: int, happening: Happening) -> dict[str, Any]:
    at_us = START_US + round(happening.hours * HOUR_US)
    accepted = happening.hours if happening.accepted_hours is None else happening.accepted_hours
    value = happening.value
    return {
        "tenant": tenant,
        "source": "test",
        "id": happening.id or f"e{position}",
        "name": happening.name,
        "occurred_at": at_us,
        "accepted_at": START_US + round(accepted * HOUR_US),
        "user_id": happening.user,
        "account_id": happening.account,
        "anonymous_id": happening.anonymous,
        "device_id": happening.device,
        "value": None if value is None else pa.scalar(str(value)).cast(pa.decimal128(38, 9)).as_py(),
        "currency": happening.currency,
        "properties": list(happening.properties.items()),
        "numbers": [],
        "flags": [],
        "position": position,
        "watermark": at_us,
    }
