"""The paths that journeys took, and the moves from touch to touch."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal

import numpy as np

from trueline_server.attribution.asking import Asked, Asking
from trueline_server.attribution.money import minor_unit_digits
from trueline_server.attribution.rounding import rounded
from trueline_server.attribution.statements import CountPaths

# Later touches of a path are one step in a diagram.
MOST_STEPS = 11
CONVERSION, NULL, TOUCH = "conversion", "null", "touch"


@dataclass(frozen=True, slots=True)
class PathRow:
    """A path of channels, oldest touch first, and what became of the journeys that took it."""

    channels: tuple[str, ...]
    conversions: int
    value: Decimal
    nulls: int


@dataclass(frozen=True, slots=True)
class Edge:
    """Journeys that went from a touch to what came next.

    Attributes:
        step: place of the touch, from 1; MOST_STEPS stands for all later ones, too.
        channel: of the touch.
        end: TOUCH, CONVERSION or NULL.
        next_channel: of the next touch; "" without one.
        journeys: how many.

    """

    step: int
    channel: str
    end: str
    next_channel: str
    journeys: int


@dataclass(frozen=True, slots=True)
class PathList:
    """All paths, the most frequent first, and the moves of all journeys that have a touch."""

    asked: Asked
    paths: tuple[PathRow, ...]
    edges: tuple[Edge, ...]


def list_paths(asking: Asking, asked: Asked, *, converted_only: bool) -> PathList:
    """The paths. Blocks.

    Args:
        asking: reads the warehouse.
        asked: about which conversions.
        converted_only: without paths and moves of journeys that did not convert.

    """
    rows = asking.rows(CountPaths(replace(asked.journeys, counted=True)))
    if converted_only:
        rows = [(path, conversions, value, 0) for path, conversions, value, _ in rows if conversions]
        rows.sort(key=lambda row: -row[1])
    values = rounded(np.array([float(row[2]) for row in rows]), minor_unit_digits(asked.document.currency))
    paths = tuple(
        PathRow(tuple(map(str, path)), int(conversions), value, int(nulls))
        for (path, conversions, _, nulls), value in zip(rows, values, strict=True)
    )
    return PathList(asked, paths, _edges(paths))


def _edges(paths: tuple[PathRow, ...]) -> tuple[Edge, ...]:
    counts: Counter[tuple[int, str, str, str]] = Counter()
    for path in paths:
        journeys = path.conversions + path.nulls
        for place, (channel, after) in enumerate(zip(path.channels, path.channels[1:], strict=False), start=1):
            counts[min(place, MOST_STEPS), channel, TOUCH, after] += journeys
        if path.channels:
            last = min(len(path.channels), MOST_STEPS), path.channels[-1]
            counts[*last, CONVERSION, ""] += path.conversions
            counts[*last, NULL, ""] += path.nulls
    ordered = sorted((key, journeys) for key, journeys in counts.items() if journeys)
    return tuple(Edge(*key, journeys) for key, journeys in ordered)
