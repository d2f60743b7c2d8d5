"""Tenants in the warehouse of the tests: their events, and KPI statements run over them."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
from trueline_rules.loader import load_rules
from trueline_rules.model import Direction, EventMapping, Kpi, Metadata, Role, RuleSet, Scorecard
from trueline_stores.event_schema import AMOUNT, INSTANT
from trueline_stores.warehouse.answers import Answer
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.confined import CheckedStatement, Confinement, Limits
from trueline_stores.warehouse.views import RoleView, Views

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
KPIS = load_rules([]).kpis


def us(text: str) -> int:
    """Microseconds since 1970 of an instant in UTC, e.g. "2024-02-01" or "2024-02-01T10:00"."""
    return microseconds(datetime.fromisoformat(text).replace(tzinfo=UTC))


def microseconds(instant: datetime) -> int:
    """Microseconds since 1970."""
    return (instant - EPOCH) // timedelta(microseconds=1)


@dataclass(frozen=True)
class Happened:
    """An event of a small stream; `accepted_at` is None where it does not matter."""

    at: str
    name: str
    user: str = ""
    value: str | None = None
    currency: str = "GBP"
    properties: Mapping[str, str] = field(default_factory=dict)
    accepted_at: str | None = None


def kpi(name: str, statement: str, *, target: float = 1.0, direction: Direction = Direction.HIGHER) -> Kpi:
    """A KPI of a test."""
    return Kpi(
        Metadata(name, owner="tests"), "ratio", direction, target, "a test", "assumed", f"raise {name}", {}, statement
    )


def rule_set(kpis: Sequence[Kpi], weights: Mapping[str, float], revision: str = "1") -> RuleSet:
    """Rules of these KPIs and one scorecard, with the event names of BUSINESS."""
    mapping = EventMapping(
        Metadata("test"),
        {},
        {},
        "",
        {name: Role(view.events, view.occurrence) for name, view in BUSINESS.roles.items()},
    )
    card = Scorecard(Metadata("alignment"), weights, 80, 50)
    by_name = {kpi.metadata.name: kpi for kpi in kpis}
    return RuleSet(revision, {"test": mapping}, mapping, {}, by_name, {"alignment": card})


def insert_happened(warehouse: Warehouse, tenant: str, events: Sequence[Happened], source: str = "test") -> None:
    """Events in log order, positions from 1."""
    instants = [microseconds(datetime.fromisoformat(e.at).replace(tzinfo=UTC)) for e in events]
    insert_columns(
        warehouse,
        tenant,
        {
            "id": [f"e{n}" for n in range(len(events))],
            "name": [e.name for e in events],
            "occurred_at": pa.array(instants, INSTANT),
            "accepted_at": pa.array(
                [at if e.accepted_at is None else us(e.accepted_at) for e, at in zip(events, instants, strict=True)],
                INSTANT,
            ),
            "user_id": [e.user for e in events],
            "value": pa.array([None if e.value is None else Decimal(e.value) for e in events], AMOUNT),
            "currency": ["" if e.value is None else e.currency for e in events],
            "properties": pa.array([list(e.properties.items()) for e in events], pa.map_(pa.string(), pa.string())),
        },
        source=source,
    )


def insert_columns(warehouse: Warehouse, tenant: str, columns: Mapping[str, Any], source: str = "test") -> None:
    """Columns of the table `events`; tenant, source and positions are added."""
    rows = len(columns["id"])
    warehouse.insert(
        "events",
        pa.table(
            {
                "tenant": pa.array([tenant] * rows),
                "source": pa.array([source] * rows),
                **columns,
                "position": pa.array(range(1, rows + 1), pa.uint64()),
            }
        ),
    )


def set_clock(
    warehouse: Warehouse,
    tenant: str,
    *,
    end_us: int,
    accepted_us: int | None = None,
    finished: bool = True,
    revision: int = 1,
    source: str = "test",
    events: int = 1,
) -> None:
    """The clock of a source, as the dataflow writes it."""
    accepted = end_us if accepted_us is None else accepted_us
    warehouse.insert(
        "clocks",
        pa.table(
            {
                "tenant": [tenant],
                "source": [source],
                "events": pa.array([events], pa.uint64()),
                "max_occurred_at": pa.array([end_us], INSTANT),
                "last_accepted_at": pa.array([accepted], INSTANT),
                "finished": [finished],
                "revision": pa.array([revision], pa.uint64()),
            }
        ),
    )


def roles(**names: str | tuple[str, int]) -> Views:
    """Views: role="event name", or ("event name", n) for the n-th of each user; "*" is any event."""
    return Views(
        {role: RoleView((of,)) if isinstance(of, str) else RoleView((of[0],), of[1]) for role, of in names.items()}
    )


# How the events of the small businesses are read.
BUSINESS = roles(
    signup="signup",
    activation="workflow",
    payment="paid",
    refund="refunded",
    spend="spend",
    invite="invite",
    invite_accepted="accepted",
)


class PackKpis:
    """The KPIs of the default pack over one tenant, with other parameters where a test wants them."""

    def __init__(self, warehouse: Warehouse, tenant: str, views: Views) -> None:
        self._confinement = Confinement(warehouse, Limits(threads=2))
        self._tenant = tenant
        self._views = views
        self._checked: dict[str, CheckedStatement] = {}

    def answer(self, kpi: str, at_us: int, known_at_us: int | None = None, **parameters: str | float) -> Answer:
        """What a statement of the pack answers at an instant."""
        definition = KPIS[kpi]
        assert parameters.keys() <= definition.parameters.keys()
        checked = self._checked.get(kpi)
        if checked is None:
            checked = self._confinement.check(definition.statement, self._views, definition.parameters)
            self._checked[kpi] = checked
        checked = dataclasses.replace(checked, parameters={**checked.parameters, **parameters})
        return self._confinement.run(checked, tenant=self._tenant, at_us=at_us, known_at_us=known_at_us)
