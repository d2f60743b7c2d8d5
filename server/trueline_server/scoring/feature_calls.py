"""The calls of the ScoringService that are about features: a request's fields to an answer's."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trueline.v1 import scoring_service_pb2 as pb
from trueline_rules.model import RuleSet
from trueline_rules.names import quoted
from trueline_rules.scoring_model import Subject

from trueline_server.errors import invalid_field
from trueline_server.scoring.comparing import changes, dominances, rank
from trueline_server.scoring.encoding import encode_feature
from trueline_server.scoring.feature_scores import FeatureScore, score_feature
from trueline_server.scoring.given import take_inputs
from trueline_server.scoring.mapping import (
    given_inputs,
    map_change_to_proto,
    map_ends_to_proto,
    map_ranked_to_proto,
)
from trueline_server.scoring.placing import Item, worth
from trueline_server.scoring.profiles import CompiledPersona, CompiledProfile, Ends, ProfileBook
from trueline_server.scoring.roadmap import plan
from trueline_server.scoring.scores import mean_ends, score_values
from trueline_server.scoring.sequencing import check_ids, check_sequence
from trueline_server.scoring.waiting import reasons
from trueline_server.scoring.wire import bytes_field, text_field

_FEWEST = 2


class FeatureCalls:
    """ScoreFeature, CompareFeatures, ScoreRoadmap. Pure but for the cache of compiled profiles; thread-safe."""

    def __init__(self, book: ProfileBook) -> None:
        self._book = book

    def score(self, rules: RuleSet, request: pb.ScoreFeatureRequest) -> bytes:
        """One feature, as the bytes of a ScoreFeatureResponse; takes well below a millisecond."""
        profile = self._book.find(rules, request.profile, Subject.FEATURE)
        personas = profile.choose(request.personas)
        found = _score(profile, personas, request.feature, "feature")
        score = bytes_field(1, encode_feature(found))
        return score + text_field(2, profile.profile.metadata.name) + text_field(3, rules.revision)

    def compare(self, rules: RuleSet, request: pb.CompareFeaturesRequest) -> pb.CompareFeaturesResponse:
        """Several features."""
        if len(request.features) < _FEWEST:
            raise invalid_field("features", f"has {len(request.features)}; give at least two, or call ScoreFeature")
        check_ids([one.feature_id for one in request.features], "features[{}].feature_id")
        profile = self._book.find(rules, request.profile, Subject.FEATURE)
        personas = profile.choose(request.personas)
        found = [_score(profile, personas, one, f"features[{place}]") for place, one in enumerate(request.features)]
        rankings = []
        for place, persona in enumerate(personas):
            ranked = rank(found, place)
            rankings.append(
                pb.PersonaRanking(
                    persona=persona.name,
                    features=map(map_ranked_to_proto, ranked),
                    changes=map(map_change_to_proto, changes(ranked, place)),
                )
            )
        return pb.CompareFeaturesResponse(
            scores=[pb.FeatureScore.FromString(encode_feature(one)) for one in found],
            rankings=rankings,
            dominances=[
                pb.Dominance(feature_id=one.feature_id, over=other.feature_id) for one, other in dominances(found)
            ],
            profile=profile.profile.metadata.name,
            rule_revision=rules.revision,
        )

    def roadmap(self, rules: RuleSet, request: pb.ScoreRoadmapRequest, limit_s: float) -> pb.ScoreRoadmapResponse:
        """What to build when; blocks up to about ten seconds, and `limit_s` at most."""
        profile = self._book.find(rules, request.profile, Subject.FEATURE)
        personas, weights = _weighted(profile, request.personas)
        _check_roadmap(request)
        ends = {}
        for place, one in enumerate(request.items):
            field = f"items[{place}].feature.inputs"
            values = take_inputs(profile, given_inputs(one.feature.inputs), field)
            scores = score_values(profile, values.known, personas)
            ends[one.feature.feature_id] = mean_ends(
                [(score.ends, weight) for score, weight in zip(scores.personas, weights, strict=True)]
            )
        items = [_item(one, ends[one.feature.feature_id]) for one in request.items]
        capacities = list(request.capacities)
        found = plan(items, capacities, limit_s)
        why = reasons(items, capacities, found.periods)
        count = len(capacities)
        best = {item.name: worth(item, 1, count) for item in items}
        gained = {item.name: worth(item, found.periods[item.name], count) for item in items}
        items.sort(key=lambda item: (found.periods[item.name] or count + 1, -item.score, item.name))
        features = [
            pb.PlannedFeature(
                feature_id=item.name,
                score=map_ends_to_proto(ends[item.name]),
                effort=item.effort,
                period=found.periods[item.name],
                lost=best[item.name] - gained[item.name],
                reason=why[item.name] or ("" if ends[item.name] else "is not known at all, so it counts nothing"),
            )
            for item in items
        ]
        return pb.ScoreRoadmapResponse(
            periods=_periods(items, capacities, found.periods),
            features=features,
            total=math.fsum(gained.values()),
            bound=max(found.bound, math.fsum(gained.values())),
            lost=math.fsum(one.lost for one in features),
            profile=profile.profile.metadata.name,
            rule_revision=rules.revision,
        )


def _score(
    profile: CompiledProfile, personas: Sequence[CompiledPersona], feature: pb.FeatureInputs, field: str
) -> FeatureScore:
    values = take_inputs(profile, given_inputs(feature.inputs), f"{field}.inputs")
    return score_feature(profile, personas, feature.feature_id, feature.name, values)


def _weighted(
    profile: CompiledProfile, wanted: Sequence[pb.PersonaWeight]
) -> tuple[tuple[CompiledPersona, ...], list[float]]:
    if not wanted:
        return profile.choose(()), [1.0] * len(profile.personas)
    check_ids([one.persona for one in wanted], "personas[{}].persona")
    for place, one in enumerate(wanted):
        if not 0 < one.weight < math.inf:
            told = f"of {quoted(one.persona)} is {one.weight:g}; give a number above 0"
            raise invalid_field(f"personas[{place}].weight", told)
    return profile.choose([one.persona for one in wanted]), [one.weight for one in wanted]


def _check_roadmap(request: pb.ScoreRoadmapRequest) -> None:
    for place, capacity in enumerate(request.capacities):
        if not 0 <= capacity < math.inf:
            raise invalid_field(f"capacities[{place}]", f"is {capacity:g}; give a number from 0")
    for place, one in enumerate(request.items):
        if not 0 < one.effort < math.inf:
            told = f"of {quoted(one.feature.feature_id)} is {one.effort:g}; give a number above 0"
            raise invalid_field(f"items[{place}].effort", told)
    check_ids([one.feature.feature_id for one in request.items], "items[{}].feature.feature_id")
    check_sequence({one.feature.feature_id: list(one.after) for one in request.items}, "items[{}].after")


def _item(one: pb.RoadmapItem, ends: Ends | None) -> Item:
    score = 0.0 if ends is None else (ends[0] + ends[1]) / 2
    after = tuple(dict.fromkeys(one.after))
    return Item(one.feature.feature_id, score, one.effort, after, max(one.not_before, 1))


def _periods(items: Sequence[Item], capacities: Sequence[float], chosen: dict[str, int]) -> list[pb.RoadmapPeriod]:
    made = []
    for number, capacity in enumerate(capacities, start=1):
        built = [item for item in items if chosen[item.name] == number]
        used = math.fsum(item.effort for item in built)
        made.append(
            pb.RoadmapPeriod(number=number, capacity=capacity, used=used, feature_ids=[item.name for item in built])
        )
    return made
