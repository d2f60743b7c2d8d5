"""Alert rules evaluated live: in event time, through restarts, beside a shadow, each transition logged once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from trueline_server.alerts.evaluation import Evaluated
from trueline_server.facts.store import FactRow, FactStore
from trueline_stores.warehouse.client import Warehouse

from tests.integration.alerts.alert_world import NOON, AlertWorld, Shelf, alert, rules_of
from tests.unit.streams.support import MINUTE

BUSY = alert("busy", "n: {metric: by_plan}", "warning: n >= 2\n  critical: n >= 4\n  for: 2m")


@pytest.fixture
def world(warehouse: Warehouse, tmp_path: Path) -> Iterator[AlertWorld]:
    """A shop that is watched for being busy."""
    made = AlertWorld(warehouse, tmp_path, Shelf(rules_of(BUSY)))
    # A tenant is judged from where it was when it was first seen.
    made.until(0, made.look(-10))
    made.live.tick()
    yield made
    made.log.close()
    made.state.close()


def looks(world: AlertWorld, minute: int, plan: str, count: int) -> list[Any]:
    """Looks of a plan in the minute that ends at `minute`."""
    return [world.look(minute * 60 - 50 + number, plan) for number in range(count)]


def test_a_rule_fires_when_its_condition_held_for_long_enough(world: AlertWorld) -> None:
    """Pending at the first minute that is busy, firing two minutes later, resolved when it is over; each label set for
    itself, at instants that the watermark has passed."""
    world.until(1, *looks(world, 1, "pro", 1), *looks(world, 1, "free", 1))
    world.live.tick()
    for minute in range(2, 5):
        world.until(minute, *looks(world, minute, "pro", 3 if minute < 4 else 5))
    world.live.tick()
    # The watermark is two minutes behind: 12:02 is judged last.
    assert world.live.states_of(world.tenant).evaluated_us == NOON + 2 * MINUTE
    assert world.states("busy") == {"pro": "pending warning"}
    for minute in range(5, 8):
        world.until(minute, world.look(minute * 60 - 30, "free"))
        world.live.tick()
    assert world.states("busy") == {"pro": "firing critical"}
    for minute in range(8, 14):
        world.until(minute)
        world.live.tick()
    told = [(d.rule, d.before, d.after, (d.at_us - NOON) // MINUTE) for d in world.decisions()]
    assert told == [
        ("busy", "inactive", "pending warning", 2),
        ("busy", "pending warning", "firing critical", 4),
        ("busy", "firing critical", "resolved critical", 10),
    ]


def test_for_goes_on_through_a_restart(world: AlertWorld) -> None:
    """A process that is killed while an alert is pending fires it as if nothing had been, and logs nothing twice."""
    for minute in range(1, 4):
        world.until(minute, *looks(world, minute, "pro", 3))
        world.live.tick()
    before = world.live.states_of(world.tenant)
    world.restart()
    assert world.live.states_of(world.tenant).rules.keys() == before.rules.keys()
    for minute in range(4, 7):
        world.until(minute, *looks(world, minute, "pro", 3))
        world.live.tick()
        world.restart()
    assert world.states("busy") == {"pro": "firing warning"}
    assert [(d.before, d.after) for d in world.decisions()] == [
        ("inactive", "pending warning"),
        ("pending warning", "firing warning"),
    ]


def test_an_evaluation_is_kept_whole_or_not_at_all(world: AlertWorld) -> None:
    """What fails inside its transaction undoes it; the next look judges the same instant again, with one decision."""
    broken = [True]

    def fails(_connection: object, _evaluated: object) -> None:
        if broken:
            raise RuntimeError("the machine fell over")

    world.live.add_inside(fails)
    world.until(3, *looks(world, 1, "pro", 3))
    with pytest.raises(RuntimeError, match="fell over"):
        world.live.tick()
    assert world.states("busy") == {}
    assert world.live.states_of(world.tenant).evaluated_us is None
    broken.clear()
    world.live.tick()
    assert world.states("busy") == {"pro": "pending warning"}
    assert len(world.decisions()) == 1


def test_a_fact_that_is_put_wakes_the_rules_that_read_it(world: AlertWorld) -> None:
    """Rules over facts are looked at when something was put that they read: a new value, one for an instant that is
    past, one put again for the same instant, an absence; one from the near future when its time has come."""
    gold, banked = ("warning: t == 'gold'", "warning: i == 'x'")
    world.shelf.active = rules_of(alert("gold", "t: {fact: tier}", gold), alert("banked", "i: {fact: iban}", banked))
    world.put("iban", a="y")
    world.put("tier", a="free", b="free")

    def look(minute: int) -> tuple[int, dict[str, str]]:
        before = world.live.looked_at(world.tenant)
        world.until(minute)
        world.live.tick()
        return world.live.looked_at(world.tenant) - before, world.states("gold")

    for minute in (3, 4):
        look(minute)
    assert look(5) == (0, {})
    world.put("tier", b="gold")
    # What was put at 12:05 holds from then on, which is judged at 12:07.
    assert [look(minute) for minute in (6, 7, 8)] == [
        (0, {}),
        (1, {"b": "firing warning"}),
        (0, {"b": "firing warning"}),
    ]
    store = FactStore(world.warehouse)
    store.write(world.tenant, [FactRow("account", "a", "tier", NOON + MINUTE, "gold")], 2)
    assert look(9) == (1, {"a": "firing warning", "b": "firing warning"})
    store.write(world.tenant, [FactRow("account", "a", "tier", NOON + MINUTE, "free")], 3)
    looked, states = look(10)
    assert (looked, states) == (1, {"a": "resolved warning", "b": "firing warning"})
    store.write(world.tenant, [FactRow("account", "b", "tier", NOON + 12 * MINUTE, None)], 4)
    # What is resolved is forgotten after a while, so the rule stays awake until then.
    assert [look(minute)[1]["b"] for minute in (12, 13, 14)] == ["firing warning", "firing warning", "resolved warning"]
    assert look(15)[0] == 1
    look(34)
    assert look(35) == (0, {})


def test_sleeping_rules_are_logged_as_those_that_are_not(warehouse: Warehouse, tmp_path: Path) -> None:
    """The same history with and without a restart, which wakes all, before each minute: the same decisions."""
    told = []
    for restarts in (False, True):
        folder = tmp_path / str(restarts)
        folder.mkdir()
        gold = alert("gold", "t: {fact: tier}", "warning: t == 'gold'\n  for: 1m")
        mixed = alert(
            "mixed", "n: {metric: by_plan, by: [], agg: sum}, t: {fact: tier}", "critical: n > 2 and t != 'free'"
        )
        low = alert("low", "k: {kpi: looks}", "warning: k < 9\n  on_no_data: ok")
        world = AlertWorld(warehouse, folder, Shelf(rules_of(BUSY, gold, mixed, low)))
        world.until(0, world.look(-10))
        world.live.tick()
        for minute in range(1, 16):
            if minute in (4, 9):
                world.put("tier", a="gold" if minute == 4 else "free", b="pro")
            world.until(minute, *looks(world, minute, "pro", 3 if minute in (5, 6, 7) else 1))
            world.materialiser.tick()
            if restarts and minute > 4:
                world.restart()
            world.live.tick()
        told.append([(d.rule, d.labels, d.before, d.after, d.at_us, dict(d.facts)) for d in world.decisions()])
        # Four rules at 12:00 to 12:13.
        assert restarts or world.live.looked_at(world.tenant) < 4 * 14 - 10
        world.log.close()
        world.state.close()
    assert told[0] == told[1]
    assert {rule for rule, *_ in told[0]} == {"busy", "gold", "mixed", "low"}


def test_a_rule_waits_for_its_kpi(world: AlertWorld) -> None:
    """A KPI that was not computed yet is no missing value: its rule is judged once it was, at the same instant."""
    low = alert("looks_low", "looks: {kpi: looks}", "warning: looks < 5")
    world.shelf.active = rules_of(BUSY, low)
    world.happen(*looks(world, 1, "pro", 3), finished=True)
    world.clock.turn(600)
    world.live.tick()
    assert world.live.states_of(world.tenant).rules.keys() == {"busy"}
    world.materialiser.tick()
    world.live.tick()
    assert world.states("looks_low") == {"": "firing warning"}
    # The data ends within 12:01, so that is where it is judged, once.
    assert world.live.states_of(world.tenant).evaluated_us == NOON + MINUTE


def test_values_of_another_revision_count_where_the_kpi_is_the_same(world: AlertWorld) -> None:
    """A rule that is new is judged by values that were computed before it was there."""
    world.until(3, *looks(world, 1, "pro", 3))
    world.materialiser.tick()
    world.until(6)
    world.live.tick()
    low = alert("looks_low", "looks: {kpi: looks}", "warning: looks < 5")
    world.shelf.active = rules_of(BUSY, low)
    world.until(7)
    world.live.tick()
    assert world.states("looks_low") == {"": "firing warning"}


def test_what_the_shadow_says_otherwise_is_logged_once(world: AlertWorld) -> None:
    """A milder limit in the shadow: the difference is told when it begins, not again while it lasts."""
    milder = alert("busy", "n: {metric: by_plan}", "warning: n >= 3\n  for: 2m")
    other = alert("loud", "n: {metric: by_plan}", "warning: n >= 1")
    world.shelf.shadow = rules_of(milder, other)
    for minute in range(1, 8):
        world.until(minute, *looks(world, minute, "pro", 2))
        world.live.tick()
    assert world.states("busy") == {"pro": "firing warning"}
    assert world.states("busy", "shadow") == {}
    world.log.flush()
    world.restart()
    world.until(8, *looks(world, 8, "pro", 2))
    world.live.tick()
    told = {(d.rule, d.before, d.after) for d in world.decisions("shadow")}
    assert told == {
        ("busy", "pending warning", "inactive"),
        ("busy", "firing warning", "inactive"),
        ("loud", "inactive", "firing warning"),
    }
    # Of "loud" both label sets.
    assert len(world.decisions("shadow")) == 4
    # "free" is judged six times from 12:00 on, until it is too old, "pro" from 12:01 on; "busy" says alike of "free".
    counted = [
        (each.rule, each.shadowed, each.different)
        for each in world.log.counts(world.tenant, start_us=NOON, end_us=world.clock())
        if each.revision == world.shelf.shadow.revision
    ]
    assert counted == [("busy", 12, 6), ("loud", 12, 12)]
    revisions = {(d.revision, d.compared) for d in world.decisions("shadow")}
    assert revisions == {(world.shelf.shadow.revision, world.shelf.active.revision)}
    world.shelf.shadow = None
    world.until(9, *looks(world, 9, "pro", 2))
    world.live.tick()
    assert world.live.states_of(world.tenant, "shadow").rules == {}


def test_a_changed_kpi_is_computed_for_the_shadow(world: AlertWorld) -> None:
    """A KPI that the shadow defines otherwise is judged by its own statement."""
    low = alert("looks_low", "looks: {kpi: looks}", "warning: looks < 5")
    world.shelf.active = rules_of(low)
    text = "---\n".join([*rules_texts(low)]).replace("count() AS value", "count() + 100 AS value")
    from trueline_rules.loader import load_texts

    world.shelf.shadow = load_texts([("shadow.yaml", text)], default_pack=False)
    world.until(3, *looks(world, 1, "pro", 3))
    world.materialiser.tick()
    world.until(6)
    world.live.tick()
    assert world.states("looks_low") == {"": "firing warning"}
    assert world.states("looks_low", "shadow") == {}


def rules_texts(*alerts: str) -> list[str]:
    """The documents of the small shop's rules."""
    from tests.integration.alerts.alert_world import BASE

    return [*BASE, *alerts]


def test_the_alerts_of_a_rule_that_is_gone_end(world: AlertWorld) -> None:
    """A rule that is taken out resolves what fires, and nothing of it is kept."""
    world.shelf.active = rules_of(alert("busy", "n: {metric: by_plan}", "warning: n >= 2"))
    world.until(3, *looks(world, 1, "pro", 3))
    world.live.tick()
    assert world.states("busy") == {"pro": "firing warning"}
    seen: list[Any] = []
    world.shelf.active = rules_of(alert("calm", "n: {metric: by_plan}", "warning: n >= 20"))
    world.restart()

    def see(_: object, evaluated: Evaluated) -> None:
        # Other tenants of the warehouse are judged by these rules, too.
        if evaluated.tenant == world.tenant:
            seen.extend(evaluated.evaluation.changed)

    world.live.add_inside(see)
    world.until(4)
    world.live.tick()
    assert [(each.name, each.rule, each.transitions[0].after.state.value) for each in seen] == [
        ("busy", None, "resolved")
    ]
    assert "busy" not in world.live.states_of(world.tenant).rules


def test_a_rule_has_its_own_interval(world: AlertWorld) -> None:
    """A rule that is evaluated every five minutes is judged at multiples of five."""
    world.shelf.active = rules_of(alert("busy", "n: {metric: by_plan}", "warning: n >= 2\n  every: 5m"))
    world.until(3, *looks(world, 1, "free", 1))
    world.live.tick()
    for minute in range(4, 14):
        world.until(minute, *looks(world, minute, "pro", 2))
        world.live.tick()
    assert [((d.at_us - NOON) // MINUTE, d.after) for d in world.decisions()] == [(5, "firing warning")]


def test_the_value_of_a_sensitive_fact_is_kept_nowhere(world: AlertWorld) -> None:
    """Its rule fires, and neither the state database nor the log has the value."""
    world.shelf.active = rules_of(alert("odd", "iban: {fact: iban}", "warning: iban =~ 'GB.*'"))
    world.put("iban", acme="GB33BUKB20201555555555")
    world.until(3)
    world.live.tick()
    assert world.states("odd") == {"acme": "firing warning"}
    (decision,) = world.decisions()
    assert decision.facts == {"iban": "•••"}
    world.state.close()
    content = b"".join(path.read_bytes() for path in world.folder.glob("state.sqlite3*"))
    assert b"GB33BUKB" not in content
    world.restart()


def test_late_events_that_change_what_was_judged_are_told(world: AlertWorld) -> None:
    """Two looks that come late make a minute busy that was not: the log says what it should have been, once."""
    world.shelf.active = rules_of(alert("busy", "n: {metric: by_plan}", "warning: n >= 3"))
    world.until(3, *looks(world, 1, "pro", 1), *looks(world, 2, "pro", 1))
    world.live.tick()
    world.until(4, *looks(world, 3, "pro", 1))
    world.live.tick()
    assert world.decisions() == []
    world.until(5, world.look(20, "pro"), world.look(21, "pro"))
    for minute in range(6, 9):
        world.until(minute)
        world.live.tick()
    (told,) = world.decisions("correction")
    assert ((told.at_us - NOON) // MINUTE, told.before, told.after, told.facts) == (
        1,
        "inactive",
        "warning",
        {"n": 3.0},
    )
    assert world.decisions() == []


def test_late_events_that_change_a_kpi_are_told(world: AlertWorld) -> None:
    """Looks that come late make a KPI higher than it was when it was judged: the log says what should have been."""
    world.shelf.active = rules_of(alert("few", "k: {kpi: looks}", "warning: k < 4\n  for: 1m"))
    for minute in range(1, 7):
        world.until(minute, *looks(world, minute, "free", 1 if minute < 3 else 0))
        world.materialiser.tick()
        world.live.tick()
    assert world.states("few") == {"": "firing warning"}
    world.until(7, *(world.look(60 + number, "free") for number in range(5)))
    for minute in range(8, 11):
        world.until(minute)
        world.materialiser.tick()
        world.live.tick()
    found = world.decisions("correction")
    assert {(each.rule, each.before, each.after) for each in found} == {("few", "firing warning", "none")}
    # Two looks in time, one before noon, and five late ones; at a few of the instants at which it was judged.
    assert [((each.at_us - NOON) // MINUTE, each.facts) for each in found] == [
        (3, {"k": 8.0}),
        (4, {"k": 8.0}),
    ]


def test_late_events_do_not_change_a_kpi_beyond_its_limit(world: AlertWorld) -> None:
    """One more look leaves it where it was judged: nothing is told; neither where time to compute it ran out."""
    world.shelf.active = rules_of(alert("few", "k: {kpi: looks}", "warning: k < 40"))
    for minute in range(1, 7):
        world.until(minute, *looks(world, minute, "free", 1))
        world.materialiser.tick()
        world.live.tick()
    world.until(7, world.look(61, "free"))
    for minute in range(8, 10):
        world.until(minute)
        world.materialiser.tick()
        world.live.tick()
    assert world.decisions("correction") == []
    world.corrected._monotonic = iter(float(100 * number) for number in range(1000)).__next__
    world.until(10, *(world.look(61 + number, "free") for number in range(50)))
    for minute in range(11, 14):
        world.until(minute)
        world.live.tick()
    assert world.decisions("correction") == []


def test_label_sets_are_known_however_many_there_are(warehouse: Warehouse, tmp_path: Path) -> None:
    """One harmless late event among more than a thousand alerts that fire all along tells of none that it did not."""
    world = AlertWorld(
        warehouse, tmp_path, Shelf(rules_of(alert("busy", "n: {metric: by_plan}", "warning: n >= 1\n  limit: 2000")))
    )
    world.until(0, world.look(-10))
    world.live.tick()
    for minute in range(1, 5):
        world.until(minute, *(world.look(minute * 60 - 50, f"p{plan}") for plan in range(1100) if minute < 4))
        world.live.tick()
    assert len(world.states("busy")) > 1000
    world.until(5, world.look(100, "p0"))
    for minute in range(6, 8):
        world.until(minute)
        world.live.tick()
    assert world.decisions("correction") == []
    world.log.close()
    world.state.close()


def test_late_events_that_change_nothing_are_not_told(world: AlertWorld) -> None:
    """One more look does not make it busy."""
    world.shelf.active = rules_of(alert("busy", "n: {metric: by_plan}", "warning: n >= 5"))
    world.until(3, *looks(world, 1, "pro", 1))
    world.live.tick()
    world.until(4, world.look(20, "pro"))
    world.live.tick()
    world.until(5)
    world.live.tick()
    assert world.decisions("correction") == []
