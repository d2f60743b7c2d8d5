"""Channels that hang, trickle, answer 500 or are gone for an hour: others go on, order is kept, nothing is lost."""

from __future__ import annotations

import threading
from contextlib import closing

from trueline_rules.routing_model import ChannelType
from trueline_server.notifications.health import NotificationHealth
from trueline_server.notifications.model import NotificationState, Outcome

from tests.integration.notifications.notify_world import TENANT, World, alerts, channel
from tests.integration.notifications.receivers import HttpReceiver, Trickler


def titles(receiver: HttpReceiver) -> list[str]:
    """What came in, in order."""
    return [request.json["notifications"][0]["alerts"][0]["title"] for request in receiver.requests]


def test_channels_that_hang_do_not_hold_up_others(world: World, receiver: HttpReceiver) -> None:
    """With more channels that hang than threads, those take half of them, and one that works is served meanwhile."""
    world.with_settings(timeout_s=1.0)
    with closing(HttpReceiver()) as hanging:
        hanging.hangs.set()
        for number in range(12):
            world.webhook(f"hang{number}", hanging.url)
            world.put(f"hang{number}", alerts("x"))
        world.run()
        arrived = threading.Event()
        receiver.answer = lambda _: (arrived.set() or 200, {}, b"")
        world.webhook("good", receiver.url)
        put = world.put("good", alerts("y"))
        world.clock.turn(600)
        assert world.sender.tick() == 4 + 1
        assert arrived.wait(30)
        assert world.sender.settled(60)
        assert world.states(put) == [NotificationState.SENT]
        assert world.store.counts()[NotificationState.QUEUED] == 12


def test_hanging_channel_is_cut_off(world: World, receiver: HttpReceiver) -> None:
    """A try has a hard end, nobody knows whether it arrived, and it goes again later with the same key."""
    receiver.hangs.set()
    world.webhook("hook", receiver.url)
    world.with_settings(timeout_s=0.2)
    put = world.put("hook", alerts("a"))
    world.run()
    assert [each.outcome for each in world.store.deliveries(TENANT, put)] == [Outcome.UNKNOWN]
    assert world.get(put).error == "no answer within 0.2 s, while waiting for the answer"
    receiver.hangs.clear()
    world.clock.turn(1)
    world.run()
    assert world.states(put) == [NotificationState.SENT]
    assert {request.key for request in receiver.requests} == {put}


def test_trickling_channels_are_cut_off(world: World) -> None:
    """A byte now and then keeps no connection open beyond the end of its try, over HTTP or SMTP."""
    world.with_settings(timeout_s=0.3)
    http, smtp = Trickler(b"HTTP/1.1 200 OK\r\nX-Slow: "), Trickler(b"220-")
    with closing(http), closing(smtp):
        world.webhook("hook", f"http://127.0.0.1:{http.port}/")
        server = f"127.0.0.1:{smtp.port}"
        world.channels["mail"] = channel(
            "mail", ChannelType.MAIL, server=server, tls="none", sender="a@example.com", to=("b@example.com",)
        )
        ids = [world.put("hook", alerts("a")), world.put("mail", alerts("a"))]
        world.run()
        for each in ids:
            assert world.get(each).error.startswith("no answer within 0.3 s")


def test_stop_cuts_what_hangs(world: World, receiver: HttpReceiver) -> None:
    """A server that ends does not wait for the whole time of a try; the message goes again after the next start."""
    receiver.hangs.set()
    world.with_settings(timeout_s=600.0)
    world.webhook("hook", receiver.url)
    put = world.put("hook", alerts("a"))
    world.sender.tick()
    world.sender.stop()
    assert world.states(put) == [NotificationState.QUEUED]
    assert world.store.deliveries(TENANT, put)[0].outcome is Outcome.UNKNOWN


def test_channel_gone_for_an_hour(world: World) -> None:
    """All that was queued meanwhile arrives afterwards, once, in order; the breaker spares the tries in between."""
    with closing(HttpReceiver()) as before:
        port = before.port
    world.webhook("hook", f"http://127.0.0.1:{port}/hook")
    ids = [world.put("hook", alerts(f"alert {n}"), group_id=f"g{n}") for n in range(30)]
    for _ in range(60):
        world.run()
        world.clock.turn(60)
    tries = world.store.deliveries(TENANT, ids[0])
    assert {each.outcome for each in tries} == {Outcome.FAILED}
    assert "Connection refused" in tries[0].answer
    assert 10 < len(tries) < 30
    health = NotificationHealth(world.store, world.sender, world.clock)
    told = health.read(TENANT)
    assert not told.healthy
    assert "channel hook fails (" in told.message
    assert "30 wait" in told.message
    with closing(HttpReceiver(port)) as back:
        world.turn_until_done(30, 20)
        assert titles(back) == [f"alert {n}" for n in range(30)]
    assert set(world.states(*ids)) == {NotificationState.SENT}
    assert health.read(TENANT).healthy


def test_gives_up_after_a_day(world: World) -> None:
    """A channel that stays away makes a dead letter; health tells of it for a day."""
    with closing(HttpReceiver()) as before:
        url = before.url
    world.webhook("hook", url)
    put = world.put("hook", alerts("a"))
    steps = world.turn_until_done(300, 400)
    assert steps == 288
    assert world.states(put) == [NotificationState.DEAD]
    health = NotificationHealth(world.store, world.sender, world.clock)
    assert "1 dead letter" in health.read(TENANT).message
    assert health.read("another").healthy


def test_message_that_is_always_answered_500_holds_up_only_its_group(world: World, receiver: HttpReceiver) -> None:
    """Others overtake it after six attempts; what follows in its own group waits for it."""
    world.webhook("hook", receiver.url)
    receiver.answer = lambda request: (500 if b"poison" in request.body else 200, {}, b"")
    sick = world.put("hook", alerts("poison"), group_id="a")
    behind = world.put("hook", alerts("behind"), group_id="a")
    other = world.put("hook", alerts("other"), group_id="b")
    world.run()
    assert world.states(other) == [NotificationState.QUEUED]
    for _ in range(120):
        world.clock.turn(30)
        world.run()
    assert world.states(sick, behind, other) == [
        NotificationState.QUEUED,
        NotificationState.QUEUED,
        NotificationState.SENT,
    ]
    receiver.answers(200)
    world.clock.turn(600)
    world.run()
    assert titles(receiver)[-2:] == ["poison", "behind"]


def test_breaker_opens_probes_and_closes(world: World, receiver: HttpReceiver) -> None:
    """After five failures in a row nothing is tried for 30 s, then once, then twice as long."""
    world.webhook("hook", receiver.url)
    receiver.answers(503)
    world.put("hook", alerts("a"))
    world.run()
    world.clock.turn(1)
    world.run()
    # The attempt under way when it opens still has its three tries.
    assert len(receiver.requests) == 6
    (failing,) = world.sender.state().failing
    assert failing.paused_until_us == world.clock() + 30_000_000 * 2
    world.clock.turn(59)
    world.run()
    assert len(receiver.requests) == 6
    world.clock.turn(1)
    world.run()
    assert len(receiver.requests) == 7
    world.clock.turn(119)
    world.run()
    assert len(receiver.requests) == 7
    receiver.answers(200)
    world.clock.turn(1)
    world.run()
    assert not world.sender.state().failing


def test_clock_set_back_makes_no_pause_longer(world: World, receiver: HttpReceiver) -> None:
    """A clock that was a day ahead: what pauses goes on within minutes."""
    world.webhook("hook", receiver.url)
    receiver.answers(500)
    world.clock.turn(86_400)
    put = world.put("hook", alerts("a"))
    world.run()
    receiver.answers(200)
    world.clock.turn(-86_400)
    assert world.turn_until_done(30, 12) <= 10
    assert world.states(put) == [NotificationState.SENT]


def test_threads_deliver_what_is_queued(world: World, receiver: HttpReceiver) -> None:
    """Started, it finds by itself what was queued; woken, at once."""
    world.webhook("hook", receiver.url)
    world.put("hook", alerts("a"))
    arrived = threading.Event()
    receiver.answer = lambda _: (arrived.set() or 200, {}, b"")
    world.sender.start()
    assert arrived.wait(30)
    arrived.clear()
    world.put("hook", alerts("b"))
    world.sender.wake()
    assert arrived.wait(30)
