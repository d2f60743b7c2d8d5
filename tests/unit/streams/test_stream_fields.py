"""What fields are worth: as text, as numbers, and the same through columns."""

from __future__ import annotations

import math
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_streams.columns import BatchColumns, units_of_doubles
from trueline_streams.fields import text_of_number, units_of_number, units_of_text

from tests.unit.streams.reference import Event
from tests.unit.streams.support import batch_of


def columns_of(events: list[Event]) -> BatchColumns:
    """Events as a stamped table."""
    table = pa.Table.from_batches([batch_of(events)])
    instants = pa.array([0] * len(events), pa.timestamp("us", tz="UTC"))
    table = table.append_column("position", pa.array(range(1, len(events) + 1), pa.uint64()))
    return BatchColumns(table.append_column("accepted_at", instants).append_column("watermark", instants))


def event_with(value: str | float | bool | None) -> Event:
    """An event with one property, or none."""
    return Event("e", "s", "n", 0, properties={} if value is None else {"k": value})


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (1.0, "1"),
        (-0.0, "-0"),
        (0.1, "0.1"),
        (1e16, "10000000000000000"),
        (1e20, "100000000000000000000"),
        (1e21, "1e21"),
        (1.5e300, "1.5e300"),
        (1e-6, "0.000001"),
        (-1.25e-7, "-1.25e-7"),
        (123456789.125, "123456789.125"),
    ],
)
def test_a_number_as_text_is_its_shortest_decimal(number: float, text: str) -> None:
    """As ClickHouse's toString writes it: no ".0", an exponent only far from one."""
    assert text_of_number(number) == text


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_the_text_of_a_number_reads_back(number: float) -> None:
    """Nothing is lost."""
    assert float(text_of_number(number)) == number


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("9.99", 9_990_000_000),
        ("+.5", 500_000_000),
        ("5.", 5_000_000_000),
        ("-1e3", -1_000_000_000_000),
        ("0.0000000005", 0),
        ("0.0000000015", 2),
        ("0.00000000050000000000000000000000000000000001", 1),
        ("1e18", 10**27),
        ("1000000000000000000.000000001", None),
        ("1e999", None),
        ("1e9999", None),
        ("", None),
        (" 1", None),
        ("1,5", None),
        ("0x10", None),
        ("nan", None),
        ("inf", None),
        ("\uff11", None),
        ("1_000", None),
    ],
)
def test_a_text_is_a_number_if_it_is_a_plain_decimal(text: str, units: int | None) -> None:
    """Half even at the ninth decimal; nothing that only some parsers take."""
    assert units_of_text(text) == units


@given(st.lists(st.one_of(st.floats(), st.decimals(-(10**6), 10**6, places=10).map(float))))
def test_doubles_become_units_as_their_decimals_do(numbers: list[float]) -> None:
    """The fast way in columns equals the exact way, number by number; infinite ones have no value."""
    units, valid = units_of_doubles(np.array(numbers, dtype=np.float64))
    found = [unit if there else None for unit, there in zip(units.tolist(), valid.tolist(), strict=True)]
    assert found == [units_of_number(number) for number in numbers]


def test_the_three_maps_of_properties_are_one_namespace() -> None:
    """Texts, numbers and flags of a key make one text column; equal texts are equal, absent is absent."""
    column = columns_of([event_with(value) for value in ["1", 1.0, True, "true", None, 2.5, ""]]).text("properties.k")
    texts = [None if code < 0 else column.values[code] for code in column.codes.tolist()]
    assert texts == ["1", "1", "true", "true", None, "2.5", ""]
    assert len(set(column.values)) == len(column.values)


def test_flags_are_no_numbers_and_texts_may_be() -> None:
    """A numeric property may be a number or a text that says one."""
    column = columns_of([event_with(value) for value in ["1.5", 2.5, True, "cheap", None, math.pi * 1e12]]).number(
        "properties.k"
    )
    assert column.valid.tolist() == [True, True, False, False, False, True]
    assert column.units[column.valid].tolist() == [
        1_500_000_000,
        2_500_000_000,
        int(Decimal(repr(math.pi * 1e12)) * 10**9),
    ]


def test_sliced_maps_are_read_where_they_are() -> None:
    """Offsets of a slice of a map column are honoured."""
    table = pa.Table.from_batches([batch_of([event_with(str(number)) for number in range(10)])]).slice(4, 3)
    instants = pa.array([0] * 3, pa.timestamp("us", tz="UTC"))
    table = table.append_column("position", pa.array([1, 2, 3], pa.uint64()))
    columns = BatchColumns(table.append_column("watermark", instants))
    assert columns.number("properties.k").units.tolist() == [4 * 10**9, 5 * 10**9, 6 * 10**9]
