"""Reads the real paths and journeys, and what other programs said of them."""

from __future__ import annotations

import csv
import gzip
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np
import pytest
from trueline_server.attribution.models import Touches
from trueline_server.attribution.paths import Floats, Paths, offsets_of

from tests.oracles.reading import rows


@dataclass(frozen=True, slots=True)
class Journeys:
    """Journeys touch by touch, each with what it brought in; the paths are the journeys, one each."""

    touches: Touches
    paths: Paths
    # Journey and number of each touch, as the oracles name them.
    names: list[tuple[str, int]]


def packed_rows(path: Path) -> list[dict[str, str]]:
    """The rows of a packed CSV file."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read_paths(path: Path) -> Paths:
    """Paths with counts."""
    numbers = ("total_conversions", "total_conversion_value", "total_null")
    return Paths.of((row["path"].split(" > "), *(float(row[name]) for name in numbers)) for row in packed_rows(path))


def read_journeys(path: Path) -> Journeys:
    """Journeys as touch events."""
    journeys: dict[str, list[dict[str, str]]] = defaultdict(list)
    for row in packed_rows(path):
        journeys[row["journey_id"]].append(row)
    found = list(journeys.values())
    paths = Paths.of(
        ([row["channel"] for row in journey], converted, converted * float(journey[0]["value"]), 1 - converted)
        for journey in found
        for converted in [float(journey[0]["converted"])]
    )
    touches = Touches(
        paths.channels,
        paths.codes,
        offsets_of(np.array([len(journey) for journey in found], np.int64)),
        np.array([_us(row["touch_ts"]) for journey in found for row in journey]),
        np.array([_us(journey[-1]["conversion_ts"] or journey[-1]["touch_ts"]) for journey in found]),
    )
    names = [(row["journey_id"], int(row["touch_index"])) for journey in found for row in journey]
    return Journeys(touches, paths, names)


def column_of(path: Path, column: str, where: Callable[[dict[str, str]], bool] = lambda _: True) -> dict[str, float]:
    """Channel -> number, of the rows of an oracle."""
    found = [row for row in rows(path) if where(row)]
    return {next(row[name] for name in NAMES if name in row): float(row[column]) for row in found}


def assert_equal(channels: tuple[str, ...], found: Floats, expected: dict[str, float], within: float = 1e-6) -> None:
    """Each channel has what the oracle says, and no other channel has anything."""
    assert set(expected) <= set(channels)
    assert dict(zip(channels, found.tolist(), strict=True)) == pytest.approx(
        dict.fromkeys(channels, 0.0) | expected, rel=0, abs=within
    )


# The column with the channel, by the program that wrote the oracle.
NAMES = ("channel_name", "channel", "channels", "channel_to")


def _us(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp()) * 1_000_000
