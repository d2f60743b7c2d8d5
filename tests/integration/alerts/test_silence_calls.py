"""Silences and notifications over gRPC: put in, listed with those of rule files, ended; said again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update
from trueline import InvalidRequestError, NotFoundError, NotificationState, TruelineClient
from trueline_stores.state.case_tables import NOTIFICATIONS

from tests.integration.alerts.service_world import STRANGER, ServiceWorld

MINUTE = 60
NOON = datetime(2024, 6, 1, 12, tzinfo=UTC)


def test_a_silence_keeps_alerts_from_being_told(world: ServiceWorld, client: TruelineClient) -> None:
    """Until it ends; then what still fires is told. What was told before is told to be over meanwhile."""
    world.fire("free")
    world.turn(40)
    made = client.create_silence(['plan=~"pro|free"'], author="ann", reason="known", ends=timedelta(minutes=30))
    assert (made.matching_alerts, made.silence.active, made.silence.matchers) == (1, True, ('plan=~"pro|free"',))
    world.fire("pro")
    client.resolve_alert("alert-1", author="ann")
    world.turn(20 * MINUTE)
    assert [(reason, who) for _, _, reason, who in world.told()] == [
        ("first", ["free"]),
        ("some_resolved", ["-free"]),
    ]
    world.turn(20 * MINUTE)
    assert world.told()[-1][2:] == ("unsuppressed", ["pro"])


def test_a_silence_is_ended_early(world: ServiceWorld, client: TruelineClient) -> None:
    """What fires is told at once; ended again it stays as it is."""
    silence = client.create_silence(["plan=pro"], author="ann", reason="known", ends=timedelta(days=2)).silence
    world.fire("pro")
    world.turn(10 * MINUTE)
    assert world.told() == []
    assert client.expire_silence(silence.id, validate_only=True).expired
    assert all(each.active for each in client.list_silences())
    ended = client.expire_silence(silence.id)
    assert (ended.expired, ended.active, ended.ends_at) == (True, False, NOON + timedelta(minutes=10))
    world.turn(20)
    assert [reason for _, _, reason, _ in world.told()] == ["unsuppressed"]
    world.clock.turn(60)
    assert client.expire_silence(silence.id) == ended


def test_silences_are_listed_with_those_of_files(world: ServiceWorld, client: TruelineClient) -> None:
    """Those that end last first, page by page; those that have ended only if asked for; to each tenant its own."""
    made = [
        client.create_silence(["plan=pro"], author="ann", reason=f"r{days}", ends=timedelta(days=days)).silence
        for days in (1, 20, 5)
    ]
    starts = NOON + timedelta(days=2)
    later = client.create_silence(
        ["plan=pro"], author="ann", reason="later", starts=starts, ends=NOON + timedelta(days=3)
    ).silence
    assert not later.active
    listed = client.list_silences()
    assert [each.id for each in listed] == [made[1].id, "migration", made[2].id, later.id, made[0].id]
    assert [each.in_file for each in listed] == [False, True, False, False, False]
    assert [each.id for each in client.list_silences(limit=2)] == [made[1].id, "migration"]
    world.clock.turn(86_400 * 4)
    assert [each.id for each in client.list_silences()] == [made[1].id, "migration", made[2].id]
    assert len(client.list_silences(ended=True)) == 5
    with world.client(STRANGER) as other:
        assert [each.id for each in other.list_silences()] == ["migration"]
        with pytest.raises(NotFoundError):
            other.expire_silence(made[1].id)


def test_a_silence_is_put_in_once(world: ServiceWorld, client: TruelineClient) -> None:
    """However often it comes with its request id."""
    made = [
        client.create_silence(["plan=pro"], author="ann", reason="r", ends=timedelta(hours=1), request_id="s").silence
        for _ in range(3)
    ]
    assert len({silence.id for silence in made}) == 1
    assert len(client.list_silences()) == 2
    world.fire("pro")
    tried = client.create_silence(["plan=pro"], author="a", reason="r", ends=timedelta(hours=1), validate_only=True)
    assert (tried.silence.id, tried.matching_alerts, len(client.list_silences())) == ("", 1, 2)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"matchers": []}, "matchers is required"),
        ({"matchers": ["plan=~.*"]}, "matchers ask for no label"),
        ({"matchers": ["plan!=pro"]}, "matchers ask for no label"),
        ({"matchers": ["plan=pro", "severity"]}, r"matchers\[1\] is 'severity', which has no sign"),
        ({"matchers": ['plan=~"("']}, r"matchers\[0\] has no regular expression"),
        ({"reason": ""}, "reason is required"),
        ({"reason": "  "}, "reason is required"),
        ({"author": ""}, "author is required"),
        ({"ends": timedelta(0)}, "duration must be after it starts"),
        ({"ends": timedelta(days=400)}, "duration must be at most a year"),
        ({"ends": NOON - timedelta(days=1)}, "ends_at must be after it starts"),
        ({"ends": NOON + timedelta(days=500)}, "ends_at must be at most a year"),
    ],
)
def test_silences_without_bounds_are_refused(client: TruelineClient, wrong: dict[str, object], told: str) -> None:
    """Each has somebody who says so, a reason, an end, and something that it does not match."""
    right = {"matchers": ["plan=pro"], "author": "ann", "reason": "r", "ends": timedelta(hours=1)}
    with pytest.raises(InvalidRequestError, match=told):
        client.create_silence(**{**right, **wrong})  # type: ignore[arg-type]
    assert len(client.list_silences()) == 1


def test_a_silence_of_a_file_is_not_ended_here(client: TruelineClient) -> None:
    """It says where it ends."""
    with pytest.raises(InvalidRequestError, match="stands in a rule file; take it out"):
        client.expire_silence("migration")
    with pytest.raises(NotFoundError, match="there is no silence 'nope'"):
        client.expire_silence("nope")


def test_a_dead_letter_is_sent_again(world: ServiceWorld, client: TruelineClient) -> None:
    """It is listed, told with what it says, queued again with its key, and the sender is woken."""
    world.fire("pro", "free")
    world.turn(40)
    with world.state.writing() as connection:
        dead = {"state": "dead", "error": "gone", "finished_us": world.clock(), "attempts": 3}
        connection.execute(update(NOTIFICATIONS).values(dead))
    (letter,) = client.list_notifications(state="dead")
    assert (letter.channel, letter.error, letter.alerts_total, letter.status) == ("ops", "gone", 2, "firing")
    assert set(letter.alerts) == {"alert-1", "alert-2"}
    details = client.get_notification(letter.id)
    assert details.notification == letter
    assert {alert["labels"]["plan"] for alert in details.content["alerts"]} == {"pro", "free"}
    assert client.resend_notification(letter.id, author="ann", validate_only=True).state is NotificationState.DEAD
    again = client.resend_notification(letter.id, author="ann")
    assert (again.id, again.state, again.error, world.woken) == (letter.id, NotificationState.QUEUED, "", 1)
    assert client.list_notifications(state="dead") == ()
    told = client.get_alert("alert-1").timeline[-1]
    assert (told.actor, "is sent again" in told.text) == ("ann", True)
    assert client.list_notifications(channel="other") == client.list_notifications(group="other") == ()
    with pytest.raises(NotFoundError):
        client.resend_notification("nope", author="ann")


def test_a_resend_that_comes_again_sends_nothing_more(world: ServiceWorld, client: TruelineClient) -> None:
    """The same request leaves what was sent meanwhile alone, and its id with another request is refused."""
    world.fire("pro", "free")
    world.turn(40)
    (letter,) = client.list_notifications()
    client.resend_notification(letter.id, author="ann", request_id="r-1")
    with world.state.writing() as connection:
        connection.execute(update(NOTIFICATIONS).values({"state": "sent", "finished_us": world.clock()}))
    again = client.resend_notification(letter.id, author="ann", request_id="r-1")
    assert again.state is NotificationState.SENT
    timeline = client.get_alert("alert-1").timeline
    assert sum("is sent again" in event.text for event in timeline) == 1
    with pytest.raises(InvalidRequestError, match="was given with another request"):
        client.resend_notification(letter.id, author="bob", request_id="r-1")
    assert client.resend_notification(letter.id, author="ann").state is NotificationState.QUEUED
