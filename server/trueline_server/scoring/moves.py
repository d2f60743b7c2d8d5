"""What each input did to a score between two instants: points that add up to the difference. Pure.

The weighted mean of means is followed along the straight way from the state before to the state now: scores of inputs
move in proportion, inputs and dimensions that came or went do so by fading, and each gets what its own step changed on
the way (the path integral that Aumann and Shapley ask for). It depends on no order of inputs. Where nothing came or
went it is the change of the input's score times its share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from trueline_server.scoring.profiles import CompiledPersona, CompiledProfile
from trueline_server.scoring.scores import Scores

# Weights of different personas move the score, too; that is nobody's input.
PERSONA = "persona"
_NODES, _WEIGHTS = np.polynomial.legendre.leggauss(16)
# Points that the moves may lack before the way is cut into shorter pieces.
_TOLERANCE = 1e-10
_MOST_PIECES = 256


@dataclass(frozen=True, slots=True)
class Move:
    """Points that an input won, below 0 lost; `place` of the input in the profile, None = the persona changed."""

    place: int | None
    points: float


@dataclass(frozen=True, slots=True)
class _Way:
    """Both ends of the way, an entry an input (n) or a dimension (k), and what changes along it."""

    scores: tuple[np.ndarray, np.ndarray]
    present: tuple[np.ndarray, np.ndarray]
    dimensions: tuple[np.ndarray, np.ndarray]
    personas: tuple[np.ndarray, np.ndarray]
    weights: np.ndarray
    of: np.ndarray


def moves(
    profile: CompiledProfile,
    before: tuple[Scores, CompiledPersona],
    now: tuple[Scores, CompiledPersona],
) -> list[Move]:
    """What moved the overall score, the largest first; of two states that both have a score.

    Args:
        profile: by which both were scored.
        before: scores for one persona, without ranges.
        now: the same at the later instant.

    """
    way = _way(profile, before, now)
    first, last = before[0].personas[0].middle, now[0].personas[0].middle
    assert first is not None, "a score before"
    assert last is not None, "a score now"
    pieces, difference = 1, last - first
    found, switched = _integrate(way, pieces)
    while abs(float(found.sum()) + switched - difference) > _TOLERANCE and pieces < _MOST_PIECES:
        pieces *= 2
        found, switched = _integrate(way, pieces)
    made = [Move(place, float(points)) for place, points in enumerate(found) if points]
    made += [Move(None, switched)] if switched else []
    made.sort(key=lambda one: (-abs(one.points), "" if one.place is None else profile.inputs[one.place].name))
    if made:
        # What is left is of rounding.
        rest = difference - sum(one.points for one in made)
        made[0] = Move(made[0].place, made[0].points + rest)
    return made


def _way(profile: CompiledProfile, before: tuple[Scores, CompiledPersona], now: tuple[Scores, CompiledPersona]) -> _Way:
    first, last = (_known(one[0]) for one in (before, now))
    # One that came or went keeps its score while it fades.
    start = np.where(first[1] > 0, first[0], last[0])
    end = np.where(last[1] > 0, last[0], first[0])
    dimensions = tuple(
        np.array([float(one.ends is not None) for one in state[0].dimensions]) for state in (before, now)
    )
    return _Way(
        (start, end),
        (first[1], last[1]),
        (dimensions[0], dimensions[1]),
        (np.array(before[1].weights, float), np.array(now[1].weights, float)),
        np.array([one.weight for one in profile.inputs], float),
        np.array([one.dimension for one in profile.inputs], int),
    )


def _known(scores: Scores) -> tuple[np.ndarray, np.ndarray]:
    values: Sequence[float] = [0.0 if ends is None else ends[0] for ends in scores.inputs]
    return np.array(values, float), np.array([float(ends is not None) for ends in scores.inputs])


def _integrate(way: _Way, pieces: int) -> tuple[np.ndarray, float]:
    """What inputs moved, (n,), and what other weights did."""
    moved, switched = np.zeros(len(way.of)), 0.0
    for piece in range(pieces):
        for node, weight in zip(_NODES, _WEIGHTS, strict=True):
            step, other = _at(way, (piece + (node + 1) / 2) / pieces)
            moved += step * weight / 2 / pieces
            switched += other * weight / 2 / pieces
    return moved, switched


def _at(way: _Way, part: float) -> tuple[np.ndarray, float]:
    """How fast inputs move the score at a part of the way, and how fast the change of persona does."""
    score, present, there, persona = (
        (1 - part) * ends[0] + part * ends[1] for ends in (way.scores, way.present, way.dimensions, way.personas)
    )
    count = len(there)
    held = way.weights * present
    known = np.bincount(way.of, held, count)
    total = np.bincount(way.of, held * score, count)
    safe = np.where(known > 0, known, 1.0)
    mean = total / safe
    weight = persona * there
    whole = float(weight.sum())
    overall = float((weight * mean).sum()) / whole
    share = (weight / whole / safe)[way.of]
    came, changed = way.present[1] - way.present[0], way.scores[1] - way.scores[0]
    speed = share * held * changed + share * way.weights * (score - mean[way.of]) * came
    # A dimension comes with its inputs, and goes with them: each has its part by its weight.
    turned = way.dimensions[1] - way.dimensions[0]
    of_dimension = np.bincount(way.of, way.weights * np.abs(came), count)
    part_of = way.weights * np.abs(came) / np.where(of_dimension > 0, of_dimension, 1.0)[way.of]
    # In this order nothing overflows, however small weights are: what is divided is at most a few times what it is by.
    speed += part_of * (persona * turned / whole * (mean - overall))[way.of]
    switched = float((there * (way.personas[1] - way.personas[0]) / whole * (mean - overall)).sum())
    return speed, switched
