"""What was known of facts at an instant: what was recorded later is left out, whatever became of it."""

from __future__ import annotations

import dataclasses
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trueline_rules.loader import load_texts
from trueline_server.clock import ManualClock
from trueline_server.facts.service import FactService, PutFact
from trueline_server.facts.store import FactRow, FactStore
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.migrations import MIGRATIONS
from trueline_stores.warehouse.statements import CreateTable, ExtendKey
from trueline_stores.warehouse.tables import FACTS

NOW_US = 1_800_000_000_000_000
SEATS = "apiVersion: trueline/v1\nkind: FactType\nmetadata: {name: seats}\nspec: {subject: account, type: number}\n"
TYPES = {"account": {"seats": "number"}}


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    puts=st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 4), st.none() | st.integers(0, 9)), max_size=8),
    merged=st.booleans(),
)
def test_every_read_knows_what_had_been_recorded(
    warehouse: Warehouse, puts: list[tuple[str, int, int | None]], merged: bool
) -> None:
    """By each knowledge the last value observed up to the instant counts, of those put in again the last; all reads
    agree, before the rows are merged and after."""
    tenant, store = f"known-{uuid4()}", FactStore(warehouse)
    for revision, (subject_id, at, value) in enumerate(puts, start=1):
        number = None if value is None else float(value)
        store.write(tenant, [FactRow("account", subject_id, "seats", at, number)], revision)
    if merged:
        warehouse.command("OPTIMIZE TABLE trueline.facts FINAL")
    for known in (None, *range(0, len(puts) + 1, 2)):
        for instant in (0, 2, 3, 5):
            expected: dict[str, tuple[float | None, int]] = {}
            for subject_id in "ab":
                seen = [
                    (at, revision, value)
                    for revision, (one, at, value) in enumerate(puts, start=1)
                    if one == subject_id and at <= instant and (known is None or revision <= known)
                ]
                if seen:
                    _, revision, value = max(seen, key=lambda each: each[:2])
                    expected[subject_id] = (None if value is None else float(value), revision)
            values = {name: value for name, (value, _) in expected.items() if value is not None}
            rows = store.as_of(tenant, "account", instant, known_us=known)
            assert {row.subject_id: (row.value, row.recorded_at_us) for row in rows} == expected
            both = {("account", "a"), ("account", "b")}
            few = store.of_subjects(tenant, both, instant, TYPES, known_us=known)
            assert {row.subject_id: (row.value, row.recorded_at_us) for row in few} == {
                name: expected[name] for name in values
            }
            columns = store.columns_as_of(tenant, "account", instant, TYPES["account"], ["a", "b"], known_us=known)
            assert {s: v for each in columns for s, v in zip(each.ids, each.values, strict=True)} == values
            assert store.subjects(tenant, "account", instant, known_us=known) == sorted(expected)
            assert store.count_subjects(tenant, "account", instant, known_us=known) == len(expected)


def test_a_fact_tells_when_it_was_put_in(warehouse: Warehouse) -> None:
    """By the server's clock, whenever it was observed; as of the knowledge, unless another instant is asked for."""
    clock, tenant, rules = ManualClock(NOW_US), f"told-{uuid4()}", load_texts([("facts.yaml", SEATS)])
    service = FactService(FactStore(warehouse), lambda _: rules, clock)
    service.put(tenant, [PutFact("x", "seats", 1.0, NOW_US - 10)])
    clock.turn(1)
    service.put(tenant, [PutFact("x", "seats", 2.0, NOW_US - 5), PutFact("y", "seats", 3.0, NOW_US - 10)])

    def told(**how: int) -> list[tuple[str, object, int]]:
        rows = service.list(tenant, "account", **how)  # type: ignore[arg-type]
        assert [row for one in service.get(tenant, "account", ["x", "y"], **how) for row in one.facts] == rows  # type: ignore[arg-type]
        return [(row.subject_id, row.value, row.recorded_at_us) for row in rows]

    assert told() == [("x", 2.0, NOW_US + 1_000_000), ("y", 3.0, NOW_US + 1_000_000)]
    assert told(known_us=NOW_US) == [("x", 1.0, NOW_US)]
    assert told(known_us=NOW_US - 1) == []
    assert told(known_us=NOW_US + 1_000_000, at_us=NOW_US - 6) == [("x", 1.0, NOW_US), ("y", 3.0, NOW_US + 1_000_000)]


@pytest.fixture
def former(warehouse: Warehouse) -> str:
    """A table of facts as it was before it kept when they were recorded, with rows."""
    own = dataclasses.replace(
        FACTS,
        name=f"facts_{uuid4().hex}",
        columns=tuple(each for each in FACTS.columns if each[0] != "recorded_at"),
        order_by=FACTS.order_by[:-1],
        projections=(),
        settings=("index_granularity = 8192",),
    )
    warehouse.command(*CreateTable(own).to_sql())
    for at, number, revision in ((1, 1.0, 10), (2, 2.0, 20)):
        _put(warehouse, own.full_name, at, number, revision)
    return own.name


def _put(warehouse: Warehouse, table: str, at: int, number: float, revision: int) -> None:
    values = f"fromUnixTimestamp64Micro({at}), {number}, {revision}"
    warehouse.command(
        f"INSERT INTO {table} (tenant, subject, name, subject_id, observed_at, number, revision) "
        f"SELECT 't', 'account', 'seats', 'x', {values}"
    )


def test_a_table_of_before_goes_on(warehouse: Warehouse, former: str) -> None:
    """Its rows stay, as recorded at their revision; from then on a fact put in again does not take the former away."""
    table = dataclasses.replace(FACTS, name=former)
    (migration,) = [each for each in MIGRATIONS if ExtendKey(FACTS, ("recorded_at",)) in each.statements]
    # A crash before the version is recorded repeats the statements.
    for _ in range(2):
        for statement in migration.statements:
            warehouse.command(*dataclasses.replace(statement, table=table).to_sql())  # type: ignore[type-var]
    for number, revision in ((3.0, 30), (4.0, 40)):
        warehouse.command(
            f"INSERT INTO {table.full_name} (tenant, subject, name, subject_id, observed_at, number, revision, "
            f"recorded_at) SELECT 't', 'account', 'seats', 'x', fromUnixTimestamp64Micro(2), {number}, {revision}, "
            f"fromUnixTimestamp64Micro({revision})"
        )
    warehouse.command(f"OPTIMIZE TABLE {table.full_name} FINAL")
    assert warehouse.query(f"SELECT number, revision FROM {table.full_name} ORDER BY revision") == [
        (1.0, 10),
        (2.0, 20),
        (3.0, 30),
        (4.0, 40),
    ]
    made = warehouse.query(
        "SELECT name, sorting_key FROM system.projections WHERE table = {table:String}", {"table": former}
    )
    assert [name for name, _ in made] == ["by_subject"]
