"""Twins of the oracle tests of attribution: the same models over small paths of our own, against plain Python."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from trueline_server.attribution.chain import chain_of
from trueline_server.attribution.credit import ChannelCredit, credited
from trueline_server.attribution.markov import markov
from trueline_server.attribution.models import FirstTouch, LastTouch, Linear, Model, PositionBased, Touches, weights
from trueline_server.attribution.paths import Paths
from trueline_server.attribution.shapley import ShapleyForm, shapley
from trueline_server.attribution.transforms import Transform, TransformKind, transformed

from tests.oracles import plain_attribution
from tests.oracles.attribution_data import assert_equal
from tests.oracles.plain_attribution import CONVERSION, NULL, START, Credit

ROWS = plain_attribution.draw_rows(11, ["search", "mail", "direct", "social", "display", "partner"], 300, 9)
NO_NULLS = [row._replace(nulls=0.0) for row in ROWS]
PATHS = Paths.of(ROWS)
EXPOSURE = Transform(TransformKind.EXPOSURE)


def assert_credit(found: ChannelCredit, conversions: Credit, value: Credit) -> None:
    """Both columns are what plain Python says."""
    assert_equal(found.channels, found.conversions, dict(conversions))
    assert_equal(found.channels, found.value, dict(value))


@pytest.mark.parametrize(
    ("name", "model"),
    [("first", FirstTouch()), ("last", LastTouch()), ("linear", Linear()), ("position", PositionBased())],
)
def test_heuristics(name: str, model: Model) -> None:
    """Models of places equal a loop over paths."""
    assert_credit(credited(weights(model, Touches.of_paths(PATHS)), PATHS), *plain_attribution.heuristic(ROWS, name))


@pytest.mark.parametrize("order", [1, 2, 3])
@pytest.mark.parametrize("rows", [ROWS, NO_NULLS], ids=["with_null", "no_null"])
def test_markov(rows: list[plain_attribution.Row], order: int) -> None:
    """Removal effects equal those of a chain that is made and solved anew without each channel."""
    assert_credit(markov(Paths.of(rows), order), *plain_attribution.markov(rows, order))


def test_walks() -> None:
    """A hundred thousand walks over the chain, drawn with a seed, convert as often as is solved for."""
    rows = [row._replace(touches=plain_attribution.collapsed(row.touches)) for row in ROWS]
    counts = plain_attribution.transition_counts(rows, 1)
    channels = sorted({channel for row in rows for channel in row.touches})
    states: list[object] = [START, *[(channel,) for channel in channels], CONVERSION, NULL]
    table = np.array([[counts.get(one, {}).get(other, 0.0) for other in states] for one in states[:-2]])
    ladder = np.cumsum(table / table.sum(axis=1, keepdims=True), axis=1)
    random = np.random.default_rng(4)
    walks = 100_000
    at, met = np.zeros(walks, np.int64), np.zeros((walks, len(states)), dtype=bool)
    while (going := np.flatnonzero(at < len(table))).size:
        draws = random.random(len(going))
        at[going] = np.minimum((ladder[at[going]] < draws[:, None]).sum(axis=1), len(states) - 1)
        met[going, at[going]] = True
    converted = at == len(states) - 2

    effects = markov(PATHS).removal_conversions
    assert effects is not None
    for place, channel in enumerate(channels, start=1):
        lost = met[converted, place].mean()
        error = (lost * (1 - lost) / converted.sum()) ** 0.5
        assert abs(effects[PATHS.channels.index(channel)] - lost) < 4 * error, channel


def test_transition_matrix() -> None:
    """The chain equals counted transitions."""
    rows = [row._replace(touches=plain_attribution.collapsed(row.touches)) for row in ROWS]
    chain = chain_of(transformed(PATHS, EXPOSURE), 1)
    moves = chain.moves.toarray()
    places = {(PATHS.channels[code],): place for place, (code,) in enumerate(chain.histories)}
    counts = plain_attribution.transition_counts(rows, 1)
    assert set(places) | {START} == set(counts)
    for before, after in counts.items():
        out = sum(after.values())
        for other, place in places.items():
            found = chain.start[place] if before is START else moves[places[before], place]  # type: ignore[index]
            assert found == pytest.approx(after.get(other, 0.0) / out, abs=1e-9)


@pytest.mark.parametrize(
    ("form", "defined"),
    [
        (ShapleyForm.SUBSET, plain_attribution.shapley),
        (ShapleyForm.CONVERSION_RATE, plain_attribution.shapley_of_rates),
    ],
)
def test_shapley(form: ShapleyForm, defined: Callable[[list[plain_attribution.Row], str], Credit]) -> None:
    """Both forms equal the sum over every coalition."""
    assert_credit(shapley(PATHS, form), defined(ROWS, "conversions"), defined(ROWS, "value"))
