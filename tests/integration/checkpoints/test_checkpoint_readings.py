"""Values of cells over a real warehouse: from KPIs, metrics and facts, with how far they can be trusted."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest
from trueline_rules.checkpoints.results import Outcome
from trueline_stores.warehouse.client import Warehouse

from tests.integration.alerts.alert_world import NOON
from tests.integration.checkpoints.checkpoint_world import DAY_US, CheckpointWorld, cell, rules_of
from tests.unit.streams.support import HOUR, MINUTE

INSUFFICIENT = Outcome.INSUFFICIENT_DATA
CELLS = (
    cell("{kpi: ordered}", "kpi", 0.5, ", least: 5"),
    cell("{metric: orders, per: visits, named_by: persona}", "ratio", 0.5),
    cell("{metric: visits, agg: sum, named_by: persona}", "sum", 4),
    cell("{metric: rolling, agg: sum}", "rolling", 8),
    cell("{metric: basket}", "basket", 10),
    cell("{metric: visits, agg: max, labels: {persona: nobody}}", "nobody"),
)


@pytest.fixture
def world(warehouse: Warehouse, tmp_path: Path) -> Iterator[CheckpointWorld]:
    """A shop of two personas, four hours after noon; the last hour is not over for its metrics."""
    found = CheckpointWorld(warehouse, tmp_path, rules_of(*CELLS, spec="days: 1"))
    visits = [found.event("visit", 10 + 15 * number) for number in range(4)]
    visits += [found.event("visit", 70 + 10 * number, "brand") for number in range(4)]
    orders = [found.event("order", 20, value=Decimal(30)), found.event("order", 80, value=Decimal(3))]
    orders += [found.event("order", 85, value=Decimal(6)), found.event("order", 90, "brand", value=Decimal(9))]
    found.events.until(240, *visits, *orders)
    yield found
    found.close()


def test_sources_are_read_with_their_evidence(world: CheckpointWorld) -> None:
    """Value, observations, period and watermark of each; ratios have both of their sides."""
    kpi, ratio, total, rolling, basket, nobody = world.run().cells
    assert (kpi.reading.value, kpi.reading.observations) == (0.5, 8)
    assert (kpi.reading.numerator, kpi.reading.denominator, kpi.outcome) == (4.0, 8.0, Outcome.PASS)
    assert (ratio.reading.value, ratio.reading.observations, ratio.outcome) == (0.75, 4, Outcome.PASS)
    assert (ratio.reading.numerator, ratio.reading.denominator) == (3.0, 4.0)
    assert (total.reading.value, total.reading.observations) == (4.0, 4)
    # Windows of an hour that move on every five minutes count each event once.
    assert (rolling.reading.value, rolling.reading.observations) == (8.0, 8)
    # An average of averages weighs each hour by its orders: one of 30, three of 6.
    assert (basket.reading.value, basket.reading.observations) == (12.0, 4)
    assert (nobody.outcome, nobody.reading.value) == (INSUFFICIENT, None)
    assert "has no window with events in the period; send such events" in nobody.reason
    at_us = NOON + 240 * MINUTE
    for found in (ratio, total, rolling, basket):
        assert (found.reading.period_start_us, found.reading.period_end_us) == (at_us - DAY_US, at_us)
        assert (found.reading.watermark_us, found.reading.completeness) == (at_us - 120_000_000, "provisional")


def test_the_period_is_what_was_asked_for(world: CheckpointWorld) -> None:
    """Windows that end in it count, whatever is in them that began before; an instant of the past has its own."""
    at_us = NOON + HOUR
    found = {one.cell.measure: one for one in world.run(at_us=at_us).cells}
    assert found["sum"].reading.value == 4
    assert found["ratio"].reading.value == 0.25
    world.clock.turn(3 * 86_400)
    found = {one.cell.measure: one for one in world.run(days=2).cells}
    assert found["sum"].outcome is INSUFFICIENT
    assert {one.cell.measure: one for one in world.run(days=4).cells}["sum"].reading.value == 4


def test_observations_below_the_least_are_no_answer(world: CheckpointWorld) -> None:
    """A KPI tells by its denominator how many it has; one that tells none is no answer where some are asked for."""
    world.rules = rules_of(
        cell("{kpi: ordered}", "a", 0.1, ", least: 9"),
        cell("{metric: orders, per: visits, named_by: persona}", "b", 0.1, ", least: 5"),
        cell("{metric: orders, agg: sum, named_by: persona}", "c", 0.1, ", least: 4"),
    )
    cells = world.run().cells
    assert [one.outcome for one in cells] == [INSUFFICIENT] * 3
    assert [one.reason for one in cells] == [
        "only 8 observations, at least 9 are needed",
        "only 4 observations, at least 5 are needed",
        "only 3 observations, at least 4 are needed",
    ]


def test_a_fact_is_that_of_the_subject_with_the_name_of_the_cell(world: CheckpointWorld) -> None:
    """With the fact that counts its observations; one that was observed before the period is too old."""
    world.rules = rules_of(
        cell("{fact: nps, observations: answers}", "a", 40, ", least: 30"),
        cell("{fact: nps}", "b", 40),
        cell("{fact: nps, of: brand}", "c", 40),
    )
    assert "persona agency has no value for fact nps; put it in" in world.result().reason
    world.put("nps", agency=47.0, brand=10.0)
    first, second, third = world.run().cells
    assert "has no value for fact answers" in first.reason
    assert (second.outcome, second.reading.observations, third.outcome) == (Outcome.PASS, 1, Outcome.FAIL)
    world.put("answers", agency=29.0)
    assert world.result().reason == "only 29 observations, at least 30 are needed"
    world.put("answers", agency=30.0)
    assert world.result().outcome is Outcome.PASS
    world.clock.turn(91 * 86_400)
    found = world.result()
    assert found.outcome is INSUFFICIENT
    assert "fact nps of persona agency is of 2024-06-01, before the period; put it in anew" in found.reason
    world.put("nps", agency=None)
    assert "has no value for fact nps" in world.result().reason


def test_facts_of_many_subjects_are_chosen_by_a_fact(world: CheckpointWorld) -> None:
    """Accounts of a persona: what chooses them may be old, what is judged may not."""
    world.rules = rules_of(
        cell("{fact: score, named_by: account_persona}", "a", 3, ", least: 2"),
        cell("{fact: score, where: {account_persona: agency}, agg: min}", "b", 3),
        cell("{fact: score, where: {account_persona: nobody}}", "c", 3),
    )
    world.put_at(NOON - 400 * DAY_US, "account_persona", "account", a="agency", b="agency", c="brand", d="agency")
    assert "of 3 accounts chosen none has a value for fact score" in world.result().reason
    world.put_at(NOON - 400 * DAY_US, "score", "account", d=Decimal(1))
    world.put("score", "account", a=Decimal("2.5"), b=Decimal("4.5"), c=Decimal(1))
    mean, least, none = world.run().cells
    assert (mean.reading.value, mean.reading.observations, mean.outcome) == (3.5, 2, Outcome.PASS)
    assert mean.reading.source == "avg of fact score {account_persona=agency}, 2 of 3 accounts"
    assert (least.reading.value, least.outcome) == (2.5, Outcome.FAIL)
    assert none.reason == "no account has account_persona 'nobody'; put such facts in (trueline facts put)"


def test_a_tenant_without_events_has_no_data(warehouse: Warehouse, tmp_path: Path) -> None:
    """Everything is insufficient and says what to feed; nothing fails and nothing is opened."""
    world = CheckpointWorld(warehouse, tmp_path, rules_of(*CELLS))
    found = world.run()
    assert {one.outcome for one in found.cells} == {INSUFFICIENT}
    assert found.verdict == "incomplete"
    assert found.cells[0].reason == "kpi ordered has no value: there are no events yet"
    assert world.heard == []
    world.close()
