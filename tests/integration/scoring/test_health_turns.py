"""Accounts whose class turned become events and facts: once, whatever happens between, and not at the first look."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from trueline_server.ingest.own_events import OwnEvent
from trueline_server.kpis.instants import Clocks
from trueline_server.scoring.health_watch import EVENT, HealthWatch
from trueline_server.scoring.kept_healths import KeptHealths
from trueline_stores.errors import BackpressureError
from trueline_stores.warehouse.client import Warehouse

from tests.integration.scoring.health_world import DAY_US, NOW_US, PROFILE, HealthWorld, rules_of


class Log:
    """Events of a tenant by id, as the log keeps them; one that is there already changes nothing."""

    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
        self.events: dict[str, OwnEvent] = {}
        self.full = False
        self.dies = False

    def append(self, tenant: str, events: Sequence[OwnEvent]) -> int:
        """Keep events, or refuse them, or keep them and never answer."""
        if tenant != self.tenant:
            return 0
        if self.full:
            raise BackpressureError("full", metadata={}, retry_after_s=1.0)
        before = len(self.events)
        for event in events:
            self.events.setdefault(event.id, event)
        if self.dies:
            raise KeyboardInterrupt
        return len(self.events) - before

    def told(self) -> list[tuple[str, object, object]]:
        """Account and both classes of each event, in order."""
        return [(one.account_id, one.properties["from"], one.properties["to"]) for one in self.events.values()]


@pytest.fixture
def log(world: HealthWorld) -> Log:
    """A log; the warehouse has the accounts of other tests, too."""
    return Log(world.tenant)


@pytest.fixture
def watch(world: HealthWorld, warehouse: Warehouse, log: Log) -> HealthWatch:
    """What looks at the accounts of the world."""
    world.put("good", tickets=0.0, state="good", price=99.0, yearly=True)
    world.put("poor", tickets=7.0, state="poor", price=1.0, yearly=False)
    return HealthWatch(
        KeptHealths(warehouse),
        world.book,
        log,
        lambda _: world.rules,
        world.facts,
        clocks=Clocks(warehouse, 0),
        clock=lambda: world.now_us,
        interval_s=3600,
    )


def _facts(world: HealthWorld) -> dict[tuple[str, str], object]:
    rows = world.facts.as_of(world.tenant, "account", world.now_us, names=["health", "health_score"])
    return {(row.subject_id, row.name): row.value for row in rows}


def _turn(world: HealthWorld) -> None:
    world.now_us += DAY_US
    world.put("good", tickets=7.0, state="poor", price=1.0, yearly=False)


def test_the_first_look_keeps_facts_and_tells_nothing(world: HealthWorld, watch: HealthWatch, log: Log) -> None:
    """Nor does one at which an account is seen first."""
    assert watch.look(world.tenant) == 0
    facts = _facts(world)
    assert (facts["good", "health"], facts["poor", "health"]) == ("healthy", "critical")
    ends = world.health("good").overall.ends
    assert ends
    assert facts["good", "health_score"] == ends[0]
    world.now_us += DAY_US
    world.put("new", tickets=7.0, state="poor", price=1.0, yearly=False)
    assert watch.look(world.tenant) == 0
    assert _facts(world)["new", "health"] == "critical"
    assert log.told() == []


def test_what_turned_is_told_once(world: HealthWorld, watch: HealthWatch, log: Log) -> None:
    """With both classes, score and persona, at the instant of the look; turning back is told anew."""
    world.put("good", persona="agency")
    watch.look(world.tenant)
    _turn(world)
    assert watch.look(world.tenant) == 1
    (event,) = log.events.values()
    assert (event.name, event.account_id, event.occurred_at_us) == (EVENT, "good", world.now_us)
    ends = world.health("good").overall.ends
    assert ends
    assert event.properties == {
        "profile": "account_health",
        "from": "healthy",
        "to": "critical",
        "score": ends[0],
        "persona": "agency",
    }
    assert _facts(world)["good", "health"] == "critical"
    assert watch.look(world.tenant) == 0
    world.now_us += DAY_US
    world.put("good", tickets=0.0, state="good", price=99.0, yearly=True)
    watch.look(world.tenant)
    _turn(world)
    watch.look(world.tenant)
    assert [one[1:] for one in log.told()] == [
        ("healthy", "critical"),
        ("critical", "healthy"),
        ("healthy", "critical"),
    ]


def test_a_score_that_moves_within_its_class_is_kept_and_not_told(
    world: HealthWorld, watch: HealthWatch, log: Log
) -> None:
    """By a point at least; a move by less is left until it adds up to one."""
    watch.look(world.tenant)
    before = _facts(world)["poor", "health_score"]
    world.now_us += DAY_US
    world.put("poor", price=1.5)
    watch.look(world.tenant)
    assert _facts(world)["poor", "health_score"] == before
    world.put("poor", price=9.0)
    watch.look(world.tenant)
    ends = world.health("poor").overall.ends
    assert ends
    assert _facts(world)["poor", "health_score"] == ends[0] != before
    assert log.told() == []


def test_of_too_little_no_score_is_told_or_kept(world: HealthWorld, watch: HealthWatch, log: Log) -> None:
    """Neither in the event nor as a fact: the one that there was is absent from then on."""
    watch.look(world.tenant)
    before = _facts(world)["good", "health_score"]
    world.now_us += DAY_US
    world.put("good", yearly=None)
    assert watch.look(world.tenant) == 1
    (event,) = log.events.values()
    assert event.properties == {"profile": "account_health", "from": "healthy", "to": "insufficient_data"}
    facts = _facts(world)
    assert (facts["good", "health"], facts.get(("good", "health_score"))) == ("insufficient_data", None)
    assert facts["poor", "health_score"] is not None
    world.now_us += DAY_US
    world.put("good", yearly=True)
    watch.look(world.tenant)
    assert [one.properties.get("score") for one in log.events.values()] == [None, before]


def test_a_changed_profile_is_a_first_look(world: HealthWorld, watch: HealthWatch, log: Log) -> None:
    """Accounts have not turned because somebody moved a band; what people read changes nothing."""
    watch.look(world.tenant)
    world.rules = rules_of(PROFILE.replace("text: Call.", "text: Call them."))
    world.now_us += DAY_US
    assert watch.look(world.tenant) == 0
    _turn(world)
    assert watch.look(world.tenant) == 1
    world.rules = rules_of(PROFILE.replace("at_risk: 40", "at_risk: 5"))
    world.now_us += DAY_US
    assert watch.look(world.tenant) == 0
    assert _facts(world)["poor", "health"] == "at_risk"


def test_a_crash_after_the_log_tells_nothing_twice(world: HealthWorld, watch: HealthWatch, log: Log) -> None:
    """The event stays what it was, even if the account has turned again meanwhile, which is told, too."""
    watch.look(world.tenant)
    _turn(world)
    log.dies = True
    with pytest.raises(KeyboardInterrupt):
        watch.look(world.tenant)
    log.dies = False
    world.now_us += DAY_US
    world.put("good", tickets=0.0, state="good", price=99.0, yearly=True)
    watch.look(world.tenant)
    assert log.told() == [("good", "healthy", "critical"), ("good", "critical", "healthy")]
    assert _facts(world)["good", "health"] == "healthy"


def test_a_full_log_is_tried_again(world: HealthWorld, watch: HealthWatch, log: Log) -> None:
    """What was not told is told by the next look."""
    watch.look(world.tenant)
    _turn(world)
    log.full = True
    with pytest.raises(BackpressureError):
        watch.look(world.tenant)
    log.full = False
    assert watch.look(world.tenant) == 1
    assert log.told() == [("good", "healthy", "critical")]


def test_looks_are_an_interval_apart_and_history_is_not_told(world: HealthWorld, watch: HealthWatch, log: Log) -> None:
    """An event of today among imported ones alone would move the instant that KPIs judge."""
    watch.tick()
    _turn(world)
    watch.look(world.tenant, tell=False)
    assert log.told() == []
    assert _facts(world)["good", "health"] == "critical"
    world.now_us = NOW_US + 3_599_000_000
    world.put("poor", at_us=NOW_US, tickets=0.0, state="good", price=99.0, yearly=True)
    watch.tick()
    assert log.told() == []
    world.now_us += 1_000_000 + 2 * DAY_US
    watch.tick()
    assert log.told() == [("poor", "critical", "healthy")]
