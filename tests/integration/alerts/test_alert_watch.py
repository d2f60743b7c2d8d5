"""WatchAlerts: what fires, then each change once and in order, however often the stream is cut."""

from __future__ import annotations

import asyncio
import threading
from itertools import islice
from typing import Any

import grpc
import pytest
from trueline import (
    Alert,
    AlertChanged,
    AlertsSnapshot,
    AsyncTruelineClient,
    CaseEventKind,
    Heartbeat,
    ResumeTokenExpiredError,
    Synced,
    TruelineClient,
)
from trueline.errors import decode
from trueline.v1 import alert_service_pb2 as pb
from trueline.v1 import alert_service_pb2_grpc
from trueline_server.alerts import watch as watching
from trueline_server.transport.tokens import Tokens

from tests.integration.alerts.dispatch_world import TENANT
from tests.integration.alerts.service_world import STRANGER, ServiceWorld


def test_snapshot_then_changes(world: ServiceWorld, client: TruelineClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is not resolved, SYNCED, then what happens, told with the alert as it is; heartbeats while nothing does."""
    monkeypatch.setattr(watching, "_SNAPSHOT_PAGE", 2)
    world.fire("a", "b", "c", "d")
    client.resolve_alert("alert-2", author="ann")
    watch = client.watch_alerts(heartbeat=1.0)
    first, second, synced = islice(watch, 3)
    assert isinstance(first, AlertsSnapshot)
    assert isinstance(second, AlertsSnapshot)
    assert isinstance(synced, Synced)
    assert [alert.id for alert in (*first.alerts, *second.alerts)] == ["alert-1", "alert-3", "alert-4"]
    client.acknowledge_alert("alert-3", author="ann", note="on it")
    told = next(watch)
    assert isinstance(told, AlertChanged)
    assert (told.alert.acknowledged_by, [event.text for event in told.events]) == ("ann", ["on it"])
    beat = next(watch)
    assert isinstance(beat, Heartbeat)
    assert beat.position == told.events[-1].number
    watch.close()

    async def again() -> list[Any]:
        async with AsyncTruelineClient(world.address, token=TENANT) as other:
            messages = other.watch_alerts(resume_token=synced.resume_token)
            return [await anext(messages), await anext(messages)]

    missed, end = asyncio.run(again())
    assert (missed.alert, missed.events) == (told.alert, told.events)
    assert isinstance(end, Synced)


def test_cut_streams_miss_nothing(world: ServiceWorld, client: TruelineClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """A watcher that is cut after every message, while alerts change, sees each event once and in order."""
    monkeypatch.setattr(watching, "_EVENT_PAGE", 3)
    world.fire("a", "b", "c")
    stub = alert_service_pb2_grpc.AlertServiceStub(grpc.insecure_channel(world.address))
    metadata = [("authorization", f"Bearer {TENANT}")]
    token, seen = "", []
    first = stub.WatchAlerts(pb.WatchAlertsRequest(), metadata=metadata)
    for message in first:
        token = message.resume_token or token
        if message.HasField("synced"):
            break
    first.cancel()

    def change() -> None:
        for number in range(30):
            client.add_note(f"alert-{number % 3 + 1}", str(number), author="ann")

    changing = threading.Thread(target=change)
    changing.start()
    while len(seen) < 30:
        stream = stub.WatchAlerts(pb.WatchAlertsRequest(resume_token=token), metadata=metadata, timeout=60)
        for message in stream:
            token = message.resume_token or token
            if message.HasField("change"):
                seen += message.change.events
                break
        stream.cancel()
    changing.join()
    assert [event.text for event in seen] == [str(number) for number in range(30)]
    numbers = [event.number for event in seen]
    assert numbers == sorted(set(numbers))


def test_a_client_goes_on_by_itself_through_a_restart(world: ServiceWorld, client: TruelineClient) -> None:
    """The server stops and comes back; what happened in between comes once, without a snapshot."""
    world.fire("a")
    watch = client.watch_alerts()
    kinds = [type(message) for message in islice(watch, 2)]
    world.end()
    world.restart()
    world.serve()
    with world.client() as other:
        other.resolve_alert("alert-1", author="ann", note="meanwhile")
    for message in watch:
        kinds.append(type(message))
        if isinstance(message, AlertChanged):
            assert [event.text for event in message.events] == ["meanwhile"]
            break
    assert kinds[:2] == [AlertsSnapshot, Synced]
    assert AlertsSnapshot not in kinds[2:]
    watch.close()


def test_others_hear_nothing_and_their_heartbeats_come(world: ServiceWorld, client: TruelineClient) -> None:
    """A busy tenant does not keep the heartbeats of a quiet one away; a token of another is refused."""
    world.fire("a")
    with world.client(STRANGER) as other:
        watch = other.watch_alerts(heartbeat=1.0)
        synced = next(watch)
        assert isinstance(synced, Synced)
        ended = threading.Event()

        def note() -> None:
            number = 0
            while not ended.is_set():
                client.add_note("alert-1", str(number), author="ann")
                number += 1

        noting = threading.Thread(target=note)
        noting.start()
        try:
            assert isinstance(next(watch), Heartbeat)
        finally:
            ended.set()
            noting.join()
        watch.close()
    stub = alert_service_pb2_grpc.AlertServiceStub(grpc.insecure_channel(world.address))
    metadata = [("authorization", f"Bearer {TENANT}")]
    for wrong in ("x", synced.resume_token, Tokens(b"another" * 5).seal(b"", "3")):
        with pytest.raises(grpc.RpcError) as failed:
            next(stub.WatchAlerts(pb.WatchAlertsRequest(resume_token=wrong), metadata=metadata))
        assert decode(failed.value).reason == "INVALID_TOKEN"


def test_a_token_from_before_what_is_kept(world: ServiceWorld, client: TruelineClient) -> None:
    """After more than 400 days a watch cannot go on without a gap; it is told where it can, and goes on there."""
    watch = client.watch_alerts(heartbeat=1.0)
    world.fire("a", "b")
    client.add_note("alert-1", "first", author="ann")
    token = next(each for each in watch if isinstance(each, Synced)).resume_token
    watch.close()
    client.acknowledge_alert("alert-1", author="ann")
    client.resolve_alert("alert-1", author="ann")
    world.clock.turn(401 * 86_400)
    client.add_note("alert-2", "still", author="ann")
    client.add_note("alert-2", "again", author="ann")
    with pytest.raises(ResumeTokenExpiredError) as expired:
        next(iter(client.watch_alerts(resume_token=token)))
    later = client.watch_alerts(resume_token=expired.value.metadata["earliest_token"])
    told = next(later)
    later.close()
    assert isinstance(told, AlertChanged)
    assert [event.text for event in told.events] == ["again"]


def test_a_table_kept_from_a_watch_is_what_is_listed(world: ServiceWorld, client: TruelineClient) -> None:
    """Whoever follows snapshot and changes has, at each quiet moment, exactly the open alerts."""
    world.fire("a", "b")
    watch, table = client.watch_alerts(heartbeat=1.0), dict[str, Alert]()
    number = 0
    for message in watch:
        if isinstance(message, AlertsSnapshot):
            table |= {alert.id: alert for alert in message.alerts}
        elif isinstance(message, AlertChanged):
            table[message.alert.id] = message.alert
            if message.events[-1].kind is CaseEventKind.RESOLVED:
                del table[message.alert.id]
        elif isinstance(message, Heartbeat):
            assert table == {alert.id: alert for alert in client.list_alerts(states=["open", "acknowledged"])}
            break
        if isinstance(message, Synced) or number:
            number += 1
            match number:
                case 1:
                    client.acknowledge_alert("alert-1", author="ann")
                case 2:
                    client.resolve_alert("alert-2", author="ann")
                case 3:
                    client.assign_alert("alert-1", "bob", author="ann")
    watch.close()
    assert list(table) == ["alert-1"]
