"""Attribution of real paths and journeys, against what ChannelAttribution, DP6's package and a closed form computed.

Not compared, because it means something else:
- DP6's position decay (the n-th touch has n parts) is no formula here; custom weights have a fixed number of places.
- DP6's time decay goes by whole steps; it is compared with ages that are rounded down before.
- DP6's Markov shares value in proportion to conversions; here value has removal effects of its own, as
  ChannelAttribution's.
- DP6's Shapley looks at the last four channels of a journey by name; it is compared with journeys that are cut so
  before.
- fractribution's "shapley" is leave-one-out, floored at 0: no Shapley value, which shares out what channels do
  together.
- ChannelAttribution's Markov walks at random: it is compared within its own deviation over eight seeds.
- Two of Snowplow's transforms, remove_if_not_all and remove_if_last_and_not_all, are there for paths, and not in rule
  files.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from trueline_server.attribution.chain import chain_of
from trueline_server.attribution.credit import ChannelCredit, credited
from trueline_server.attribution.markov import markov
from trueline_server.attribution.models import (
    FirstTouch,
    LastNonDirect,
    LastTouch,
    Linear,
    Model,
    PositionBased,
    TimeDecay,
    Touches,
    weights,
)
from trueline_server.attribution.paths import Paths
from trueline_server.attribution.shapley import ShapleyForm, shapley
from trueline_server.attribution.transforms import Transform, TransformKind, transformed

from tests.oracles.attribution_data import Journeys, assert_equal, column_of, packed_rows, read_journeys, read_paths
from tests.oracles.reading import rows

pytestmark = pytest.mark.oracle
HOUR_US = 3_600_000_000
EXPOSURE = Transform(TransformKind.EXPOSURE)
# Column of the oracle of all touches, of the one of channels, model, and hours of its steps (0 = none).
BY_DP6: list[tuple[str, str, Model, int]] = [
    ("first_touch", "attribution_first_click_heuristic", FirstTouch(), 0),
    ("last_touch", "attribution_last_click_heuristic", LastTouch(), 0),
    ("", "attribution_last_click_non_Direct_heuristic", LastNonDirect(frozenset({"Direct"})), 0),
    ("linear", "attribution_linear_heuristic", Linear(), 0),
    ("position_40_20_40", "attribution_position_based_0.4_0.2_0.4_heuristic", PositionBased(), 0),
    ("position_30_40_30", "attribution_position_based_0.3_0.4_0.3_heuristic", PositionBased(0.3, 0.3), 0),
    ("time_decay_0.5_168h_stepped", "attribution_time_decay0.5_freq168_heuristic", TimeDecay(168 * HOUR_US), 168),
    ("time_decay_0.5_24h_stepped", "attribution_time_decay0.5_freq24_heuristic", TimeDecay(24 * HOUR_US), 24),
    ("time_decay_halflife_168h_continuous_own", "time_decay_halflife_168h_continuous_own", TimeDecay(), 0),
]


@pytest.fixture(scope="module")
def folder(data_dir: Path) -> Path:
    """Folder of the real paths."""
    return data_dir / "attribution"


@pytest.fixture(scope="module")
def paths(folder: Path) -> Paths:
    """5,000 paths of a shop."""
    return read_paths(folder / "paths_A.csv.gz")


@pytest.fixture(scope="module")
def journeys(folder: Path) -> Journeys:
    """420 journeys with times."""
    return read_journeys(folder / "journeys_A.csv.gz")


def by_touch(model: Model, paths: Paths) -> ChannelCredit:
    """Credit of a heuristic of paths."""
    return credited(weights(model, Touches.of_paths(paths)), paths)


def stepped(touches: Touches, hours: int) -> Touches:
    """Touches whose ages are rounded down to whole steps."""
    if not hours:
        return touches
    assert touches.at_us is not None
    assert touches.converted_at_us is not None
    end = touches.converted_at_us[touches.rows()]
    step = hours * HOUR_US
    return replace(touches, at_us=end - (end - touches.at_us) // step * step)


@pytest.mark.parametrize(("name", "model"), [("first", FirstTouch()), ("last", LastTouch()), ("linear", Linear())])
def test_heuristics(folder: Path, paths: Paths, name: str, model: Model) -> None:
    """First, last and linear equal ChannelAttribution's."""
    credit = by_touch(model, paths)
    for what in ("conversions", "value"):
        expected = column_of(folder / "oracle_heuristic_A.csv", f"{name}_touch_{what}")
        assert_equal(paths.channels, getattr(credit, what), expected)


@pytest.mark.parametrize(
    ("name", "model"),
    [
        ("first_touch", FirstTouch()),
        ("last_touch", LastTouch()),
        ("linear", Linear()),
        ("position_based", PositionBased()),
    ],
)
def test_fractribution(folder: Path, paths: Paths, name: str, model: Model) -> None:
    """The heuristics equal fractribution's."""
    credit = by_touch(model, paths)
    for what, column in (("conversions", "conversions"), ("value", "revenue")):
        expected = column_of(folder / "oracle_fractribution_A.csv", column, lambda row: row["model"] == name)
        assert_equal(paths.channels, getattr(credit, what), expected)


@pytest.mark.parametrize("nulls", ["with_null", "no_null"])
def test_markov(folder: Path, paths: Paths, nulls: str) -> None:
    """Order 1 equals the closed form, and ChannelAttribution's walks within their own error."""
    oracle = folder / f"oracle_markov1_A_{nulls}.csv"
    credit = markov(paths if nulls == "with_null" else paths.without_nulls())
    assert credit.removal_conversions is not None
    assert credit.removal_value is not None

    assert_equal(paths.channels, credit.removal_conversions, column_of(oracle, "removal_effect_conv_exact"))
    assert_equal(paths.channels, credit.removal_value, column_of(oracle, "removal_effect_value_exact"))
    for what in ("conversions", "value"):
        found = dict(zip(credit.channels, getattr(credit, what), strict=True))
        assert_equal(paths.channels, getattr(credit, what), column_of(oracle, f"{what}_exact"))
        walked, deviation = (column_of(oracle, f"{what}_{of}") for of in ("ChannelAttribution", "sd8"))
        total = sum(walked.values())
        assert total == pytest.approx(sum(found.values()), rel=1e-6)
        for channel, amount in walked.items():
            assert abs(found[channel] - amount) <= 4 * deviation[channel] + 0.005 * total, channel


@pytest.mark.parametrize("nulls", ["with_null", "no_null"])
def test_transition_matrix(folder: Path, paths: Paths, nulls: str) -> None:
    """The chain of order 1 is ChannelAttribution's: what leaves each channel, and the start."""
    chain = chain_of(transformed(paths if nulls == "with_null" else paths.without_nulls(), EXPOSURE), 1)
    name = [paths.channels[code] for (code,) in chain.histories]
    moves = chain.moves.tocoo()

    def told() -> Iterator[tuple[str, str, float]]:
        for place, channel in enumerate(name):
            yield "(start)", channel, float(chain.start[place])
            yield channel, "(conversion)", float(chain.conversion[place])
            yield channel, "(null)", float(chain.null[place])
        for row, column, probability in zip(moves.row, moves.col, moves.data, strict=True):
            yield name[row], name[column], float(probability)

    found = {(before, after): probability for before, after, probability in told() if probability}
    expected = {
        (row["channel_from"], row["channel_to"]): float(row["transition_probability"])
        for row in rows(folder / f"oracle_transition_matrix_A_{nulls}.csv")
    }
    assert found == pytest.approx({key: value for key, value in expected.items() if value}, rel=0, abs=1e-6)


@pytest.mark.parametrize(("_", "column", "model", "hours"), BY_DP6, ids=[column for _, column, *_ in BY_DP6])
def test_channels_of_journeys(folder: Path, journeys: Journeys, _: str, column: str, model: Model, hours: int) -> None:
    """Channel totals over journeys with times equal DP6's, and our own closed form of continuous decay."""
    credit = credited(weights(model, stepped(journeys.touches, hours)), journeys.paths)
    for what, file in (("conversions", "count"), ("value", "value")):
        expected = column_of(folder / f"oracle_dp6_channel_totals_A_{file}.csv", column)
        assert_equal(credit.channels, getattr(credit, what), expected)


@pytest.mark.parametrize(("column", "_", "model", "hours"), [case for case in BY_DP6 if case[0]])
def test_touches_of_journeys(folder: Path, journeys: Journeys, column: str, _: str, model: Model, hours: int) -> None:
    """The credit of every touch equals DP6's."""
    earned = weights(model, stepped(journeys.touches, hours)) * journeys.paths.value[journeys.paths.rows()]
    found = dict(zip(journeys.names, earned.tolist(), strict=True))
    oracle = packed_rows(folder / "oracle_dp6_touch_credits_A_value.csv.gz")
    expected = {(row["journey_id"], int(row["touch_index"])): float(row[column]) for row in oracle}
    assert len(expected) > 1000
    assert {key: found[key] for key in expected} == pytest.approx(expected, rel=0, abs=1e-6)
    assert sum(found.values()) == pytest.approx(sum(expected.values()), abs=1e-6)


def test_markov_of_journeys(folder: Path, journeys: Journeys) -> None:
    """Removal effects equal DP6's; it gives values in proportion to them, without an effect of their own."""
    credit = markov(journeys.paths)
    assert credit.removal_conversions is not None
    effects = column_of(folder / "oracle_dp6_markov_removal_effect_A.csv", "removal_effect")
    assert_equal(credit.channels, credit.removal_conversions, effects)
    column = "attribution_markov_algorithmic"
    counted = column_of(folder / "oracle_dp6_channel_totals_A_count.csv", column)
    assert_equal(credit.channels, credit.conversions, counted)
    value = credit.conversions / credit.conversions.sum() * journeys.paths.value.sum()
    assert_equal(credit.channels, value, column_of(folder / "oracle_dp6_channel_totals_A_value.csv", column))


def test_shapley_of_journeys(folder: Path, journeys: Journeys) -> None:
    """The form of rates equals DP6's, which looks at the last four channels of each journey by name."""
    found = journeys.paths
    bounds = zip(found.offsets[:-1], found.offsets[1:], strict=True)
    sets = [sorted({found.channels[code] for code in found.codes[begin:end]})[-4:] for begin, end in bounds]
    numbers = np.column_stack([found.conversions, found.value, found.nulls]).tolist()
    credit = shapley(
        Paths.of((touches, *row) for touches, row in zip(sets, numbers, strict=True)), ShapleyForm.CONVERSION_RATE
    )
    for what, file in (("conversions", "count"), ("value", "value")):
        expected = column_of(folder / f"oracle_dp6_shapley_A_{file}.csv", "shapley_size4_conv_rate")
        assert_equal(credit.channels, getattr(credit, what), expected)


def test_transforms(folder: Path) -> None:
    """Paths become what Snowplow's package makes of them."""
    transforms = {
        "trim_long_path": Transform(TransformKind.TRIM, last=1),
        "trim_long_path2": Transform(TransformKind.TRIM, last=2),
        "unique_path": Transform(TransformKind.UNIQUE),
        "frequency_path": Transform(TransformKind.FREQUENCY),
        "exposure_path": EXPOSURE,
        "first_path": Transform(TransformKind.FIRST),
        "remove_if_not_all": Transform(TransformKind.WITHOUT),
        "remove_if_last_and_not_all": Transform(TransformKind.WITHOUT_LAST),
    }
    cases = json.loads((folder / "path_transform_cases.json").read_text(encoding="utf-8"))["cases"]
    assert cases
    for case in cases:
        for name, expected in case["expected"].items():
            changed = transformed(Paths.of([(case["input"], 1, 1, 0)]), transforms[name])
            assert [changed.channels[code] for code in changed.codes] == expected, (case["input"], name)
