"""Finished studies in the state database. Everything here runs in the caller's transaction."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, func, insert, select
from trueline_rules.model import Direction
from trueline_stores.state.study_tables import STUDIES

from trueline_server.studies.model import (
    Campaign,
    Completeness,
    Difference,
    Estimate,
    Figure,
    Group,
    Input,
    StudyRun,
    Verdict,
)

_TABLE = STUDIES.c
# What is many kilobytes is read only where it is wanted.
_LARGE = ("groups", "campaigns")
_TOLD = [column for column in STUDIES.c if column.name not in {*_LARGE, "request_id"}]


def id_of(number: int) -> str:
    """The id of the run of a number."""
    return f"study-{number}"


def next_number(connection: Connection, tenant: str) -> int:
    """The number of a tenant's next run."""
    query = select(func.max(_TABLE.number)).where(_TABLE.tenant == tenant)
    return int(connection.execute(query).scalar_one() or 0) + 1


def insert_run(connection: Connection, run: StudyRun, request: str) -> None:
    """Keep a finished run; `request` names what asked for it.

    Raises:
        IntegrityError: what asked for it has one already.

    """
    values = {name: getattr(run, name) for name in StudyRun.__dataclass_fields__ if name not in _LARGE}
    values["completeness"] = run.completeness.value
    values["notes"] = list(run.notes)
    values["groups"] = [_plain(asdict(group)) for group in run.groups]
    values["campaigns"] = [_plain(asdict(campaign)) for campaign in run.campaigns]
    connection.execute(insert(STUDIES).values(values | {"request_id": request}))


def find_run(connection: Connection, tenant: str, run: str) -> StudyRun | None:
    """A run by its id, with its figures."""
    return _found(connection, tenant, _TABLE.id == run)


def find_requested(connection: Connection, tenant: str, request: str) -> StudyRun | None:
    """The run that something asked for, with its figures."""
    return _found(connection, tenant, _TABLE.request_id == request)


def list_runs(
    connection: Connection,
    tenant: str,
    *,
    study: str = "",
    definition: str = "",
    start_us: int | None = None,
    end_us: int | None = None,
    before: int | None = None,
    most: int = 100,
) -> list[StudyRun]:
    """Runs without figures and campaigns, the newest first; see StudyService.list."""
    query = select(*_TOLD).where(_TABLE.tenant == tenant)
    for column, wanted in ((_TABLE.study, study), (_TABLE.definition, definition)):
        if wanted:
            query = query.where(column == wanted)
    if start_us is not None:
        query = query.where(_TABLE.start_us >= start_us)
    if end_us is not None:
        query = query.where(_TABLE.end_us <= end_us)
    if before is not None:
        query = query.where(_TABLE.number < before)
    rows = connection.execute(query.order_by(_TABLE.number.desc()).limit(most)).mappings()
    return [_run(row, (), ()) for row in rows]


def _found(connection: Connection, tenant: str, holds: Any) -> StudyRun | None:
    row = connection.execute(select(STUDIES).where(_TABLE.tenant == tenant, holds)).mappings().first()
    if row is None:
        return None
    return _run(row, tuple(map(_group, row["groups"])), tuple(map(_campaign, row["campaigns"])))


def _run(row: RowMapping, groups: tuple[Group, ...], campaigns: tuple[Campaign, ...]) -> StudyRun:
    fields = {name: row[name] for name in StudyRun.__dataclass_fields__ if name not in _LARGE}
    fields |= {"completeness": Completeness(row["completeness"]), "notes": tuple(row["notes"])}
    return StudyRun(**fields, groups=groups, campaigns=campaigns)


def _group(stored: Mapping[str, Any]) -> Group:
    return Group(stored["breakdown"], stored["name"], tuple(map(_figure, stored["figures"])))


def _figure(stored: Mapping[str, Any]) -> Figure:
    difference = stored["difference"]
    return Figure(
        **{
            **stored,
            "direction": Direction(stored["direction"]),
            "now": _estimate(stored["now"]),
            "previous": _estimate(stored["previous"]),
            "difference": None if difference is None else Difference(**difference),
            "verdict": Verdict(stored["verdict"]),
        }
    )


def _estimate(stored: Mapping[str, Any]) -> Estimate:
    inputs = tuple(Input(each["name"], Decimal(each["value"]), each["unit"]) for each in stored["inputs"])
    return Estimate(**{**stored, "inputs": inputs})


def _campaign(stored: Mapping[str, Any]) -> Campaign:
    amounts = (Decimal(stored[name]) for name in ("cost", "value", "conversions"))
    return Campaign(stored["id"], stored["groups"], *amounts)


def _plain(value: Any) -> Any:
    """The same with decimals as text."""
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, Mapping):
        return {key: _plain(each) for key, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, list | tuple) else value
