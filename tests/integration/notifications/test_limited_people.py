"""A person gets few messages, whatever happens: those beyond a limit wait and go together, and none is lost."""

from __future__ import annotations

from trueline_server.notifications.model import NotificationState, Outcome

from tests.integration.notifications.notify_world import HUMANE, MINUTE_US, TENANT, World, alerts
from tests.integration.notifications.receivers import HttpReceiver, Request


def ids_in(request: Request) -> list[str]:
    """The notifications that a message has."""
    return [each["id"] for each in request.json["notifications"]]


def test_a_thousand_messages_to_one_person(world: World, receiver: HttpReceiver) -> None:
    """Over two hours, 1,000 notifications: every window keeps its limit and every content arrives once."""
    world.webhook("ada", receiver.url, person="ada", limits=HUMANE)
    at: list[int] = []
    receiver.answer = lambda _: (at.append(world.clock()) or 200, {}, b"")
    put = []
    for number in range(1000):
        put.append(world.put("ada", alerts(f"alert <{number}>"), group_id=f"g{number}", person="ada"))
        if number % 5 == 4:
            world.run()
            world.clock.turn(36)
    world.turn_until_done(60, 240)
    arrived = [each for request in receiver.requests for each in ids_in(request)]
    assert arrived == put
    for limit in HUMANE:
        busiest = max(sum(begin <= each < begin + limit.per_us for each in at) for begin in at)
        assert busiest <= limit.count
    assert len(at) < 30
    assert set(world.states(*put)) == {NotificationState.SENT}
    told = "".join(request.json["text"] for request in receiver.requests)
    assert all(f"alert <{number}>" in told for number in range(1000))


def test_what_waits_says_why(world: World, receiver: HttpReceiver) -> None:
    """The second message within a minute is held back, and tells until when; both go through one channel's limit."""
    world.webhook("ada", receiver.url, person="ada", limits=HUMANE)
    first = world.put("ada", alerts("a"), person="ada")
    world.run()
    second, third = world.put("ada", alerts("b"), person="ada"), world.put("ada", alerts("c"), person="ada")
    assert world.run() == 0
    waiting = world.get(second)
    assert waiting.error.startswith("waits for the rate limit of the channel (1 in 60 s")
    assert waiting.due_us == world.store.deliveries(TENANT, first)[0].at_us + MINUTE_US
    world.clock.turn(60)
    assert world.run() == 1
    request = receiver.requests[-1]
    assert ids_in(request) == [second, third]
    assert request.json["title"] == "2 notifications: 2 open"
    assert world.get(second).sent_as == world.get(third).sent_as == request.key
    assert [each.key for each in world.store.deliveries(TENANT, third)] == [request.key]


def test_limits_are_those_of_the_person(world: World, receiver: HttpReceiver) -> None:
    """What ada was told on one channel counts on her others, and nobody else's does."""
    for name, person in (("mail", "ada"), ("chat", "ada"), ("bobs", "bob"), ("team", "")):
        world.webhook(name, receiver.url, person=person, limits=HUMANE)
    world.put("mail", alerts("a"), person="ada")
    assert world.run() == 1
    held = world.put("chat", alerts("b"), person="ada")
    others = [world.put("bobs", alerts("c"), person="bob"), world.put("team", alerts("d"))]
    assert world.run() == 2
    assert world.states(*others) == [NotificationState.SENT] * 2
    assert world.get(held).error.startswith("waits for the rate limit of the channel (1 in 60 s")
    assert ", which counts all that ada is told;" in world.get(held).error
    world.clock.turn(60)
    assert world.run() == 1
    # Four more in the quarter of an hour, whatever the channels.
    for number in range(20):
        world.put(("mail", "chat")[number % 2], alerts(f"more {number}"), person="ada")
        world.clock.turn(30)
        world.run()
    assert len([each for each in receiver.requests if each.json["person"] == "ada"]) == 5


def test_what_is_said_on_two_channels_counts_once(world: World, receiver: HttpReceiver) -> None:
    """A level that tells ada on both of her channels at the same time does so at once, as often as one alone would."""
    for name in ("mail", "chat"):
        world.webhook(name, receiver.url, person="ada", limits=HUMANE)
    for number in range(5):
        put = [
            world.put(name, alerts(f"page {number}"), person="ada", after_s=after_s)
            for name, after_s in (("mail", 60), ("chat", 0))
        ]
        assert world.run() == 2
        assert world.states(*put) == [NotificationState.SENT] * 2
    world.put("mail", alerts("page 6"), person="ada", after_s=60)
    world.put("chat", alerts("page 6"), person="ada", after_s=0)
    assert world.run() == 0


def test_bundle_that_fails_goes_again_as_it_was(world: World, receiver: HttpReceiver) -> None:
    """What is queued meanwhile does not join it: the same key says the same."""
    world.webhook("ada", receiver.url, person="ada", limits=HUMANE)
    receiver.answers(503)
    ids = [world.put("ada", alerts("a"), person="ada"), world.put("ada", alerts("b"), person="ada")]
    world.run()
    later = world.put("ada", alerts("c"), person="ada")
    receiver.answers(200)
    world.turn_until_done(30, 20)
    *bundles, last = receiver.requests
    assert {(each.key, tuple(ids_in(each))) for each in bundles} == {(bundles[0].key, tuple(ids))}
    assert ids_in(last) == [later]


def test_tries_that_failed_are_no_messages(world: World, receiver: HttpReceiver) -> None:
    """After an hour of 503 the person is told at once, not three hours later."""
    world.webhook("ada", receiver.url, person="ada", limits=HUMANE)
    receiver.answers(503)
    ids = [world.put("ada", alerts("a"), person="ada"), world.put("ada", alerts("b"), person="ada")]
    for _ in range(60):
        world.run()
        world.clock.turn(60)
    receiver.answers(200)
    assert world.turn_until_done(60, 10) <= 6
    assert set(world.states(*ids)) == {NotificationState.SENT}


def test_limits_hold_through_a_restart_and_an_unsure_try(world: World, receiver: HttpReceiver) -> None:
    """What may have arrived counts; a new server knows it from the deliveries."""
    world.webhook("ada", receiver.url, person="ada", limits=HUMANE)
    receiver.answers(504)
    first = world.put("ada", alerts("a"), person="ada")
    world.run()
    assert world.store.deliveries(TENANT, first)[0].outcome is Outcome.UNKNOWN
    receiver.answers(200)
    world.clock.turn(5)
    world.run()
    world.with_settings()
    second = world.put("ada", alerts("b"), person="ada")
    assert world.run() == 0
    world.clock.turn(54)
    assert world.run() == 0
    world.clock.turn(6)
    assert world.run() == 1
    assert world.states(first, second) == [NotificationState.SENT] * 2


def test_bundles_are_bounded(world: World, receiver: HttpReceiver) -> None:
    """A message holds so many notifications and bytes at most; the rest goes in the next."""
    world.webhook("ada", receiver.url, person="ada", limits=HUMANE)
    world.with_settings(bundle_notifications=3, bundle_bytes=3_000)
    put = [world.put("ada", alerts("a"), person="ada") for _ in range(5)]
    big = [world.put("ada", alerts("b" * 2_500), person="ada") for _ in range(2)]
    world.turn_until_done(60, 60)
    assert [ids_in(each) for each in receiver.requests] == [put[:3], put[3:], [big[0]], [big[1]]]


def test_dead_bundle_is_sent_again_as_a_whole(world: World, receiver: HttpReceiver) -> None:
    """Resending one of a bundle resends its bundle, with its key."""
    world.webhook("ada", receiver.url, person="ada", limits=HUMANE)
    receiver.answers(410)
    ids = [world.put("ada", alerts("a"), person="ada"), world.put("ada", alerts("b"), person="ada")]
    world.turn_until_done(60, 20)
    assert world.states(*ids) == [NotificationState.DEAD] * 2
    receiver.answers(200)
    world.store.resend(TENANT, ids[1])
    world.clock.turn(600)
    world.sender.wake()
    assert world.run() == 1
    assert world.states(*ids) == [NotificationState.SENT] * 2
    assert len({each.key for each in receiver.requests}) == 1
