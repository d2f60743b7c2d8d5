"""Webhooks, Slack and Discord: what arrives at a real HTTP server, signed, and what each of its answers leads to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import select
from trueline_rules.routing_model import ChannelType, Secret
from trueline_server.cases.model import EventKind
from trueline_server.cases.store import events_of
from trueline_server.notifications.model import NotificationState, Outcome
from trueline_server.notifications.signing import verify
from trueline_stores.state.case_tables import DELIVERIES, NOTIFICATIONS

from tests.integration.notifications.notify_world import TENANT, World, alerts, channel
from tests.integration.notifications.receivers import HttpReceiver, Request

SECRET = "s3cret-signing-key"


def verified(request: Request, secret: str, now_us: int) -> bool:
    """As a receiver does it."""
    return verify(secret, request.headers, request.body, now_us / 1e6)


def test_webhook_gets_the_content_signed_with_its_key(world: World, receiver: HttpReceiver) -> None:
    """A receiver can verify who sent it and when, and knows it again by its key."""
    world.environment["TRUELINE_SECRET_HOOK"] = SECRET
    world.webhook("hook", receiver.url, signing_key=Secret(env="TRUELINE_SECRET_HOOK"))
    put = world.put("hook", alerts("Churn rate high"))
    assert world.run() == 1
    (request,) = receiver.requests
    assert request.key == put
    assert request.headers["webhook-id"] == put
    assert request.json["notifications"] == [{"id": put, **alerts("Churn rate high")}]
    assert request.json["title"] == "[firing] critical: churn_rate_high"
    assert "plan=pro" in request.json["text"]
    assert verified(request, SECRET, world.clock())
    assert not verified(request, "another", world.clock())
    assert not verified(request, SECRET, world.clock() + 301_000_000)
    assert not verified(replace(request, body=request.body + b" "), SECRET, world.clock())
    assert world.get(put).state is NotificationState.SENT
    (delivery,) = world.store.deliveries(TENANT, put)
    assert (delivery.outcome, delivery.answer, delivery.key) == (Outcome.SENT, "200 OK: ok", put)


def test_secrets_are_nowhere(world: World, receiver: HttpReceiver, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the database nor the log has a secret, even when the other side repeats it in its answer."""
    path = f"/services/T0/{SECRET}"
    (world.path / "hook").write_text(f"http://127.0.0.1:{receiver.port}{path}\n")
    world.channels["ops"] = channel("ops", ChannelType.SLACK, url=Secret(file="hook"))
    receiver.answer = lambda request: (404, {}, f"no such hook {request.path} key {SECRET}".encode())
    put = world.put("ops", alerts("Churn rate high"))
    world.turn_until_done(60, 20)
    assert receiver.requests[0].path == path
    assert world.get(put).state is NotificationState.DEAD
    assert world.get(put).error.startswith("404 Not Found: no such hook <hidden>")
    told = caplog.text
    with world.state.reading() as connection:
        for table in (NOTIFICATIONS, DELIVERIES):
            told += str(connection.execute(select(table)).all())
    assert "no such hook" in told
    assert path not in told
    world.state.close()
    assert all(path.encode() not in each.read_bytes() for each in world.path.glob("state.sqlite3*"))


@pytest.mark.parametrize(
    ("secret", "told"),
    [
        (Secret(env="TRUELINE_SECRET_GONE"), "environment variable TRUELINE_SECRET_GONE is empty or not there"),
        (
            Secret(env="TRUELINE_TOKENS"),
            "the environment variable may not be read by channels; name one that begins with TRUELINE_SECRET_",
        ),
        (Secret(file="gone"), "the file gone is empty or not there"),
        (Secret(file="/etc/passwd"), "the file may not be read by channels"),
        (Secret(file="../passwd"), "the file may not be read by channels"),
    ],
    ids=["not set", "of the server", "no file", "elsewhere", "outside"],
)
def test_secret_that_cannot_be_had(world: World, receiver: HttpReceiver, secret: Secret, told: str) -> None:
    """A channel reaches no secrets but its own kind; what it lacks is said, and the message goes once it is there."""
    world.environment["TRUELINE_TOKENS"] = "token=acme"
    world.webhook("hook", receiver.url, signing_key=secret)
    put = world.put("hook", alerts("Churn rate high"))
    world.run()
    assert not receiver.requests
    assert told in world.get(put).error
    world.environment["TRUELINE_SECRET_GONE"] = SECRET
    (world.path / "gone").write_text(SECRET)
    world.clock.turn(3600)
    world.run()
    good = secret in (Secret(env="TRUELINE_SECRET_GONE"), Secret(file="gone"))
    assert len(receiver.requests) == good


def test_answer_500_is_tried_again_with_the_same_key(world: World, receiver: HttpReceiver) -> None:
    """Three quick tries, then ever longer pauses, until the other side takes it; each try is in the log."""
    world.webhook("hook", receiver.url)
    answers = [500] * 4 + [200]
    receiver.answer = lambda _: (answers.pop(0), {}, b"")
    put = world.put("hook", alerts("Churn rate high"))
    world.run()
    assert len(receiver.requests) == 3
    waiting = world.get(put)
    assert (waiting.state, waiting.attempts, waiting.error) == (
        NotificationState.QUEUED,
        1,
        "500 Internal Server Error",
    )
    assert 0 < waiting.due_us - world.clock() <= 1_000_000
    world.clock.turn(1)
    world.run()
    assert {request.key for request in receiver.requests} == {put}
    assert [each.outcome for each in world.store.deliveries(TENANT, put)] == [Outcome.FAILED] * 4 + [Outcome.SENT]
    assert world.get(put).state is NotificationState.SENT


def test_retry_after_is_honoured(world: World, receiver: HttpReceiver) -> None:
    """A 429 that asks for two minutes gets them, without quick tries."""
    world.webhook("hook", receiver.url)
    receiver.answers(429, {"Retry-After": "120"})
    put = world.put("hook", alerts("Churn rate high"))
    world.run()
    assert len(receiver.requests) == 1
    assert world.get(put).due_us == world.clock() + 120_000_000
    receiver.answers(200)
    world.clock.turn(119)
    assert world.run() == 0
    world.clock.turn(1)
    assert world.run() == 1


@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 413, 422, 302])
def test_refused_for_good_dies_after_three_attempts(world: World, receiver: HttpReceiver, status: int) -> None:
    """It becomes a dead letter that its case tells of, and can be sent again with the same key."""
    world.webhook("hook", receiver.url)
    receiver.answers(status, {"Location": "http://elsewhere.example/steal?a=1"})
    put = world.put("hook", alerts("Churn rate high", case="alert-1"))
    world.turn_until_done(60, 20)
    assert len(receiver.requests) == 3
    assert [each.id for each in world.store.dead_letters(TENANT)] == [put]
    with world.state.reading() as connection:
        (event,) = events_of(connection, TENANT, "alert-1")
    assert event.kind is EventKind.DELIVERY_FAILED
    assert event.details["notification"] == put
    assert f"{status}" in event.text
    receiver.answers(200)
    world.store.resend(TENANT, put, by="ada")
    world.sender.wake()
    world.clock.turn(300)
    assert world.run() == 1
    assert {request.key for request in receiver.requests} == {put}
    assert world.states(put) == [NotificationState.SENT]
    with world.state.reading() as connection:
        assert [each.actor for each in events_of(connection, TENANT, "alert-1")] == ["trueline", "ada"]


def test_slack_and_discord_get_what_they_can_show(world: World, receiver: HttpReceiver) -> None:
    """Long texts are cut by lines within their limits, and no label mentions anybody."""
    world.environment["TRUELINE_SECRET_URL"] = receiver.url
    for name, kind in (("slack", ChannelType.SLACK), ("discord", ChannelType.DISCORD)):
        world.channels[name] = channel(name, kind, url=Secret(env="TRUELINE_SECRET_URL"))
    many = alerts("x")
    many["alerts"] = [{**many["alerts"][0], "title": f"<!channel> & *all* _{n}_ <@123>"} for n in range(100)]
    many["alerts_total"] = 5000
    world.put("slack", many)
    world.put("discord", many)
    world.run()
    slack, discord = sorted((request.json for request in receiver.requests), key=lambda each: "embeds" in each)
    (attachment,) = slack["attachments"]
    assert 2000 < len(attachment["text"]) <= 3000
    assert "<!channel>" not in attachment["text"]
    assert "&lt;!channel&gt; &amp;" in attachment["text"]
    assert attachment["text"].split("\n")[-1].endswith("more lines")
    (embed,) = discord["embeds"]
    assert 3000 < len(embed["description"]) <= 4096
    assert discord["allowed_mentions"] == {"parse": []}
    assert len(embed["title"]) <= 256


def test_report_and_strange_content(world: World, receiver: HttpReceiver) -> None:
    """Content of any kind is said somehow; nothing in it stops the channel."""
    world.webhook("hook", receiver.url)
    world.put("hook", {"reason": "report", "title": "Week 9", "text": "All well.", "facts": {"score": 91}})
    world.put("hook", {"reason": "x", "alerts": [{"labels": None, "values": 3}], "alerts_total": None})
    world.put("hook", {})
    world.run()
    assert [request.json["title"] for request in receiver.requests] == ["Week 9", "[] :", "Trueline"]
    assert receiver.requests[0].json["text"] == "All well.\nscore: 91"


def test_log_channel_writes_one_line(world: World, caplog: pytest.LogCaptureFixture) -> None:
    """A label cannot write lines of its own into the log."""
    world.channels["log"] = channel("log", ChannelType.LOG)
    put = world.put("log", alerts("Churn\nERROR forged"))
    world.run()
    (record,) = [each for each in caplog.records if each.name == "trueline.notifications"]
    assert "\n" not in record.getMessage()
    assert put in record.getMessage()
    assert record.levelname == "WARNING"


def test_resolves_that_a_channel_does_not_want(world: World, receiver: HttpReceiver) -> None:
    """They are dropped and say so; what fires is sent."""
    world.webhook("hook", receiver.url, send_resolved=False)
    fires, over = world.put("hook", alerts("a")), world.put("hook", alerts("a", status="resolved"))
    world.run()
    assert world.states(fires, over) == [NotificationState.SENT, NotificationState.DROPPED]
    assert world.get(over).error == "its channel has send_resolved: false"


def test_channel_that_is_gone(world: World, tmp_path: Path) -> None:
    """What waits for it dies and says why; with the channel back, it can be sent again."""
    put = world.put("gone", alerts("a", case="alert-7"))
    world.run()
    assert world.states(put) == [NotificationState.DEAD]
    assert world.get(put).error.startswith("there is no NotificationChannel named gone")
    with world.state.reading() as connection:
        assert [each.kind for each in events_of(connection, TENANT, "alert-7")] == [EventKind.DELIVERY_FAILED]
    world.channels["gone"] = channel("gone", ChannelType.LOG)
    world.store.resend(TENANT, put)
    world.run()
    assert world.states(put) == [NotificationState.SENT]
