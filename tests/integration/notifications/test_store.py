"""The list of notifications, its dead letters, and the numbers told of them."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from trueline_rules.routing_model import ChannelType
from trueline_server.errors import TruelineError
from trueline_server.notifications.model import NotificationState
from trueline_server.notifications.telemetry import NotificationFamilies

from tests.integration.notifications.notify_world import TENANT, World, alerts, channel


def test_lists_page_by_page(world: World) -> None:
    """The newest first, each once; filters narrow it; another tenant sees nothing."""
    world.channels["log"] = channel("log", ChannelType.LOG)
    put = [world.put("log", alerts("a"), group_id=f"g{number % 2}") for number in range(5)]
    dead = world.put("gone", alerts("a"), group_id="g0")
    world.run()
    newest = [dead, *reversed(put)]
    found: list[str] = []
    before = None
    while page := world.store.list(TENANT, before=before, most=2):
        found += [each.id for each in page]
        before = (page[-1].created_us, page[-1].id)
    assert found == newest
    assert [each.id for each in world.store.list(TENANT, group_id="g0")] == [dead, put[4], put[2], put[0]]
    assert [each.id for each in world.store.list(TENANT, channel="gone")] == [dead]
    assert [each.id for each in world.store.list(TENANT, state=NotificationState.SENT)] == newest[1:]
    assert [each.id for each in world.store.dead_letters(TENANT)] == [dead]
    assert not world.store.list("another")
    assert world.store.counts("another")[NotificationState.SENT] == 0


def test_unknown_notifications(world: World) -> None:
    """Of no tenant but its own is a notification known."""
    world.channels["log"] = channel("log", ChannelType.LOG)
    put = world.put("log", alerts("a"))
    for call in (world.store.get, world.store.deliveries, world.store.resend):
        with pytest.raises(TruelineError) as raised:
            call("another", put)
        assert raised.value.reason == "UNKNOWN_NOTIFICATION"


def test_finished_ones_are_forgotten_after_a_while(world: World) -> None:
    """After 90 days they and their deliveries are gone; what still waits stays."""
    world.channels["log"] = channel("log", ChannelType.LOG)
    old = world.put("log", alerts("a"))
    world.run()
    world.clock.turn(91 * 86_400)
    new = world.put("log", alerts("a"))
    world.run()
    assert [each.id for each in world.store.list(TENANT)] == [new]
    with pytest.raises(TruelineError):
        world.store.deliveries(TENANT, old)


def test_numbers(world: World) -> None:
    """What Prometheus reads of it."""
    world.channels["log"] = channel("log", ChannelType.LOG)
    world.webhook("hook", "http://127.0.0.1:1/")
    for name in ("log", "hook", "gone"):
        world.put(name, alerts("a"))
    world.run()
    world.clock.turn(60)
    registry = CollectorRegistry()
    registry.register(NotificationFamilies(world.store, world.sender, world.clock))
    told = generate_latest(registry).decode()
    for line in (
        'trueline_notifications{state="dead"} 1.0',
        'trueline_notifications{state="queued"} 1.0',
        'trueline_notification_tries_total{outcome="failed",type="webhook"} 3.0',
        'trueline_notification_tries_total{outcome="sent",type="log"} 1.0',
        'trueline_notification_channels_failing{tenant="acme"} 1.0',
        "trueline_notifications_oldest_seconds 60.00",
    ):
        assert line in told
