"""What is foreseen of all accounts in the warehouse is what is foreseen of each by its own facts."""

from __future__ import annotations

from decimal import Decimal
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trueline_server.churn.effects import Bins, Effect, LevelBins, Line, NumberBins, PairTable, Table
from trueline_server.churn.fitted import FittedModel, Profile
from trueline_server.churn.outlook import Foresight
from trueline_server.facts.store import FactContent

from tests.integration.churn.churn_world import NOW_US, ChurnWorld, business

_PLANS = ["free", "pro", "o'hara \\ {x:String} %s", "größer", "zz"]
_NUMBERS = st.sampled_from([-2.5, -1.0, 0.0, 0.1, 0.2, 0.30000000000000004, 1.0, 2.0, 3.0, 19.0, 1e9])
_LOG_ODDS = st.floats(-3, 3).map(lambda value: round(value, 6))
_EDGES = st.lists(_NUMBERS, max_size=4, unique=True).map(lambda edges: NumberBins(tuple(sorted(edges))))
_LEVELS = st.lists(st.sampled_from(_PLANS[:4]), max_size=3, unique=True).map(lambda one: LevelBins(tuple(sorted(one))))
_KINDS: dict[str, st.SearchStrategy[Bins]] = {
    "seats": _EDGES,
    "price": _EDGES,
    "plan": _LEVELS,
    "pays_yearly": st.just(NumberBins((0.5,))),
}


def _values(size: int) -> st.SearchStrategy[tuple[float, ...]]:
    return st.tuples(*[_LOG_ODDS] * size)


@st.composite
def models(draw: st.DrawFn) -> FittedModel:
    """A model with a line, tables and a pair."""
    low, high = sorted((draw(_NUMBERS), draw(_NUMBERS)))
    effects: list[Effect] = [Line("seats", low, high, draw(_LOG_ODDS), draw(_LOG_ODDS), draw(_LOG_ODDS))]
    for name, kinds in _KINDS.items():
        bins = draw(kinds)
        effects.append(Table(name, bins, draw(_values(bins.size))))
    first, second = draw(_KINDS["price"]), draw(_KINDS["plan"])
    cells = tuple(draw(_values(second.size)) for _ in range(first.size))
    effects.append(PairTable(("price", "plan"), (first, second), cells))
    profiles = tuple(Profile(name, LevelBins(()) if name == "plan" else NumberBins(()), (1.0, 0.0)) for name in _KINDS)
    return FittedModel("pairwise", draw(_LOG_ODDS), tuple(effects), profiles, (), (1.0,))


_FACTS: st.SearchStrategy[dict[str, FactContent]] = st.fixed_dictionaries(
    {},
    optional={
        "seats": st.none() | _NUMBERS,
        "price": st.none() | st.sampled_from([Decimal(one) for one in ("0", "0.5", "20", "20.1", "40")]),
        "plan": st.none() | st.sampled_from(_PLANS),
        "pays_yearly": st.none() | st.booleans(),
    },
)


def _same(world: ChurnWorld, foresight: Foresight, ids: list[str]) -> None:
    """Every account that the warehouse judges has the probability and the segment that it has by itself."""
    alone = world.service.outlooks(world.tenant, ids, foresight)
    found = {
        one: (float(probability), int(place))
        for part in world.service.judged(world.tenant, foresight)
        for one, probability, place in zip(part.ids, part.probabilities, part.segments, strict=True)
    }
    assert found.keys() == alone.keys()
    names = ["", *(one.name for one in foresight.document.segments)]
    for one, outlook in alone.items():
        probability, place = found[one]
        assert probability == pytest.approx(outlook.probability, abs=1e-14)
        assert names[place] == outlook.segment
    counts = {names[one.place]: one.accounts for one in world.service.segments(world.tenant, foresight)}
    assert counts == {name: sum(one.segment == name for one in alone.values()) for name in names}


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(model=st.none() | models(), facts=st.lists(_FACTS, min_size=1, max_size=12))
def test_the_warehouse_foresees_what_numpy_and_conditions_do(
    world: ChurnWorld, model: FittedModel | None, facts: list[dict[str, FactContent]]
) -> None:
    """Models and plain rules alike, missing values and texts of all kinds included."""
    world.tenant = f"churn-{uuid4().hex}"
    ids = [f"account-{place}" for place in range(len(facts))]
    world.put(dict(zip(ids, facts, strict=True)), NOW_US)
    _same(world, Foresight(world.document, world.rules.fact_types, model, "churn-x" if model else ""), ids)


def test_a_trained_model_foresees_alike_in_many_parts(world: ChurnWorld) -> None:
    """A real model over accounts that are read in several parts."""
    values, left = business(500)
    world.put(values, NOW_US - 40 * 86_400_000_000)
    world.put({account: {"gone": True} for account in left}, NOW_US - 86_400_000_000)
    world.train()
    foresight = world.service.foresight(world.tenant, "small")
    assert foresight.method == "model"
    staying = [account for account in values if account not in set(left)]
    _same(world, foresight, staying)
