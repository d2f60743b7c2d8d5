"""Real paths and journeys as events in the warehouse: reports, paths and explained journeys against the oracles.

Each journey is a person of its own. Values of reports are whole cents, so that they are compared to a cent; credits
of conversions to a millionth. What other programs mean by a look-back is not compared: Snowplow's packages count
calendar days (30 days and some hours before a conversion is day 30, and counts), here it is a span to the
microsecond; and their paths without conversion leave out whoever ever converted, where here touches that no
conversion looks back to are a path of their own. Their sessions (of page views only the first, with the channel of
the visit) are made before events are sent: a touch is an event, and later pages of a visit are no touches.
"""

from __future__ import annotations

import math
from collections import Counter
from decimal import Decimal
from pathlib import Path

import pytest
from trueline_server.attribution.asking import Asked, Asking, Question
from trueline_server.attribution.comparing import compare
from trueline_server.attribution.explaining import explain
from trueline_server.attribution.path_listing import CONVERSION, NULL, list_paths
from trueline_server.attribution.reporting import Report, report
from trueline_server.attribution.statements import Dimension
from trueline_stores.warehouse.client import Warehouse

from tests.integration.attribution.attribution_world import (
    DAY_US,
    HOUR_US,
    START_US,
    Happening,
    load,
    order,
    put,
    touch,
)
from tests.oracles.attribution_data import Journeys, column_of, packed_rows, read_journeys, read_paths

pytestmark = pytest.mark.oracle
CENT = 0.0100001
RULES = """\
apiVersion: trueline/v1
kind: AttributionModel
metadata: {name: shop}
spec:
  touches: {events: [touched], channel: properties.channel}
  conversions: {order: {events: [ordered], lookback: 90d, value: value}}
  currency: EUR
  models:
    first: {formula: first}
    last: {formula: last}
    last_non_direct: {formula: last_non_direct, direct: [Direct]}
    linear: {formula: linear}
    position: {formula: position}
    position_30: {formula: position, shares: [0.3, 0.4, 0.3]}
    decay: {formula: time_decay}
    markov: {formula: markov}
    shapley: {formula: shapley}
"""
# Model -> column of DP6's package; its Markov gives values in proportion to conversions.
DP6 = {
    "first": "attribution_first_click_heuristic",
    "last": "attribution_last_click_heuristic",
    "last_non_direct": "attribution_last_click_non_Direct_heuristic",
    "linear": "attribution_linear_heuristic",
    "position": "attribution_position_based_0.4_0.2_0.4_heuristic",
    "position_30": "attribution_position_based_0.3_0.4_0.3_heuristic",
    "decay": "time_decay_halflife_168h_continuous_own",
    "markov": "attribution_markov_algorithmic",
}


@pytest.fixture(scope="module")
def folder(data_dir: Path) -> Path:
    """Folder of the real paths."""
    return data_dir / "attribution"


@pytest.fixture(scope="module")
def journeys(folder: Path) -> Journeys:
    """420 journeys with times."""
    return read_journeys(folder / "journeys_A.csv.gz")


@pytest.fixture(scope="module")
def timed(warehouse: Warehouse, journeys: Journeys) -> tuple[Asking, Asked]:
    """Their events."""
    touches, paths = journeys.touches, journeys.paths
    assert touches.at_us is not None
    assert touches.converted_at_us is not None
    events: list[Happening] = []
    for (journey, _), code, at_us in zip(journeys.names, touches.codes, touches.at_us, strict=True):
        events.append(touch((at_us - START_US) / HOUR_US, touches.channels[code], user=journey))
    names = list(dict.fromkeys(journey for journey, _ in journeys.names))
    for place in paths.conversions.nonzero()[0]:
        hours = (touches.converted_at_us[place] - START_US) / HOUR_US
        events.append(order(hours, paths.value[place], user=names[place], id=f"of-{names[place]}"))
    start_us = int(touches.at_us.min()) - DAY_US
    return _asked(warehouse, events, start_us, int(touches.converted_at_us.max()) + DAY_US)


@pytest.fixture(scope="module")
def counted(warehouse: Warehouse, folder: Path) -> tuple[Asking, Asked]:
    """Journeys along 5,000 paths, each as often as it was taken; what a path earned is shared by its conversions."""
    events: list[Happening] = []
    for place, row in enumerate(packed_rows(folder / "paths_A.csv.gz")):
        channels = row["path"].split(" > ")
        conversions, nulls = int(float(row["total_conversions"])), int(float(row["total_null"]))
        for journey in range(conversions + nulls):
            user = f"{place}-{journey}"
            events += [touch(at / 60, channel, user=user) for at, channel in enumerate(channels)]
            if journey < conversions:
                value = float(row["total_conversion_value"]) / conversions
                events.append(order(len(channels) / 60, round(value, 9), user=user))
    return _asked(warehouse, events, START_US, START_US + 30 * DAY_US)


def _asked(warehouse: Warehouse, events: list[Happening], start_us: int, end_us: int) -> tuple[Asking, Asked]:
    rules, _ = load(RULES)
    asking = Asking(warehouse, lambda _: rules)
    return asking, asking.ask(Question(put(warehouse, events), start_us, end_us, "shop"))


def _assert_credits(found: Report, model: str, what: str, expected: dict[str, float], within: float = 1e-6) -> None:
    earned = {row.names[Dimension.CHANNEL]: float(getattr(row.earned[model], what)) for row in found.rows}
    assert earned == pytest.approx(dict.fromkeys(earned, 0.0) | expected, rel=0, abs=within)


def test_journeys_with_times(folder: Path, timed: tuple[Asking, Asked]) -> None:
    """Every model that both know gives channels what DP6's package gives them."""
    found = report(*timed, (), (Dimension.CHANNEL,))
    for model, column in DP6.items():
        expected = column_of(folder / "oracle_dp6_channel_totals_A_count.csv", column)
        _assert_credits(found, model, "conversions", expected)
        if model != "markov":
            expected = column_of(folder / "oracle_dp6_channel_totals_A_value.csv", column)
            _assert_credits(found, model, "value", expected, CENT)


def test_removal_effects(folder: Path, timed: tuple[Asking, Asked]) -> None:
    """A comparison tells those that DP6's package has."""
    found = compare(*timed, ("markov",), "")
    effects = column_of(folder / "oracle_dp6_markov_removal_effect_A.csv", "removal_effect")
    told = {one.row.names[Dimension.CHANNEL]: one.row.earned["markov"].removal_conversions for one in found.channels}
    # A channel on no path that converted has no effect, and no line where nobody spent on it.
    assert told == pytest.approx({channel: effects[channel] for channel in told}, rel=0, abs=1e-6)
    assert not any(effect for channel, effect in effects.items() if channel not in told)


def test_touches(folder: Path, journeys: Journeys, timed: tuple[Asking, Asked]) -> None:
    """Explained journeys give each touch what DP6's package gives it."""
    asking, asked = timed
    columns = {"first": "first_touch", "linear": "linear", "position": "position_40_20_40"}
    columns |= {"position_30": "position_30_40_30", "decay": DP6["decay"]}
    oracle = packed_rows(folder / "oracle_dp6_touch_credits_A_value.csv.gz")
    longest = max(oracle, key=lambda row: int(row["touch_index"]))["journey_id"]
    for journey in ("j0001", "j0002", longest):
        rows = [row for row in oracle if row["journey_id"] == journey]
        found = explain(asking, asked.question, f"of-{journey}", "", tuple(columns))
        assert [one.channel for one in found.touches] == [row["channel"] for row in rows]
        worth = math.fsum(float(row["linear"]) for row in rows)
        for model, column in columns.items():
            earned = [one.parts[model].weight * worth for one in found.touches]
            assert earned == pytest.approx([float(row[column]) for row in rows], rel=0, abs=1e-6)


def test_counted_paths(folder: Path, counted: tuple[Asking, Asked]) -> None:
    """Heuristics equal ChannelAttribution's and fractribution's, Markov the closed form."""
    found = report(*counted, (), (Dimension.CHANNEL,))
    for what in ("conversions", "value"):
        within = CENT if what == "value" else 1e-6
        for model in ("first", "last", "linear"):
            expected = column_of(folder / "oracle_heuristic_A.csv", f"{model}_touch_{what}")
            _assert_credits(found, model, what, expected, within)
        column = {"conversions": "conversions", "value": "revenue"}[what]
        by_position = column_of(
            folder / "oracle_fractribution_A.csv", column, lambda row: row["model"] == "position_based"
        )
        _assert_credits(found, "position", what, by_position, within)
        exact = column_of(folder / "oracle_markov1_A_with_null.csv", f"{what}_exact")
        _assert_credits(found, "markov", what, exact, within)
    total = sum(column_of(folder / "oracle_heuristic_A.csv", "first_touch_value").values())
    assert found.totals.value == pytest.approx(Decimal(total), abs=Decimal("0.01"))


def test_paths_and_moves(folder: Path, counted: tuple[Asking, Asked]) -> None:
    """Paths come back as they went in, and their moves begin as the chain of ChannelAttribution does."""
    asking, asked = counted
    found = list_paths(asking, asked, converted_only=False)
    real = read_paths(folder / "paths_A.csv.gz")
    assert sum(path.conversions for path in found.paths) == real.conversions.sum()
    assert sum(path.nulls for path in found.paths) == real.nulls.sum()
    expected: dict[tuple[str, ...], list[float]] = {}
    for place, (begin, end) in enumerate(zip(real.offsets[:-1], real.offsets[1:], strict=True)):
        counts = expected.setdefault(tuple(real.channels[code] for code in real.codes[begin:end]), [0.0, 0.0])
        counts[0] += real.conversions[place]
        counts[1] += real.nulls[place]
    told = {path.channels: [path.conversions, path.nulls] for path in found.paths}
    assert told == {path: counts for path, counts in expected.items() if any(counts)}

    begun: Counter[str] = Counter()
    for edge in found.edges:
        if edge.step == 1:
            begun[edge.channel] += edge.journeys
    starts = column_of(
        folder / "oracle_transition_matrix_A_with_null.csv",
        "transition_probability",
        lambda row: row["channel_from"] == "(start)",
    )
    journeys = sum(edge.journeys for edge in found.edges if edge.end in (CONVERSION, NULL))
    shares = {channel: count / journeys for channel, count in begun.items()}
    assert shares == pytest.approx({channel: share for channel, share in starts.items() if share}, rel=0, abs=1e-6)


def test_any_channel_may_be_the_direct_one(
    warehouse: Warehouse, journeys: Journeys, timed: tuple[Asking, Asked]
) -> None:
    """All goes to the last touch of another channel; where all are of the direct one, to the last."""
    paths = journeys.paths
    touches = [paths.channels[code] for code in paths.codes]
    converted = [touches[paths.offsets[place] : paths.offsets[place + 1]] for place in paths.conversions.nonzero()[0]]
    alone = 0
    for direct in paths.channels:
        expected: Counter[str] = Counter()
        for channels in converted:
            others = [channel for channel in channels if channel != direct]
            expected[(others or channels)[-1]] += 1
            alone += not others
        rules, _ = load(RULES.replace("direct: [Direct]", f"direct: ['{direct}']"))
        asking = Asking(warehouse, lambda _, rules=rules: rules)
        found = report(asking, asking.ask(timed[1].question), ("last_non_direct",), (Dimension.CHANNEL,))
        _assert_credits(found, "last_non_direct", "conversions", dict(expected))
    assert alone > 20
