"""Controls that turned become events, once, whatever happens between."""

from __future__ import annotations

import pytest
from trueline_rules.loader import load_texts
from trueline_server.compliance.turning import EVENT, TurnWatch
from trueline_server.ingest.own_events import OwnEvent
from trueline_server.kpis.instants import Clocks
from trueline_stores.errors import BackpressureError
from trueline_stores.warehouse.client import Warehouse

from tests.integration.compliance.compliance_world import ComplianceWorld
from tests.integration.compliance.test_posture import POST


class Log:
    """Events by id, as the log keeps them; one that is there already changes nothing."""

    def __init__(self) -> None:
        self.events: dict[str, OwnEvent] = {}
        self.full = False
        self.dies = False

    def append(self, tenant: str, events: list[OwnEvent]) -> int:
        """Keep events, or refuse them, or keep them and never answer."""
        if self.full:
            raise BackpressureError("full", metadata={}, retry_after_s=1.0)
        before = len(self.events)
        for event in events:
            self.events.setdefault(event.id, event)
        if self.dies:
            raise KeyboardInterrupt
        return len(self.events) - before

    def told(self) -> list[tuple[str, str, str, str]]:
        """Control, subject and both statuses of each event, in order."""
        shown = [each.properties for each in self.events.values()]
        return [(each["control"], each["subject"], each["from"], each["to"]) for each in shown]


@pytest.fixture
def log() -> Log:
    """A log."""
    return Log()


@pytest.fixture
def watch(world: ComplianceWorld, warehouse: Warehouse, log: Log) -> TurnWatch:
    """What looks at parcels."""
    world.rules = load_texts([("post.yaml", POST)])
    return TurnWatch(
        world.state,
        world.facts,
        world.assessments,
        log,
        lambda _: world.rules,
        clocks=Clocks(warehouse, 0),
        clock=world.clock,
        interval_s=300,
    )


def test_what_turned_is_told_once(world: ComplianceWorld, watch: TurnWatch, log: Log) -> None:
    """The first look tells nothing; a status that stays is not told again, and one that turns back is told anew."""
    world.put({"sealed": True}, "p1")
    assert watch.look(world.tenant) == 0
    world.clock.turn(300)
    world.put({"sealed": False}, "p1")
    assert watch.look(world.tenant) == 2
    assert log.told() == [("A.1", "p1", "insufficient_evidence", "fail"), ("A.2", "p1", "pass", "fail")]
    event = log.events[next(iter(log.events))]
    assert (event.name, event.occurred_at_us, event.properties["severity"]) == (EVENT, world.clock(), "critical")
    assert event.properties["framework"] == "post"
    assert watch.look(world.tenant) == 0
    world.clock.turn(300)
    world.put({"sealed": True}, "p1")
    watch.look(world.tenant)
    world.clock.turn(300)
    world.put({"sealed": False}, "p1")
    watch.look(world.tenant)
    assert [told for told in log.told() if told[0] == "A.2"] == [
        ("A.2", "p1", "pass", "fail"),
        ("A.2", "p1", "fail", "pass"),
        ("A.2", "p1", "pass", "fail"),
    ]


def test_time_alone_turns_controls(world: ComplianceWorld, watch: TurnWatch, log: Log) -> None:
    """Evidence that ages and a waiver that ends are told as they return."""
    from trueline.v1 import compliance_service_pb2 as pb

    world.put({"insured": True}, "tenant")
    world.call("RecordEvidence", pb.RecordEvidenceRequest(type="policy", source="insurer"))
    watch.look(world.tenant)
    world.turn(91)
    watch.look(world.tenant)
    assert log.told() == [("B.1", "tenant", "pass", "insufficient_evidence")]


def test_a_log_that_is_full_is_tried_again(world: ComplianceWorld, watch: TurnWatch, log: Log) -> None:
    """What was not told is told by the next look."""
    world.put({"sealed": True}, "p1")
    watch.look(world.tenant)
    world.clock.turn(300)
    world.put({"sealed": False}, "p1")
    log.full = True
    with pytest.raises(BackpressureError):
        watch.look(world.tenant)
    log.full = False
    world.clock.turn(300)
    watch.look(world.tenant)
    assert len(log.told()) == 2


def test_a_crash_between_log_and_state_tells_nothing_twice(world: ComplianceWorld, watch: TurnWatch, log: Log) -> None:
    """The next look makes the same events, which are there already."""
    world.put({"sealed": True}, "p1")
    watch.look(world.tenant)
    world.clock.turn(300)
    world.put({"sealed": False}, "p1")
    log.dies = True
    with pytest.raises(KeyboardInterrupt):
        watch.look(world.tenant)
    log.dies = False
    world.clock.turn(300)
    watch.look(world.tenant)
    assert len(log.told()) == 2


def test_a_tenant_with_imported_history_alone_gets_no_event(world: ComplianceWorld, watch: TurnWatch, log: Log) -> None:
    """One of today would move the instant that its KPIs are judged at; what turned meanwhile is not told later."""
    world.put({"sealed": True}, "p1")
    watch.look(world.tenant)
    world.clock.turn(300)
    world.put({"sealed": False}, "p1")
    assert watch.look(world.tenant, tell=False) == 2
    assert log.told() == []
    assert watch.look(world.tenant) == 0


def test_looks_are_an_interval_apart_and_of_tenants_with_facts(
    world: ComplianceWorld, watch: TurnWatch, log: Log
) -> None:
    """A tick before its time does nothing; another control in the rules has not turned."""
    world.put({"sealed": True}, "p1")
    watch.tick()
    world.put({"sealed": False}, "p1")
    world.clock.turn(299)
    watch.tick()
    assert log.told() == []
    more = "    - {id: A.3, title: Anew., severity: low, rule: sealed}\n"
    world.rules = load_texts([("post.yaml", POST + more)])
    world.clock.turn(1)
    watch.tick()
    assert {told[0] for told in log.told() if told[1] == "p1"} == {"A.1", "A.2"}
