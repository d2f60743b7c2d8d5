"""What moved a score: points add up to the difference, whatever came, went or changed, in whatever order."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from trueline_server.scoring.moves import moves
from trueline_server.scoring.profiles import CompiledProfile, compile_profile
from trueline_server.scoring.scores import Scores, score_values

from tests.unit.scoring.profile_cases import known_values, profiles


def _scores(profile: CompiledProfile, known: object, persona: str) -> Scores:
    return score_values(profile, known, [profile.personas[persona]])  # type: ignore[arg-type]


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_moves_add_up_and_depend_on_no_order(data: st.DataObject) -> None:
    """Also with the dimensions turned round and the inputs in each of them; what stayed moved nothing."""
    profile = data.draw(profiles())
    before, now = (data.draw(known_values(profile, ranges=False)).known for _ in range(2))
    personas = list(profile.personas)
    first, last = data.draw(st.sampled_from(personas)), data.draw(st.sampled_from(personas))
    states = [(_scores(profile, known, name), profile.personas[name]) for known, name in ((before, first), (now, last))]
    scores = [state[0].personas[0].ends for state in states]
    assume(None not in scores)
    found = moves(profile, states[0], states[1])
    assert sum(one.points for one in found) == pytest.approx(scores[1][0] - scores[0][0], abs=1e-9)  # type: ignore[index]
    turned = {name: replace(one, inputs=one.inputs[::-1]) for name, one in reversed(profile.profile.dimensions.items())}
    people = {
        name: replace(one, weights=dict(reversed(one.weights.items())))
        for name, one in profile.profile.personas.items()
    }
    other = compile_profile(replace(profile.profile, dimensions=turned, personas=people), "r")

    def again(known: object, name: str) -> tuple[Scores, object]:
        values = dict(zip((one.name for one in profile.inputs), known, strict=True))  # type: ignore[call-overload]
        return _scores(other, [values[one.name] for one in other.inputs], name), other.personas[name]

    by_name = {"persona" if one.place is None else profile.inputs[one.place].name: one.points for one in found}
    mirrored = {
        "persona" if one.place is None else other.inputs[one.place].name: one.points
        for one in moves(other, again(before, first), again(now, last))  # type: ignore[arg-type]
    }
    for name in by_name.keys() | mirrored.keys():
        assert by_name.get(name, 0.0) == pytest.approx(mirrored.get(name, 0.0), abs=1e-6)


@given(st.data())
@settings(max_examples=100, deadline=None)
def test_where_nothing_came_or_went_a_move_is_the_change_times_the_share(data: st.DataObject) -> None:
    """Worked out from weights alone."""
    profile = data.draw(profiles())
    before = data.draw(known_values(profile, ranges=False)).known
    after = data.draw(known_values(profile, ranges=False)).known
    now = tuple(None if old is None else old if new is None else new for old, new in zip(before, after, strict=True))
    (name, persona), *_ = profile.personas.items()
    first, last = _scores(profile, before, name), _scores(profile, now, name)
    assume(first.personas[0].ends is not None)
    found = {one.place: one.points for one in moves(profile, (first, persona), (last, persona))}
    for one in profile.inputs:
        old, new = first.inputs[one.place], last.inputs[one.place]
        if old is None or new is None:
            assert one.place not in found
            continue
        dimension, weight = first.dimensions[one.dimension], persona.weights[one.dimension]
        share = one.weight / dimension.weight * weight / first.personas[0].weight
        assert found.get(one.place, 0.0) == pytest.approx(share * (new[0] - old[0]), abs=1e-9)
