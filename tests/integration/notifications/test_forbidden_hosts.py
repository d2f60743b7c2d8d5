"""Channels of tenants' files that lead inside: nothing is connected to, and the delivery log tells why."""

from __future__ import annotations

import socket
from contextlib import closing
from typing import Any

import pytest
from trueline_rules.routing_model import ChannelType, Secret
from trueline_server.notifications.model import NotificationState, Outcome
from trueline_server.notifications.reach import Reach, parse_reach

from tests.integration.notifications.notify_world import TENANT, World, alerts, channel
from tests.integration.notifications.receivers import HttpReceiver, MailReceiver


@pytest.fixture(params=["127.0.0.1", "localhost", "0x7f.1", "2130706433"])
def inside(request: pytest.FixtureRequest) -> str:
    """Ways to write this machine."""
    return str(request.param)


def test_webhook_inside_is_a_dead_letter_at_once(world: World, receiver: HttpReceiver, inside: str) -> None:
    """However the host is written, nothing is sent; three attempts of one try each, and the log tells the way out."""
    world.reach = Reach()
    world.webhook("hook", f"http://{inside}:{receiver.port}/hook")
    put = world.put("hook", alerts("a"))
    world.turn_until_done(60, 5)
    assert receiver.requests == []
    assert world.states(put) == [NotificationState.DEAD]
    assert [each.outcome for each in world.store.deliveries(TENANT, put)] == [Outcome.REFUSED] * 3
    assert world.get(put).error.startswith(f"{inside} leads to an address inside of the operator's network")
    assert "TRUELINE_NOTIFICATION_INTERNAL" in world.get(put).error


def test_secret_urls_are_judged_too(world: World, receiver: HttpReceiver) -> None:
    """What a secret holds is a URL like others, and its host is not told."""
    world.reach = Reach()
    (world.path / "url").write_text(receiver.url)
    world.channels["chat"] = channel("chat", ChannelType.SLACK, url=Secret(file="url"))
    put = world.put("chat", alerts("a"))
    world.run()
    assert receiver.requests == []
    assert world.store.deliveries(TENANT, put)[0].outcome is Outcome.REFUSED


def test_mail_inside(world: World) -> None:
    """A mail server inside is out of reach as well, and within it once the operator allows it."""
    world.reach = Reach()
    with closing(MailReceiver().start()) as server:
        options: dict[str, Any] = {"tls": "none", "sender": "a@example.com", "to": ("b@example.com",)}
        world.channels["mail"] = channel("mail", ChannelType.MAIL, server=server.server, **options)
        put = world.put("mail", alerts("a"))
        world.run()
        assert server.mails == []
        assert world.store.deliveries(TENANT, put)[0].outcome is Outcome.REFUSED
        world.reach = parse_reach(("127.0.0.0/8",))
        world.clock.turn(60)
        world.run()
        assert world.states(put) == [NotificationState.SENT]


def test_name_that_leads_elsewhere_a_moment_later(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The address that was judged is the one connected to: a name server that answers otherwise is not asked again."""
    answers = ["127.0.0.2", "127.0.0.1"]
    real = socket.getaddrinfo
    asked: list[str] = []

    def rebinding(host: str, *more: Any, **options: Any) -> Any:
        asked.append(host)
        return real(answers[min(len(asked), len(answers)) - 1], *more, **options)

    world.reach = parse_reach(("127.0.0.2",))
    with closing(HttpReceiver()) as forbidden, closing(HttpReceiver(forbidden.port, host="127.0.0.2")) as allowed:
        world.webhook("hook", f"http://rebinding.example:{allowed.port}/")
        put = world.put("hook", alerts("a"))
        monkeypatch.setattr(socket, "getaddrinfo", rebinding)
        world.run()
        assert asked == ["rebinding.example"]
        assert world.states(put) == [NotificationState.SENT]
        assert len(allowed.requests) == 1
        # The next message looks the name up anew, and finds it inside.
        later = world.put("hook", alerts("b"))
        world.run()
        assert world.states(later) == [NotificationState.QUEUED]
        assert forbidden.requests == []


def test_redirect_inside_is_not_followed(world: World, receiver: HttpReceiver) -> None:
    """A host that may be reached cannot send the server on to one that may not."""
    world.reach = parse_reach(("127.0.0.2",))
    with closing(HttpReceiver(host="127.0.0.2")) as outside:
        outside.answer = lambda _: (307, {"Location": receiver.url}, b"")
        world.webhook("hook", f"http://127.0.0.2:{outside.port}/")
        put = world.put("hook", alerts("a"))
        world.run()
        assert len(outside.requests) == 1
        assert receiver.requests == []
        assert world.store.deliveries(TENANT, put)[0].outcome is Outcome.REFUSED
