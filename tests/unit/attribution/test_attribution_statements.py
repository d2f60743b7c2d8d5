"""The SQL of attribution, letter by letter as in the folder sql; no database is needed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from trueline_rules.attribution_model import AttributionModel
from trueline_rules.loader import load_texts
from trueline_server.attribution.funnel import CountLevels
from trueline_server.attribution.identity import CreateIdentities, FillKnown, Identity, ReadPairs
from trueline_server.attribution.identity_growth import AddIds, CountChanges, Growth
from trueline_server.attribution.journeys import Journeys
from trueline_server.attribution.models import FirstTouch, TimeDecay
from trueline_server.attribution.money import UnknownCurrencies
from trueline_server.attribution.refunds import UnknownRefundCurrencies
from trueline_server.attribution.scope import Scope
from trueline_server.attribution.statements import (
    CountLate,
    CountPaths,
    FindConversion,
    ReadJourney,
    ReadStitches,
    SumCosts,
    SumCredits,
)
from trueline_stores.warehouse.statements import Statement

SQL = Path(__file__).parent / "sql"
DAY_US = 86_400_000_000
_TEXT = """\
apiVersion: trueline/v1
kind: AttributionModel
metadata: {name: shop}
spec:
  touches: {events: [touched], channel: properties.channel}
  conversions: {order: {events: [ordered], lookback: 1d, value: value, refunds: {events: [refunded]}}}
  costs: {events: [spent], channel: source}
  journeys: {transforms: [exposure, {trim: 5}]}
  currency: EUR
  rates: {USD: 0.5}
  models: {linear: {formula: linear}}
"""
_RULES = load_texts([("shop.yaml", _TEXT)])
SHOP = _RULES.documents["AttributionModel"]["shop"]
assert isinstance(SHOP, AttributionModel)
assert SHOP.costs is not None
KNOWN = Scope("acme", 2 * DAY_US, 3 * DAY_US, 5)
JOURNEYS = Journeys(Scope("acme", 2 * DAY_US, 3 * DAY_US), SHOP, _RULES.mapping, "order")
STITCHED = Journeys(KNOWN, SHOP, _RULES.mapping, "order", Identity("identities_1"))
GROWTH = Growth("identities_1", KNOWN, ("seen",), 7)

CASES: dict[str, tuple[Statement, dict[str, object]]] = {
    "identities": (CreateIdentities("identities_1"), {}),
    "known": (FillKnown("identities_1", KNOWN, ("seen",)), {"tenant": "acme", "known_us": 5, "stitches": ["seen"]}),
    "pairs": (ReadPairs("identities_1", KNOWN, ("seen",)), {"tenant": "acme", "known_us": 5, "stitches": ["seen"]}),
    "changes": (CountChanges(GROWTH), {"tenant": "acme", "known_us": 5, "after": 7, "stitches": ["seen"]}),
    "added": (AddIds(GROWTH, 9), {"tenant": "acme", "known_us": 5, "after": 7, "stitches": ["seen"], "since": 9}),
    "currencies": (
        UnknownCurrencies(KNOWN, SHOP, ("ordered",)),
        {
            "known": ["", "EUR", "USD"],
            "tenant": "acme",
            "known_us": 5,
            "names": ["ordered"],
            "start_us": 172800000000,
            "end_us": 259200000000,
        },
    ),
    "refund_currencies": (
        UnknownRefundCurrencies(STITCHED),
        {
            "known": ["", "EUR", "USD"],
            "tenant": "acme",
            "known_us": 5,
            "refunds": ["refunded"],
            "conversions": ["ordered", "refunded"],
            "start_us": 172800000000,
            "end_us": 259200000000,
        },
    ),
    "costs": (
        SumCosts(JOURNEYS, SHOP.costs),
        {
            "currencies": ["USD"],
            "rates": [0.5],
            "tenant": "acme",
            "costs": ["spent"],
            "start_us": 172800000000,
            "end_us": 259200000000,
        },
    ),
    "conversion": (
        FindConversion(JOURNEYS, "o1", "shop"),
        {"source": "shop", "tenant": "acme", "conversions": ["ordered"], "id": "o1"},
    ),
    "paths": (
        CountPaths(STITCHED),
        {
            "touches": ["touched"],
            "channel": "channel",
            "tenant": "acme",
            "known_us": 5,
            "since_us": 86400000000,
            "end_us": 259200000000,
            "conversions": ["ordered", "refunded"],
            "currencies": ["USD"],
            "rates": [0.5],
            "refunds": ["refunded"],
            "lookback_us": 86400000000,
            "start_us": 172800000000,
            "conversions_end_us": 259200000000,
        },
    ),
    "late": (
        CountLate(JOURNEYS, 5),
        {
            "end_us": 259200000000,
            "touches_us": 86400000000,
            "touches": ["touched"],
            "conversions_us": 172800000000,
            "conversions": ["ordered"],
            "refunds_us": 172800000000,
            "refunds": ["refunded"],
            "costs_us": 172800000000,
            "costs": ["spent"],
            "stitches_us": 0,
            "stitches": [],
            "tenant": "acme",
            "late_us": 5,
        },
    ),
    "levels": (
        CountLevels(STITCHED, (("seen",), ("ordered",)), 7),
        {
            "start": 172800000000,
            "end": 259200000000,
            "window": 7,
            "lookback": 86400000000,
            "touches": ["touched"],
            "since_us": 86400000000,
            "step1": ["seen"],
            "step2": ["ordered"],
            "channel": "channel",
            "tenant": "acme",
            "known_us": 5,
            "steps": ["ordered", "seen"],
            "until_us": 259200000007,
        },
    ),
    "stitches": (
        ReadStitches(STITCHED, [17, 19]),
        {"tenant": "acme", "known_us": 5, "positions": [17, 19]},
    ),
    "in_common": (
        CountPaths(replace(JOURNEYS, model=replace(SHOP, split=False))),
        {
            "lookback_us": 86400000000,
            "start_us": 172800000000,
            "conversions_end_us": 259200000000,
            "tenant": "acme",
            "touches": ["touched"],
            "since_us": 86400000000,
            "end_us": 259200000000,
            "channel": "channel",
            "conversions": ["ordered", "refunded"],
            "currencies": ["USD"],
            "rates": [0.5],
            "refunds": ["refunded"],
        },
    ),
    "journey": (
        ReadJourney(STITCHED, 17),
        {
            "touches": ["touched"],
            "channel": "channel",
            "tenant": "acme",
            "known_us": 5,
            "since_us": 86400000000,
            "end_us": 259200000000,
            "conversions": ["ordered", "refunded"],
            "currencies": ["USD"],
            "rates": [0.5],
            "refunds": ["refunded"],
            "lookback_us": 86400000000,
            "start_us": 172800000000,
            "conversions_end_us": 259200000000,
            "position": 17,
        },
    ),
    "credits": (
        SumCredits(JOURNEYS, [TimeDecay(7), FirstTouch()]),
        {
            "touches": ["touched"],
            "channel": "channel",
            "tenant": "acme",
            "since_us": 86400000000,
            "end_us": 259200000000,
            "conversions": ["ordered", "refunded"],
            "currencies": ["USD"],
            "rates": [0.5],
            "refunds": ["refunded"],
            "lookback_us": 86400000000,
            "start_us": 172800000000,
            "conversions_end_us": 259200000000,
            "m0_half_us": 7,
        },
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_statement_says_this(name: str) -> None:
    """What reads the warehouse changes only when somebody means it."""
    statement, parameters = CASES[name]
    sql, bound = statement.to_sql()
    assert f"{sql}\n" == (SQL / f"{name}.sql").read_text(encoding="utf-8")
    assert bound == parameters
