"""Alerts over gRPC: listed, told all about, and changed by people, each change once and in one transaction."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection
from trueline import (
    AsyncTruelineClient,
    CaseState,
    EtagMismatchError,
    InvalidRequestError,
    NotFoundError,
    NotifyReason,
    PreconditionError,
    SuppressionKind,
    TruelineClient,
)
from trueline_server.alerts import listing
from trueline_server.alerts.service import AlertService, Asked
from trueline_server.cases import store
from trueline_server.cases.model import CaseKind, NewCase
from trueline_server.cases.requests import Request

from tests.integration.alerts.dispatch_world import TENANT
from tests.integration.alerts.service_world import STRANGER, ServiceWorld

MINUTE = 60
NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)


def test_alerts_are_listed_the_newest_first(world: ServiceWorld, client: TruelineClient) -> None:
    """Filtered by all that an alert has, in pages that neither repeat nor leave out."""
    world.fire("pro", "free", region="eu")
    world.turn(10)
    world.fire("x", rule="down", severity="critical")
    client.assign_alert("alert-2", "bob", author="ann")
    client.acknowledge_alert("alert-3", author="ann")
    client.resolve_alert("alert-1", author="ann")

    def ids(**asked: object) -> list[str]:
        return [alert.id for alert in client.list_alerts(**asked)]  # type: ignore[arg-type]

    assert ids() == ["alert-3", "alert-2", "alert-1"]
    assert ids(states=[CaseState.OPEN, "acknowledged"]) == ["alert-3", "alert-2"]
    assert ids(states=["resolved"]) == ["alert-1"]
    assert ids(severity="critical") == ids(rule="down") == ids(kind="rule", severity="critical") == ["alert-3"]
    assert ids(owner="bob") == ["alert-2"]
    assert ids(owner="") == ["alert-3", "alert-1"]
    assert ids(matchers=['plan=~"p.*|free"', "region=eu"]) == ["alert-2", "alert-1"]
    assert ids(matchers="plan!=pro") == ["alert-3", "alert-2"]
    assert ids(kind="checkpoint") == []
    with world.client(STRANGER) as other:
        assert other.list_alerts() == ()


def test_rules_and_checkpoints_are_in_one_list(
    world: ServiceWorld, client: TruelineClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By their opening, however many kinds there are, and however few a page looks at."""
    for number in range(6):
        kind = CaseKind.ESCALATION if number % 3 == 1 else CaseKind.ALERT
        with world.state.writing() as connection:
            new = NewCase(kind, f"k{number}", "high", "t", labels={"odd": str(number % 2)})
            store.insert_cases(connection, TENANT, [new], world.clock())
        world.clock.turn(1)
    expected = ["alert-4", "escalation-2", "alert-3", "alert-2", "escalation-1", "alert-1"]
    assert [alert.id for alert in client.list_alerts()] == expected
    assert [alert.kind.value for alert in client.list_alerts(limit=2)] == ["rule", "checkpoint"]
    monkeypatch.setattr(listing, "MOST_LOOKED_AT", 1)
    assert [alert.id for alert in client.list_alerts(limit=0)] == expected
    assert [alert.id for alert in client.list_alerts(matchers=["odd=1"])] == ["alert-4", "alert-3", "escalation-1"]
    assert [alert.id for alert in client.list_alerts(states=["open"], limit=3)] == expected[:3]
    client.acknowledge_alert("escalation-1", author="ann")
    assert client.get_alert("escalation-1").alert.acknowledged_by == "ann"


def test_all_about_an_alert(world: ServiceWorld, client: TruelineClient) -> None:
    """Its timeline, its group with escalation and deadlines, and what was said of it."""
    world.fire("x", rule="down", severity="critical")
    world.turn(40)
    found = client.get_alert("alert-1")
    (group,) = found.groups
    (escalation,) = group.escalations
    assert (escalation.alerts, escalation.alerts_total) == (("alert-1",), 1)
    assert escalation.begun_at == NOON + timedelta(seconds=30)
    assert (group.channels, group.firing, group.alerts) == (("ops",), 1, ("alert-1",))
    assert (escalation.policy, escalation.level, escalation.next_level) == ("quick", "first", "second")
    assert escalation.next_at == NOON + timedelta(minutes=10, seconds=30)
    assert [deadline.name for deadline in escalation.deadlines] == ["respond", "update"]
    assert {each.reason for each in found.notifications} == {NotifyReason.FIRST, NotifyReason.ESCALATION}
    assert [event.kind.value for event in found.timeline] == ["notified", "escalated"]
    assert (found.alert.labels["plan"], found.alert.starts_at, found.alert.etag) == ("x", NOON, "1")
    (listed,) = client.list_alert_groups()
    assert listed == group
    assert client.list_alert_groups(route="elsewhere") == ()


def test_an_acknowledgement_stops_the_escalation_and_runs_out(world: ServiceWorld, client: TruelineClient) -> None:
    """The next level is not told; after an hour the level is told again, and the alert is nobody's."""
    world.fire("x", rule="down", severity="critical")
    world.turn(40)
    done = client.acknowledge_alert("alert-1", author="ann", note="on it")
    assert (done.state, done.acknowledged_by, done.etag) == (CaseState.ACKNOWLEDGED, "ann", "2")
    (held,) = client.get_alert("alert-1").groups[0].escalations
    assert (held.acknowledged_by, held.next_level) == ("ann", "")
    assert held.acknowledged_until is not None
    world.turn(30 * MINUTE)
    assert sum(reason == "escalation" for _, _, reason, _ in world.told()) == 1
    world.turn(31 * MINUTE)
    again = client.get_alert("alert-1")
    assert again.alert.state is CaseState.OPEN
    assert sum(reason == "escalation" for _, _, reason, _ in world.told()) == 2
    client.acknowledge_alert("alert-1", author="bob")
    taken_back = client.unacknowledge_alert("alert-1", author="bob", note="my shift ends")
    assert (taken_back.state, taken_back.acknowledged_at) == (CaseState.OPEN, None)
    same = client.unacknowledge_alert("alert-1", author="bob")
    assert same.etag == taken_back.etag


def test_a_change_is_made_once(world: ServiceWorld, client: TruelineClient) -> None:
    """However often it comes with its request id; with another request the id is refused; a day later it is new."""
    world.fire("pro")
    first = client.acknowledge_alert("alert-1", author="ann", request_id="r1")
    client.assign_alert("alert-1", "bob", author="ann")
    again = client.acknowledge_alert("alert-1", author="ann", request_id="r1")
    assert (first.etag, again.etag, again.owner) == ("2", "3", "bob")
    kinds = [event.kind.value for event in client.get_alert("alert-1").timeline]
    assert kinds.count("acknowledged") == 1
    with pytest.raises(InvalidRequestError, match="was given with another request"):
        client.acknowledge_alert("alert-1", author="bob", request_id="r1")
    with pytest.raises(InvalidRequestError, match="was given with another request"):
        client.resolve_alert("alert-1", author="ann", request_id="r1")
    client.resolve_alert("alert-1", author="ann", request_id="r2")
    assert client.resolve_alert("alert-1", author="ann", request_id="r2").state is CaseState.RESOLVED
    world.clock.turn(86_401)
    with pytest.raises(PreconditionError):
        client.resolve_alert("alert-1", author="ann", request_id="r2")
    for _ in range(2):
        client.add_note("alert-1", "it was the importer", author="ann", request_id="n1")
    assert [event.text for event in client.get_alert("alert-1").timeline].count("it was the importer") == 1


def test_two_people_at_once(world: ServiceWorld, client: TruelineClient) -> None:
    """Who read an older state changes nothing; of many at once with one etag exactly one wins."""
    world.fire("pro")
    seen = client.get_alert("alert-1").alert.etag

    def ack(number: int) -> str:
        try:
            client.acknowledge_alert("alert-1", author=f"p{number}", etag=seen)
        except EtagMismatchError as error:
            return f"refused: {error.metadata['etag']}"
        return f"p{number}"

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(ack, range(16)))
    (winner,) = [each for each in outcomes if each != "refused: 2"]
    assert client.get_alert("alert-1").alert.acknowledged_by == winner


def test_a_trial_changes_nothing(world: ServiceWorld, client: TruelineClient) -> None:
    """With validate_only the answer is what would be, and errors are those of the change."""
    world.fire("pro")
    before = client.get_alert("alert-1")
    tried = client.acknowledge_alert("alert-1", author="ann", validate_only=True)
    assert (tried.state, tried.etag) == (CaseState.ACKNOWLEDGED, "2")
    assert client.resolve_alert("alert-1", author="ann", validate_only=True).state is CaseState.RESOLVED
    assert client.assign_alert("alert-1", "bob", author="ann", validate_only=True).owner == "bob"
    client.add_note("alert-1", "x", author="ann", validate_only=True)
    assert client.get_alert("alert-1") == before
    with pytest.raises(EtagMismatchError):
        client.acknowledge_alert("alert-1", author="ann", etag="9", validate_only=True)


def test_what_is_resolved_by_hand_stays_so(world: ServiceWorld, client: TruelineClient) -> None:
    """Its group is told that it is over; it takes notes and nothing else; what fires anew has an id of its own."""
    world.fire("pro")
    world.turn(40)
    done = client.resolve_alert("alert-1", author="ann", note="known")
    assert (done.state, done.ends_at, done.resolved_at) == (CaseState.RESOLVED, None, NOON + timedelta(seconds=40))
    world.turn(5 * MINUTE)
    assert [reason for _, _, reason, _ in world.told()] == ["first", "all_resolved"]
    for change in (client.acknowledge_alert, client.unacknowledge_alert, client.resolve_alert):
        with pytest.raises(PreconditionError) as refused:
            change("alert-1", author="ann")
        assert (refused.value.reason, refused.value.metadata) == ("CASE_RESOLVED", {"case": "alert-1"})
    client.add_note("alert-1", "it was the importer", author="ann")
    assert world.fire("pro")[0].id == "alert-2"


def test_a_note_meets_a_deadline(world: ServiceWorld, client: TruelineClient) -> None:
    """An update has the next one from then on; the post-mortem is waited for after the end; others are refused."""
    world.fire("x", rule="down", severity="critical")
    world.turn(40)
    world.clock.turn(20 * MINUTE)
    client.add_note("alert-1", "customers were told", author="ann", meets="update")
    (escalation,) = client.get_alert("alert-1").groups[0].escalations
    due = {deadline.name: deadline.due for deadline in escalation.deadlines}
    assert due["update"] == NOON + timedelta(minutes=50, seconds=40)
    with pytest.raises(InvalidRequestError, match="no deadline of alert-1; it waits for"):
        client.add_note("alert-1", "x", author="ann", meets="lunch")
    client.resolve_alert("alert-1", author="ann")
    world.turn(10 * MINUTE)
    (waits,) = client.get_alert("alert-1").groups[0].escalations
    assert [deadline.name for deadline in waits.deadlines] == ["post_mortem"]
    client.add_note("alert-1", "what we learnt", author="ann", meets="post_mortem")
    assert client.get_alert("alert-1").groups == ()


def test_why_nobody_is_told(world: ServiceWorld, client: TruelineClient) -> None:
    """A silence that was put in is named, with its end; once it is over there is no reason any more."""
    silence = client.create_silence(["plan=pro"], author="ann", reason="known", ends=timedelta(minutes=20)).silence
    world.fire("pro")
    world.turn(40)
    (why,) = client.get_alert("alert-1").suppressions
    assert (why.kind, why.by, why.until) == (SuppressionKind.SILENCED, silence.id, NOON + timedelta(minutes=20))
    world.turn(21 * MINUTE)
    found = client.get_alert("alert-1")
    assert found.suppressions == ()
    assert [each.reason for each in found.notifications] == [NotifyReason.UNSUPPRESSED]


def test_what_cannot_be_is_refused_in_words(world: ServiceWorld, client: TruelineClient) -> None:
    """The field, the value and the way out."""
    world.fire("pro")
    for alert in ("alert-9", "nonsense", "backlog-1"):
        with pytest.raises(NotFoundError, match=f"there is no alert '{alert}'") as unknown:
            client.acknowledge_alert(alert, author="ann")
        assert unknown.value.metadata == {"case": alert}
    with world.client(STRANGER) as other, pytest.raises(NotFoundError):
        other.get_alert("alert-1")
    with pytest.raises(InvalidRequestError, match="author is required"):
        client.acknowledge_alert("alert-1", author="")
    with pytest.raises(InvalidRequestError, match=r"matchers\[1\] is 'a b'"):
        client.list_alerts(matchers=["plan=pro", "a b"])
    with pytest.raises(InvalidRequestError, match="cannot be built"):
        client.list_alerts(states=["lost"])


def test_what_fails_within_a_change_undoes_all_of_it(world: ServiceWorld) -> None:
    """A dispatcher that fails leaves the alert, its timeline and the request as they were."""
    world.fire("pro")

    def fails(_connection: Connection, _tenant: str, _alerts: object, _now_us: int) -> None:
        raise RuntimeError("struck")

    asked = Asked(TENANT, "alert-1", "ann", request=Request("r", "d" * 32))
    before = AlertService(world.state, fails, world.clock).get(TENANT, "alert-1")
    with pytest.raises(RuntimeError, match="struck"):
        AlertService(world.state, fails, world.clock).acknowledge(asked)
    working = AlertService(world.state, world.dispatcher.take, world.clock)
    assert working.get(TENANT, "alert-1") == before
    assert working.acknowledge(asked).acknowledged_by == "ann"


def test_the_async_client_does_the_same(world: ServiceWorld) -> None:
    """Every call has its twin."""
    world.fire("pro")

    async def run() -> tuple[str, ...]:
        async with AsyncTruelineClient(world.address, token=TENANT) as client:
            await client.acknowledge_alert("alert-1", author="ann")
            await client.assign_alert("alert-1", "bob", author="ann")
            await client.unacknowledge_alert("alert-1", author="ann")
            await client.add_note("alert-1", "x", author="ann")
            made = await client.create_silence(["plan=pro"], author="ann", reason="r", ends=timedelta(hours=1))
            await client.expire_silence(made.silence.id)
            assert len(await client.list_silences(ended=True)) == 2
            assert await client.list_notifications() == ()
            assert len(await client.list_alert_groups()) == 1
            await client.resolve_alert("alert-1", author="ann")
            (alert,) = await client.list_alerts()
            found = await client.get_alert(alert.id)
            return tuple(event.kind.value for event in found.timeline)

    assert asyncio.run(run()) == ("acknowledged", "owner_changed", "unacknowledged", "note", "resolved")
