"""Concerns and recommendations: those hold whose conditions do, whatever follows from what is known alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st
from profile_cases import PACK, known_values
from trueline_rules.loader import load_texts
from trueline_rules.scoring_model import Subject
from trueline_server.scoring.advising import Advising
from trueline_server.scoring.feature_scores import FeatureScore, score_feature
from trueline_server.scoring.given import Values
from trueline_server.scoring.profiles import CompiledPersona, CompiledProfile, Interval, ProfileBook

_TOYS = """\
apiVersion: trueline/v1
kind: ScoringProfile
metadata: {name: toys}
spec:
  subject: feature
  basis: assumed
  dimensions:
    fun: {inputs: {laughs: {range: [0, 10], weight: 0.25}, songs: {range: [0, 10], weight: 0.75}}}
    care: {inputs: {safe: {flags: {"true": 100, "false": 0}, weight: 0.5}, noise: {range: [0, 1], weight: 0.5}}}
  personas:
    child: {weights: {fun: 1, care: 0}}
    parent: {weights: {fun: 0.25, care: 0.75}}
  bands: {buy: 50, leave: 0}
  concerns:
    - {name: unsafe, when: not safe, text: It is not safe.}
    - {name: unheard, when: noise == null, text: Nobody has heard it., personas: [parent]}
    - {name: unknown, when: coverage < 0.5 or overall == null, text: Little is known.}
    - {name: dull, when: laughs < 2 and (songs ?? 0) < 2, text: Nobody laughs.}
    - {name: loud, when: noise > 0.25, text: It is loud.}
  recommendations:
    - {name: gift, when: persona == 'child' and fun > 20, text: Wrap it.}
    - {name: parents, when: persona == 'parent', text: Read on.}
    - {name: whole, when: coverage == 1 and overall >= 50, text: Buy it.}
"""
_PROFILE: CompiledProfile = ProfileBook().find(load_texts([("toys.yaml", _TOYS)]), "toys", Subject.FEATURE)


@given(st.data(), st.sampled_from([_PROFILE, PACK]))
def test_what_holds_is_what_conditions_say(data: st.DataObject, profile: CompiledProfile) -> None:
    """Each condition evaluated over all that is seen, known or not, for each persona in any order."""
    personas = data.draw(st.permutations(profile.choose(())))
    found = score_feature(profile, personas, "f", "", data.draw(known_values(profile)))
    advising = Advising(found.values.known, found.scores)
    for place, persona in enumerate(personas):
        seen = _seen(found, persona, place)
        held = advising.hold(place)
        advice = (*persona.concerns, *persona.recommendations)
        assert [one.compiled for one in held] == [one for one in advice if one.condition.evaluate(seen)]
        for one in held:
            assert one.reason.startswith(f"{one.compiled.condition.text}: ")
            for name in one.compiled.condition.facts:
                assert f"{name} is not known" in one.reason if seen[name] is None else f"{name} is " in one.reason


def test_the_reason_tells_what_was_seen() -> None:
    """Numbers, the middle of a range, a flag, a text, and what is not known."""
    values = (1.0, None, False, Interval(0.2, 0.4))
    found = score_feature(_PROFILE, _PROFILE.choose(()), "f", "", Values(values))
    advising = Advising(found.values.known, found.scores)
    assert [one.reason for one in advising.hold(0)] == [
        "not safe: safe is false",
        "coverage < 0.5 or overall == null: coverage is 0.25, overall is 10",
        "laughs < 2 and (songs ?? 0) < 2: laughs is 1, songs is not known",
        "noise > 0.25: noise is 0.3 in the middle of its range",
    ]
    assert advising.hold(1)[-1].reason == "persona == 'parent': persona is 'parent'"


def _seen(found: FeatureScore, persona: CompiledPersona, place: int) -> dict[str, object]:
    """Everything that a condition may read."""
    overall = found.scores.personas[place]
    dimensions = zip(found.profile.dimensions, found.scores.dimensions, strict=True)
    inputs = zip(found.profile.inputs, found.values.known, strict=True)
    return {
        **{one.name: value.middle if isinstance(value, Interval) else value for one, value in inputs},
        **{one.name: score.middle for one, score in dimensions},
        "overall": overall.middle,
        "coverage": overall.coverage,
        "persona": persona.name,
    }
