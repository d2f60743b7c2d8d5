"""Scores as messages, and messages as inputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trueline.v1 import scoring_service_pb2 as pb

from trueline_server.scoring.comparing import OrderChange, Ranked
from trueline_server.scoring.given import Given
from trueline_server.scoring.profiles import Ends, Interval
from trueline_server.scoring.values import show_value


def given_inputs(inputs: Iterable[pb.InputValue]) -> Iterator[tuple[str, Given]]:
    """Names and values as they were given; None where none was."""
    for one in inputs:
        kind = one.WhichOneof("value")
        if kind is None:
            yield one.name, None
        elif kind == "range":
            yield one.name, Interval(one.range.low, one.range.high)
        else:
            yield one.name, getattr(one, kind)


def map_ends_to_proto(ends: Ends | None) -> pb.ScoreRange | None:
    """A score; None where there is none."""
    if ends is None:
        return None
    low, high = ends
    return pb.ScoreRange(value=low, low=low, high=high) if low == high else pb.ScoreRange(low=low, high=high)


def map_ranked_to_proto(one: Ranked) -> pb.RankedFeature:
    """A feature in the order of a persona."""
    return pb.RankedFeature(
        rank=one.rank,
        feature_id=one.feature.feature_id,
        overall=map_ends_to_proto(one.ends),
        certain=one.certain,
    )


def map_change_to_proto(one: OrderChange) -> pb.OrderChange:
    """What would change an order."""
    by = one.input
    return pb.OrderChange(
        feature_id=one.feature.feature_id,
        above=one.above.feature_id,
        input="" if by is None else by.name,
        # A keyword of Python as a field's name.
        **{"from": "" if by is None else show_value(by.input, one.feature.values.known[by.place])},
        to=one.to,
        gap=one.gap,
    )
