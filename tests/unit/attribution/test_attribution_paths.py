"""Paths refuse columns that do not fit together."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from trueline_server.attribution.models import Touches
from trueline_server.attribution.paths import Paths
from trueline_server.errors import TruelineError

PATHS = Paths.of([(("a", "b"), 1, 2.5, 0), ((), 0, 0, 3), (("b",), 0, 0, 1)])


def test_columns() -> None:
    """Names become codes in the order in which they are seen; a path may have no touch."""
    assert PATHS.channels == ("a", "b")
    assert PATHS.codes.tolist() == [0, 1, 1]
    assert PATHS.lengths.tolist() == [2, 0, 1]
    assert PATHS.rows().tolist() == [0, 0, 2]
    assert (PATHS.conversions.tolist(), PATHS.value.tolist(), PATHS.nulls.tolist()) == (
        [1, 0, 0],
        [2.5, 0, 0],
        [0, 3, 1],
    )
    assert PATHS.without_nulls().nulls.tolist() == [0, 0, 0]
    assert len(Paths.of([])) == 0


@pytest.mark.parametrize(
    ("column", "numbers", "field", "told"),
    [
        ("conversions", [1.0, 0.0], "paths.conversions", "one number a path"),
        ("conversions", [-1.0, 0.0, 0.0], "paths.conversions", "-1"),
        ("value", [np.nan, 0.0, 0.0], "paths.value", "finite"),
        ("value", [2.5, 1.0, 0.0], "paths.value", "count the conversion"),
        ("nulls", [0.0, np.inf, 0.0], "paths.nulls", "finite"),
        ("nulls", [0.0, -3.0, 0.0], "paths.nulls", "-3"),
        ("codes", np.array([0, 2, 1], np.int32), "paths.codes", "got 2"),
        ("codes", np.array([0, -1, 1], np.int32), "paths.codes", "got -1"),
        ("offsets", np.array([0, 2, 2, 4]), "paths.offsets", "number of touches (3)"),
        ("offsets", np.array([0, 2, 1, 3]), "paths.offsets", "not decrease"),
        ("offsets", np.array([1, 2, 2, 3]), "paths.offsets", "from 0"),
    ],
)
def test_refused(column: str, numbers: object, field: str, told: str) -> None:
    """The error names the column, and says what is wrong with it."""
    with pytest.raises(TruelineError) as error:
        replace(PATHS, **{column: np.asarray(numbers)})
    assert error.value.code == "INVALID_ARGUMENT"
    assert error.value.metadata == {"field": field}
    assert told in str(error.value)


@pytest.mark.parametrize(
    ("columns", "field", "told"),
    [
        ({"at_us": [1, 2]}, "touches.at_us", "one time a touch"),
        ({"at_us": [2, 1, 0]}, "touches.at_us", "sort its touches"),
        ({"at_us": [1, 2, 0], "converted_at_us": [5]}, "touches.converted_at_us", "one time a journey"),
        ({"at_us": [1, 2, 9], "converted_at_us": [5, 8]}, "touches.at_us", "not be after the conversion, got 9"),
        ({"lead": [2, -1]}, "touches.lead", "got 2"),
        ({"opportunity": [0, -2]}, "touches.opportunity", "got -2"),
        ({"opportunity": [0]}, "touches.opportunity", "one place a journey"),
    ],
)
def test_touches_refused(columns: dict[str, list[int]], field: str, told: str) -> None:
    """Touches after the conversion, out of order, or marks outside the journey are errors, not credit."""
    given = {name: np.array(numbers, np.int64) for name, numbers in columns.items()}
    with pytest.raises(TruelineError) as error:
        Touches(("a",), np.zeros(3, np.int32), np.array([0, 2, 3]), **given)
    assert error.value.metadata == {"field": field}
    assert told in str(error.value)
