"""Roadmaps: the best there is, held against trying all, and told why something waits."""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trueline_server.errors import TruelineError
from trueline_server.scoring.placing import Item, earliest, fits, most, place, room_left, worth
from trueline_server.scoring.roadmap import plan, steps
from trueline_server.scoring.sequencing import check_ids, check_sequence
from trueline_server.scoring.waiting import reasons

LIMIT_S = 30.0


@st.composite
def _cases(draw: st.DrawFn) -> tuple[list[Item], list[float]]:
    """Up to five items over up to three periods; each may come after earlier ones."""
    capacities = draw(st.lists(st.integers(0, 10).map(lambda n: n / 2), min_size=1, max_size=3))
    items: list[Item] = []
    for number in range(draw(st.integers(1, 5))):
        after = draw(st.lists(st.sampled_from(items), max_size=2, unique=True)) if items else []
        items.append(
            Item(
                f"f{number}",
                draw(st.integers(0, 400)) / 4,
                draw(st.integers(1, 10)) / 2,
                tuple(one.name for one in after),
                draw(st.integers(1, 3)),
            )
        )
    return items, capacities


def _allowed(items: list[Item], capacities: list[float], chosen: dict[str, int]) -> bool:
    used = [0.0] * len(capacities)
    for item in items:
        period = chosen[item.name]
        start = earliest(item, chosen)
        if period and (start is None or period < start):
            return False
        if period:
            used[period - 1] += item.effort
    return all(fits(one, room) for one, room in zip(used, capacities, strict=True))


def _total(items: list[Item], capacities: list[float], chosen: dict[str, int]) -> float:
    return sum(worth(item, chosen[item.name], len(capacities)) for item in items)


@settings(max_examples=60, deadline=None)
@given(_cases(), st.randoms(use_true_random=False))
def test_no_other_plan_is_better(case: tuple[list[Item], list[float]], shuffle: random.Random) -> None:
    """All plans are tried; the bound is the total; another order of items makes no difference."""
    items, capacities = case
    found = plan(items, capacities, LIMIT_S)
    assert _allowed(items, capacities, found.periods)
    names = [item.name for item in items]
    plans = (
        dict(zip(names, periods, strict=True))
        for periods in itertools.product(range(len(capacities) + 1), repeat=len(items))
    )
    best = max(_total(items, capacities, chosen) for chosen in plans if _allowed(items, capacities, chosen))
    assert _total(items, capacities, found.periods) == pytest.approx(best)
    assert found.bound == pytest.approx(best)
    assert most(items, capacities) >= best * (1 - 1e-12)
    shuffled = [replace(item, after=tuple(reversed(item.after))) for item in items]
    shuffle.shuffle(shuffled)
    assert plan(shuffled, capacities, LIMIT_S).periods == found.periods


@settings(max_examples=100, deadline=None)
@given(_cases())
def test_without_a_search_a_roadmap_is_allowed(case: tuple[list[Item], list[float]]) -> None:
    """It keeps to capacities and to what comes after what, and nothing else has room before or where it is left out."""
    items, capacities = case
    chosen = place(items, capacities)
    assert _allowed(items, capacities, chosen)
    left = room_left(items, capacities, chosen)
    for item in items:
        start = earliest(item, chosen)
        if start is not None and not chosen[item.name]:
            assert not any(fits(item.effort, room) for room in left[start - 1 :])


@settings(max_examples=60, deadline=None)
@given(_cases())
def test_whatever_waits_has_a_reason_that_is_true(case: tuple[list[Item], list[float]]) -> None:
    """What is there from the first period on has none; what could be earlier does not exist."""
    items, capacities = case
    chosen = plan(items, capacities, LIMIT_S).periods
    told = reasons(items, capacities, chosen)
    left = room_left(items, capacities, chosen)
    for item in items:
        period = chosen[item.name]
        assert bool(told[item.name]) == (period != 1)
        start = earliest(item, chosen)
        if start is not None:
            before = range(start, period or len(capacities) + 1)
            assert not any(fits(item.effort, left[one - 1]) for one in before)


def test_decimal_fractions_fill_a_capacity() -> None:
    """0.1 and 0.2 fit into 0.3, although their sum in floating point does not; a millionth more does not fit."""
    items = [Item("a", 50.0, 0.1), Item("b", 50.0, 0.2)]
    assert plan(items, [0.3], LIMIT_S).periods == {"a": 1, "b": 1}
    assert sorted(plan([items[0], Item("b", 50.0, 0.200001)], [0.3], LIMIT_S).periods.values()) == [0, 1]
    large = [Item("a", 50.0, 1_000_000.0), Item("b", 60.0, 1.0)]
    assert plan(large, [1_000_000.0], LIMIT_S).periods == {"a": 0, "b": 1}


def test_reasons_are_told_in_plain_words() -> None:
    """Too big, after another one, not yet, no room."""
    items = [
        Item("search", 90.0, 3.0),
        Item("filters", 80.0, 2.0, after=("search",)),
        Item("export", 70.0, 1.0, not_before=3),
        Item("rewrite", 100.0, 9.0),
        Item("import", 10.0, 3.0),
        Item("sync", 60.0, 1.0, after=("rewrite",)),
    ]
    capacities = [4.0, 4.0, 4.0]
    chosen = plan(items, capacities, LIMIT_S).periods
    assert chosen == {"search": 1, "filters": 2, "export": 3, "rewrite": 0, "import": 3, "sync": 0}
    assert reasons(items, capacities, chosen) == {
        "search": "",
        "filters": "comes after search, which is built in period 1",
        "export": "may not be built before period 3",
        "rewrite": "takes 9, more than any period can have, which is 4 at most",
        "import": "takes 3, and periods 1 to 2 have 2 left at most",
        "sync": "needs rewrite, which is not built",
    }


def test_what_makes_others_possible_comes_first() -> None:
    """Without a search, too: the base earns little itself and much with what needs it."""
    items = [Item("base", 5.0, 2.0), Item("top", 90.0, 2.0, after=("base",)), Item("other", 40.0, 2.0)]
    assert place(items, [2.0, 2.0, 2.0]) == {"base": 1, "top": 2, "other": 3}


def test_a_request_too_large_to_search_has_a_roadmap_and_what_it_might_have_missed() -> None:
    """As large as a request may be: no step is taken, and the bound tells how much better one could be at most."""
    draw = random.Random(7)
    names = [f"f{number:03}" for number in range(200)]
    items = [
        Item(name, draw.uniform(20, 80), draw.uniform(1, 9), tuple(draw.sample(names[:50], 3)) if number >= 50 else ())
        for number, name in enumerate(names)
    ]
    capacities = [25.0] * 36
    assert steps(items, len(capacities)) == 0
    found = plan(items, capacities, 1e-9)
    assert _allowed(items, capacities, found.periods)
    total = _total(items, capacities, found.periods)
    assert total <= found.bound < 1.5 * total


def test_steps_follow_from_the_size_of_the_request() -> None:
    """Many for a small one, few for a large one, fewer the more comes after others; what is beyond the end is free."""
    few = [Item(f"f{number}", 50.0, 1.0) for number in range(10)]
    many = [Item(f"f{number}", 50.0, 1.0) for number in range(200)]
    paired = [Item(f"f{number}", 50.0, 1.0, ("f0",) if number else ()) for number in range(200)]
    chained = [Item(f"f{number}", 50.0, 1.0, (f"f{number - 1}",) if number else ()) for number in range(200)]
    found = [steps(few, 3), steps(many, 12), steps(paired, 12), steps(many, 36), steps(paired, 36), steps(chained, 36)]
    assert found == [6000, 34, 5, 3, 0, 35]


def test_a_search_that_takes_too_long_is_given_up_and_says_so() -> None:
    """What was found until then would depend on the machine, so it is no answer."""
    draw = random.Random(7)
    items = [Item(f"f{number:03}", draw.uniform(1, 100), draw.uniform(1, 9)) for number in range(200)]
    with pytest.raises(TruelineError) as caught:
        plan(items, [20.0] * 12, 0.01)
    assert caught.value.code == "DEADLINE_EXCEEDED"
    assert caught.value.message == (
        "the search for a roadmap of 200 features over 12 periods took longer than 0.01 s; give the call more time, or "
        "ask of fewer"
    )


@pytest.mark.parametrize(
    ("after", "message"),
    [
        pytest.param({"a": ["a"]}, "items[0].after makes a circle: 'a' after 'a'; take one of them out", id="itself"),
        pytest.param(
            {"x": ["a"], "a": ["b"], "b": ["c"], "c": ["a"]},
            "items[1].after makes a circle: 'a' after 'b' after 'c' after 'a'; take one of them out",
            id="three",
        ),
        pytest.param(
            {"search": [], "b": ["serch"]},
            "items[1].after[0] is 'serch', which is not in the roadmap; did you mean 'search'?",
            id="unknown",
        ),
    ],
)
def test_what_cannot_be_put_in_order_is_refused(after: dict[str, list[str]], message: str) -> None:
    """Circles and names that are not there."""
    with pytest.raises(TruelineError) as caught:
        check_sequence(after, "items[{}].after")
    assert (caught.value.reason, caught.value.message) == ("INVALID_FIELD", message)


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)), max_size=12))
def test_a_circle_is_found_if_there_is_one(pairs: list[tuple[int, int]]) -> None:
    """Held against taking away, again and again, what comes after nothing."""
    after: dict[str, list[str]] = {str(n): [] for n in range(8)}
    for one, other in pairs:
        after[str(one)].append(str(other))
    left = dict(after)
    while free := [name for name, needed in left.items() if not any(one in left for one in needed)]:
        for name in free:
            del left[name]
    if left:
        with pytest.raises(TruelineError):
            check_sequence(after, "items[{}].after")
    else:
        check_sequence(after, "items[{}].after")


def test_an_id_that_is_there_twice_is_refused() -> None:
    """With both places."""
    with pytest.raises(TruelineError) as caught:
        check_ids(["a", "b", "a"], "features[{}].feature_id")
    assert caught.value.message == "features[2].feature_id is 'a', as features[0].feature_id is; name each once"
