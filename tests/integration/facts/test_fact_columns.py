"""Facts of many subjects column by column, and the subjects that there are: the same as row by row."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from uuid import uuid4

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trueline_server.facts.store import FactContent, FactRow, FactStore
from trueline_stores.warehouse.client import Warehouse

TYPES = {"a": "number", "b": "bool", "c": "text", "d": "datetime", "e": "texts", "f": "decimal"}
KINDS: dict[str, type] = {
    "number": float,
    "bool": bool,
    "text": str,
    "datetime": datetime,
    "texts": frozenset,
    "decimal": Decimal,
}
values: st.SearchStrategy[FactContent] = st.one_of(
    st.none(),
    st.floats(-1e6, 1e6),
    st.booleans(),
    st.text(max_size=3),
    st.integers(0, 10**9).map(lambda second: datetime.fromtimestamp(second, UTC)),
    st.frozensets(st.sampled_from(["eu", "us"])),
    st.integers(-(10**6), 10**6).map(lambda number: Decimal(number) / 100),
)
rows = st.lists(
    st.builds(
        FactRow,
        st.just("parcel"),
        st.sampled_from(["p1", "p2", "p3"]),
        st.sampled_from(sorted(TYPES)),
        st.integers(1, 9),
        values,
    ),
    max_size=20,
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(found=rows, at_us=st.integers(0, 10), ids=st.lists(st.sampled_from(["p1", "p2", "p4"]), unique=True, min_size=1))
def test_columns_are_what_rows_are(warehouse: Warehouse, found: list[FactRow], at_us: int, ids: list[str]) -> None:
    """Of each fact whose value has the declared type; what is absent or of another type is left out."""
    store, tenant = FactStore(warehouse), f"columns-{uuid4()}"
    for number, row in enumerate(found, start=1):
        store.write(tenant, [row], number)
    expected = {
        (row.name, row.subject_id): row.value
        for row in store.as_of(tenant, "parcel", at_us, names=sorted(TYPES), ids=ids)
        if row.value is not None and type(row.value) is KINDS[TYPES[row.name]]
    }
    told = {
        (column.name, subject_id): value
        for column in store.columns_as_of(tenant, "parcel", at_us, TYPES, ids)
        for subject_id, value in zip(column.ids, column.values, strict=True)
    }
    assert told == expected
    assert {key: type(value) for key, value in told.items()} == {key: type(value) for key, value in expected.items()}


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    found=rows,
    at_us=st.integers(0, 10),
    names=st.sets(st.sampled_from(sorted(TYPES))),
    others=st.sets(st.sampled_from(["p1", "p2"])),
)
def test_facts_of_few_subjects_are_what_rows_are(
    warehouse: Warehouse, found: list[FactRow], at_us: int, names: set[str], others: set[str]
) -> None:
    """Of each kind with each id that was asked for, and of no other pair, with the instants of the observations."""
    store, tenant = FactStore(warehouse), f"few-{uuid4()}"
    wanted = {("parcel", "p1"), ("letter", "p2")}
    for number, row in enumerate(found, start=1):
        store.write(tenant, [row], number)
        if row.subject_id in others:
            store.write(tenant, [replace(row, subject="letter")], number)
    types = {"parcel": {name: TYPES[name] for name in names}, "letter": {name: TYPES[name] for name in TYPES}}
    expected = [
        row
        for subject, subject_id in sorted(wanted)
        for row in store.as_of(tenant, subject, at_us, ids=[subject_id])
        if row.name in types[subject] and row.value is not None and type(row.value) is KINDS[TYPES[row.name]]
    ]
    told = sorted(
        store.of_subjects(tenant, wanted, at_us, types), key=lambda row: (row.subject, row.subject_id, row.name)
    )
    assert told == sorted(expected, key=lambda row: (row.subject, row.subject_id, row.name))
    assert all(type(row.value) is KINDS[TYPES[row.name]] for row in told)
    assert store.of_subjects(tenant, [], at_us, types) == store.of_subjects(tenant, wanted, at_us, {}) == []


def test_subjects_are_listed_and_counted_as_of_an_instant(warehouse: Warehouse) -> None:
    """Those of which anything was observed by then, page by page; and tenants with facts of a kind."""
    store, tenant = FactStore(warehouse), f"subjects-{uuid4()}"
    store.write(tenant, [FactRow("parcel", one, "b", at, True) for one, at in (("p2", 5), ("p1", 7), ("p3", 9))], 1)
    store.write(tenant, [FactRow("letter", "l1", "b", 1, True)], 2)
    assert store.subjects(tenant, "parcel", 8) == ["p1", "p2"]
    assert store.subjects(tenant, "parcel", 9, after="p1", most=1) == ["p2"]
    assert [store.count_subjects(tenant, "parcel", at) for at in (4, 8, 9)] == [0, 2, 3]
    assert tenant in store.tenants(["letter"])
    assert tenant not in store.tenants(["stamp"])
