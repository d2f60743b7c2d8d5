"""The methods of the sync client that are about scores of features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trueline import scoring_calls
from trueline.calls import Answer, Call
from trueline.scoring import (
    Feature,
    FeatureComparison,
    FeatureScore,
    FeatureValue,
    Roadmap,
    RoadmapItem,
    ScoringProfile,
)


class ScoringMethods:
    """Calls of the ScoringService about features, over the calls of the client that has them.

    Inputs are values by name: a number, a range (low, high), a text, or a bool. `profile` is a ScoringProfile in force;
    "" = the one called features. `personas` are of the profile; () = all of them.
    """

    def _call(self, call: Call[Answer], timeout: float | None) -> Answer:
        raise NotImplementedError

    def list_scoring_profiles(self, subject: str = "", *, timeout: float | None = None) -> tuple[ScoringProfile, ...]:
        """Profiles in force of a subject, "feature" or "account"; "" = all."""
        return self._call(scoring_calls.list_scoring_profiles(subject), timeout)

    def score_feature(
        self,
        feature_id: str,
        inputs: Mapping[str, FeatureValue],
        *,
        name: str = "",
        personas: Sequence[str] = (),
        profile: str = "",
        timeout: float | None = None,
    ) -> FeatureScore:
        """What a feature is worth to each persona, down to its inputs.

        Raises:
            NotFoundError: there is no such profile or persona; `metadata["nearest"]` may name the nearest.
            InvalidRequestError: an input is unknown, missing, out of its range, or of another type.

        """
        call = scoring_calls.score_feature(feature_id, inputs, name=name, personas=personas, profile=profile)
        return self._call(call, timeout)

    def compare_features(
        self,
        features: Sequence[Feature],
        *,
        personas: Sequence[str] = (),
        profile: str = "",
        timeout: float | None = None,
    ) -> FeatureComparison:
        """The order of features for each persona, what would change it, and which are better for everybody."""
        return self._call(scoring_calls.compare_features(features, personas=personas, profile=profile), timeout)

    def score_roadmap(
        self,
        items: Sequence[RoadmapItem],
        capacities: Sequence[float],
        *,
        personas: Mapping[str, float] | Sequence[str] = (),
        profile: str = "",
        timeout: float | None = None,
    ) -> Roadmap:
        """What to build in which period, so that as much score as can be is there as early as can be.

        Args:
            items: what may be built.
            capacities: what can be built in each period, in the unit of efforts.
            personas: whose scores count, and how much; () = all, each the same.
            profile: name of a profile of features.
            timeout: seconds. The search takes ten or so at most, and `bound` tells what it may have missed.

        """
        call = scoring_calls.score_roadmap(items, capacities, personas=personas, profile=profile)
        return self._call(call, timeout)
