"""Markov attribution: exact removal effects."""

from __future__ import annotations

import random
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_server.attribution.chain import chain_of
from trueline_server.attribution.markov import markov
from trueline_server.attribution.paths import Paths
from trueline_server.attribution.transforms import Transform, TransformKind, transformed
from trueline_server.errors import TruelineError

from tests.oracles import plain_attribution
from tests.oracles.plain_attribution import Row
from tests.unit.attribution.journeys import ABSENT, assert_same, paths_of, permuted, rows


def test_by_hand() -> None:
    """Without C1 half of the conversions are left, without C2 or C3 none: effects 1/2, 1, 1 are 1/5, 2/5, 2/5."""
    paths = Paths.of([(("C1", "C2", "C3"), 1, 50, 0), (("C1",), 0, 0, 1), (("C2", "C3"), 0, 0, 1)])
    credit = markov(paths)

    assert chain_of(paths, 1).conversion.tolist() == [0, 0, 0.5]
    assert credit.removal_conversions == pytest.approx([1 / 2, 1, 1], rel=1e-12)
    assert credit.conversions == pytest.approx([1 / 5, 2 / 5, 2 / 5], rel=1e-12)
    assert credit.removal_value == pytest.approx([1 / 2, 1, 1], rel=1e-12)
    assert credit.value == pytest.approx([10, 20, 20], rel=1e-12)


@given(found=rows, order=st.integers(1, 3))
def test_as_defined(found: list[Row], order: int) -> None:
    """It equals the long way: a chain made anew without each channel, and solved densely."""
    assert_same(markov(paths_of(found), order), *plain_attribution.markov(found, order))


@pytest.mark.parametrize(("order", "many"), [(2, False), (4, True)])
def test_channels_of_many_states(order: int, *, many: bool) -> None:
    """Channels with few states and with many are solved for in different ways, and both are as defined."""
    found = plain_attribution.draw_rows(3, [*"aaaabbbccd" * 3, "e"], 60, 20)
    sizes = np.bincount(chain_of(Paths.of(found), order).newest)
    assert sizes.min() <= 32
    assert (sizes.max() > 32) == many
    assert_same(markov(Paths.of(found), order), *plain_attribution.markov(found, order))


@given(found=rows, order=st.integers(1, 3), data=st.data())
def test_credit_of_channels(found: list[Row], order: int, data: st.DataObject) -> None:
    """Credit adds up to what converted, follows a channel to its new place, and a channel in no path gets nothing."""
    paths = paths_of(found)
    credit = markov(paths, order)

    assert np.isfinite([credit.conversions, credit.value, credit.removal_conversions, credit.removal_value]).all()
    assert credit.conversions.sum() == pytest.approx(paths.conversions.sum(), rel=1e-9)
    assert credit.value.sum() == pytest.approx(paths.value.sum(), rel=1e-9, abs=1e-9)
    absent = paths.channels.index(ABSENT)
    assert credit.conversions[absent] == credit.value[absent] == 0

    places = data.draw(st.permutations(range(len(paths.channels))))
    moved = markov(permuted(paths, places), order)
    np.testing.assert_allclose(moved.conversions, credit.conversions[places], atol=1e-9)
    np.testing.assert_allclose(moved.value, credit.value[places], atol=1e-9)


@given(found=rows)
def test_runs_of_one_channel(found: list[Row]) -> None:
    """At order 1 a run of one channel is as one touch of it."""
    paths = paths_of(found)
    assert_equal(markov(paths), markov(transformed(paths, Transform(TransformKind.EXPOSURE))))


@given(found=rows, order=st.integers(1, 2))
def test_refunds_take_back(found: list[Row], order: int) -> None:
    """Values of the other sign earn the other sign, and removal effects do not care."""
    paths = paths_of(found)
    credit, other = markov(paths, order), markov(replace(paths, value=-paths.value), order)
    np.testing.assert_allclose(other.value, -credit.value, atol=1e-9)
    np.testing.assert_allclose(other.removal_value, credit.removal_value, atol=1e-12)


def test_values_near_zero() -> None:
    """Sales and refunds that cancel out leave no channel with a share of next to nothing."""
    credit = markov(Paths.of([(("a",), 1, 100, 0), (("b",), 1, -99.999, 1)]))
    assert credit.value == pytest.approx([100, -99.999], rel=1e-12)


def test_nulls_matter() -> None:
    """Among buyers only, a channel that is in each of their journeys is needed by all; a null path elsewhere is not."""
    paths = Paths.of([("ab", 2, 2, 3), ("b", 1, 1, 0), ("c", 0, 0, 4)])
    assert markov(paths.without_nulls()).removal_conversions == pytest.approx([2 / 3, 1, 0], rel=1e-12)
    with_nulls = markov(paths)
    # 10 journeys: 5 begin at a, which goes on to b, 1 at b, 4 at c; 3 of 6 convert from b.
    assert with_nulls.removal_conversions == pytest.approx([5 / 6, 1, 0], rel=1e-12)


@pytest.mark.parametrize("order", [1, 4])
def test_nothing_converted(order: int) -> None:
    """No path, no touch or no conversion: nobody earns anything, and nothing is not a number."""
    for found in ([], [((), 3, 5, 1)], [("ab", 0, 0, 0)], [("ab", 0, 0, 3)]):
        credit = markov(Paths.of(found, "ab"), order)
        assert credit.conversions.tolist() == credit.value.tolist() == [0, 0]
        assert credit.removal_conversions is not None
        assert credit.removal_conversions.tolist() == [0, 0]


def test_paths_without_touches_are_nobodys() -> None:
    """What converted without a touch is in no channel's credit, and changes nobody's."""
    found = [("ab", 2, 5, 1), ("b", 0, 0, 3)]
    assert_equal(markov(Paths.of(found)), markov(Paths.of([*found, ((), 7, 70, 7)])))


@pytest.mark.parametrize("order", [1, 2, 3])
def test_long_journey(order: int) -> None:
    """One of 100,000 touches, from which a walk hardly ever comes to an end."""
    back_and_forth = Paths.of([("ab" * 50_000, 3, 7.5, 0), ("a", 0, 0, 1)])
    credit = markov(back_and_forth, order)
    assert credit.conversions.sum() == pytest.approx(3, rel=1e-9)
    # Whoever converts was at both; of 4 journeys the 3 long ones cannot do without either.
    assert credit.removal_conversions == pytest.approx([1, 1], rel=1e-6)


def test_order_is_refused() -> None:
    """An order of no touch, of too many, or with more states than can be solved for, is named with the way out."""
    for order in (0, 11, -1):
        with pytest.raises(TruelineError, match=f"order must be 1 to 10 touches, got {order}"):
            markov(Paths.of([("ab", 1, 1, 1)]), order)
    source = random.Random(0)
    many = Paths.of([([str(source.randrange(200)) for _ in range(40_000)], 1, 1, 1)])
    with pytest.raises(
        TruelineError, match=r"order 2 makes 2\d,\d{3} states of these paths, more than 20,000; lower it"
    ):
        markov(many, 2)
    assert markov(many, 1).conversions.sum() == pytest.approx(1, rel=1e-9)


@given(found=rows, order=st.integers(1, 3))
def test_chain(found: list[Row], order: int) -> None:
    """What leaves a state goes somewhere, and the states are the histories that journeys had."""
    paths = paths_of(found)
    chain = chain_of(paths, order)
    counts = plain_attribution.transition_counts(found, order)

    histories = [tuple(paths.channels[code] for code in history) for history in chain.histories]
    assert len(histories) == len(set(histories))
    assert set(histories) == {history for history in counts if isinstance(history, tuple)}
    np.testing.assert_allclose(chain.moves.sum(axis=1) + chain.conversion + chain.null, 1.0, rtol=1e-12)
    moves = chain.moves.toarray()
    for place, history in enumerate(histories):
        after, out = counts[history], sum(counts[history].values())
        assert chain.journeys[place] == pytest.approx(out)
        expected = [after.get(other, 0.0) / out for other in histories]
        np.testing.assert_allclose(moves[place], expected, rtol=1e-12)


def assert_equal(one: object, other: object) -> None:
    """Two answers are the same, to a billionth."""
    for column in ("conversions", "value", "removal_conversions", "removal_value"):
        np.testing.assert_allclose(getattr(one, column), getattr(other, column), rtol=1e-9, atol=1e-9)
