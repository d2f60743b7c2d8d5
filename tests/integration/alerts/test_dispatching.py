"""Groups, inhibition, silences and escalation on the server's clock: who is told when, and why not the others."""

from __future__ import annotations

import pytest
from trueline_rules.model import Metadata
from trueline_rules.routing.matchers import parse_matcher
from trueline_rules.routing_model import Silence
from trueline_stores.errors import StoreError

from tests.integration.alerts.dispatch_world import OPS, ROOT, START, DispatchWorld, Make, document, rules_of

MINUTE = 60


def test_alerts_of_a_group_are_told_together(make: Make) -> None:
    """After half a minute all that came meanwhile; what comes later after five minutes; then all that is resolved."""
    world = make()
    first = world.fire("pro")
    world.turn(20)
    second = world.fire("free")
    world.turn(70)
    third = world.fire("team")
    world.turn(5 * MINUTE)
    world.resolve(*first, *second)
    world.turn(5 * MINUTE)
    world.resolve(*third)
    world.turn(10 * MINUTE)
    assert world.told() == [
        (30, "ops", "first", ["free", "pro"]),
        (330, "ops", "new_alerts", ["free", "pro", "team"]),
        (630, "ops", "some_resolved", ["team", "-free", "-pro"]),
        (930, "ops", "all_resolved", ["-team"]),
    ]
    assert ("notified", "told ops: new alerts in the group") in world.timeline(third[0])


def test_what_still_fires_is_repeated(make: Make) -> None:
    """Every four hours, and not before."""
    world = make()
    world.fire("pro")
    world.turn(8 * 60 * MINUTE + 300)
    assert [(at, reason) for at, _, reason, _ in world.told()] == [
        (30, "first"),
        (30 + 4 * 3600, "repeat"),
        (30 + 8 * 3600, "repeat"),
    ]


def test_what_is_over_before_anybody_had_to_know_is_not_told(make: Make) -> None:
    """Resolved within the first half minute: nobody is told, and its timeline says so."""
    world = make()
    (case,) = world.fire("pro")
    world.turn(10)
    world.resolve(case)
    world.turn(600)
    assert world.told() == []
    assert world.timeline(case)[-1][1].endswith("it was over before anybody had to be told")


def test_a_group_goes_on_through_a_restart(make: Make) -> None:
    """Killed between any two steps, it tells what it would have told, once."""
    world = make()
    cases = world.fire("pro")
    for _ in range(40):
        world.restart()
        world.turn(20)
    world.resolve(*cases)
    for _ in range(20):
        world.restart()
        world.turn(20)
    assert [(reason, alerts) for _, _, reason, alerts in world.told()] == [
        ("first", ["pro"]),
        ("all_resolved", ["-pro"]),
    ]


def test_a_worse_source_inhibits(make: Make) -> None:
    """While a plan is down, that it is busy is not told; when it is up again, that it is busy is."""
    world = make(
        ROOT,
        document("Inhibition", "down", "sources: ['rule=\"down\"']\ntargets: ['rule=\"busy\"']\nequal: [plan]"),
    )
    down = world.fire("pro", rule="down", severity="critical")
    busy = world.fire("pro", "free")
    world.turn(60)
    assert sorted(world.told()) == [(30, "ops", "first", ["free"]), (30, "ops", "first", ["pro"])]
    assert ("suppressed", "not told on route default: inhibited by down") in world.timeline(busy[0])
    world.resolve(*down)
    world.turn(6 * MINUTE)
    assert [(reason, alerts) for _, _, reason, alerts in world.told()[2:]] == [
        ("all_resolved", ["-pro"]),
        ("unsuppressed", ["free", "pro"]),
    ]


def _silence(matcher: str, from_s: int, until_s: int) -> Silence:
    at = START
    return Silence(
        Metadata("s1"), (parse_matcher(matcher),), "ada", "deploy", at + from_s * 1_000_000, at + until_s * 1_000_000
    )


def test_when_a_silence_ends_what_fires_is_told_at_once(make: Make) -> None:
    """Silenced, and told when the silence ends, not hours later with the next repeat."""
    world = make()
    world.silence(_silence("plan=pro", 0, 1000))
    (case,) = world.fire("pro")
    world.turn(990)
    assert world.told() == []
    assert ("suppressed", "not told on route default: silenced by s1") in world.timeline(case)
    world.turn(20)
    assert [(at, reason) for at, _, reason, _ in world.told()] == [(1000, "unsuppressed")]


@pytest.mark.parametrize(
    "suppressing",
    [
        document(
            "Silence",
            "planned",
            "matchers: [plan=pro]\nauthor: ada\nreason: r\nstarts: 2024-06-01T11:00Z\nends: 2024-06-01T12:16:40Z",
        ),
        document(
            "Maintenance",
            "nightly",
            "matchers: [plan=pro]\nintervals: [{times: [{start_time: '11:00', end_time: '12:17'}]}]",
        ),
    ],
    ids=["silence", "maintenance"],
)
def test_the_end_of_what_a_file_suppresses_is_noticed_at_once(make: Make, suppressing: str) -> None:
    """As that of a silence that somebody put in, and not at the next look at the group, also after a restart."""
    world = make(ROOT, suppressing)
    world.fire("pro")
    world.turn(10 * MINUTE)
    assert world.told() == []
    world.restart()
    world.turn(10 * MINUTE)
    ((at, channel, reason, plans),) = world.told()
    assert (channel, reason, plans) == ("ops", "unsuppressed", ["pro"])
    assert at in {1000, 1020}


def test_the_resolve_of_what_was_told_is_told_though_it_is_silenced(make: Make) -> None:
    """Who was woken is told that it is over, also if somebody silenced it meanwhile."""
    world = make()
    (case,) = world.fire("pro")
    world.turn(60)
    world.silence(_silence("plan=pro", 60, 100_000))
    world.turn(60)
    world.resolve(case)
    world.turn(10 * MINUTE)
    assert [(reason, alerts) for _, _, reason, alerts in world.told()] == [
        ("first", ["pro"]),
        ("all_resolved", ["-pro"]),
    ]


def test_an_alert_that_gets_worse_goes_another_way(make: Make) -> None:
    """Critical alerts have a route of their own: told there; where it was told before, that it has gone."""
    pager = document("NotificationChannel", "pager", "type: log")
    route = document("Route", "critical", "matchers: ['severity=\"critical\"']\nchannels: [pager]")
    world = make(ROOT, pager, route)
    (case,) = world.fire("pro")
    world.turn(60)
    world.change(case, "change_severity", "critical")
    world.turn(6 * MINUTE)
    assert [(channel, reason, alerts) for _, channel, reason, alerts in world.told()] == [
        ("ops", "first", ["pro"]),
        ("pager", "first", ["pro"]),
        ("ops", "moved", ["~pro"]),
    ]


POLICY = document(
    "EscalationPolicy",
    "people",
    """
levels:
  - {name: L1, notify: [{channel: ops}]}
  - {name: L2, after: 10m, notify: [{person: ben}]}
  - {name: boss, after: 10m, notify: [{channel: boss}]}
acknowledge_timeout: 1h
targets: {respond_within: 15m}
""",
)
BOSS = document("NotificationChannel", "boss", "type: log")
BEN = document("NotificationChannel", "ben_mail", "type: log\nperson: ben")
ESCALATING = document("Route", "default", "escalation: people\ngroup_by: [rule]")


def _world_of_people(make: Make) -> DispatchWorld:
    return make(ESCALATING, POLICY, BOSS, BEN)


def test_levels_are_told_one_after_the_other(make: Make) -> None:
    """First level at once, the next ones ten minutes apart, and the time to respond is missed."""
    world = _world_of_people(make)
    (case,) = world.fire("pro")
    world.turn(30 * MINUTE)
    assert [(at, channel, reason) for at, channel, reason, _ in world.told()] == [
        (30, "ops", "escalation"),
        (630, "ben_mail", "escalation"),
        (1230, "boss", "escalation"),
    ]
    told = world.timeline(case)
    assert ("escalated", "level L2 told: ben") in told
    assert ("deadline_missed", "the time to respond was missed") in told
    assert ("escalated", "all levels were told, and nobody has acknowledged") in told


def test_repeats_wait_for_business_hours(make: Make) -> None:
    """What begins on a Saturday is told once; on Monday at nine it is told again, and goes to the first level."""
    hours = POLICY + "  hours: {time_zone: UTC, from: '09:00', until: '17:00'}\n"
    route = ESCALATING.replace("group_by", "channels: [log]\n  repeat_interval: 2h\n  group_by")
    world = make(route, hours, BOSS, BEN)

    def sleep(seconds: int) -> None:
        for _ in range(seconds // 300):
            world.clock.turn(300)
            world.wheel.tick()

    world.fire("pro")
    world.turn(600)
    monday_s = 45 * 3600
    sleep(monday_s - 1200)
    assert [(at, channel, reason) for at, channel, reason, _ in world.told()] == [(30, "log", "first")]
    world.fire("free")
    world.turn(590)
    # What is new is told at once.
    assert [(reason, plans) for *_, reason, plans in world.told()[1:]] == [("new_alerts", ["free", "pro"])]
    world.turn(10)
    assert next(at for at, channel, *_ in world.told() if channel == "ops") == monday_s
    sleep(26 * 3600)
    repeats = [at - monday_s for at, _, reason, _ in world.told() if reason == "repeat"]
    assert len(repeats) > 3
    assert all(at % (24 * 3600) <= 8 * 3600 for at in repeats)


def test_an_acknowledgement_stops_it_until_it_runs_out(make: Make) -> None:
    """Nobody else is told; after an hour the level told last is told again, and the case is nobody's."""
    world = _world_of_people(make)
    (case,) = world.fire("pro")
    world.turn(60)
    world.change(case, "acknowledge", "ada")
    world.turn(55 * MINUTE)
    assert len(world.told()) == 1
    world.turn(10 * MINUTE)
    assert [(channel, reason) for _, channel, reason, _ in world.told()] == [("ops", "escalation")] * 2
    assert ("unacknowledged", "the acknowledgement by ada ran out before it was resolved") in world.timeline(case)


def test_a_new_alert_in_an_acknowledged_group_is_told(make: Make) -> None:
    """Somebody has the first one; of the second nobody knows yet: it is told at the next look at the group."""
    world = _world_of_people(make)
    (case,) = world.fire("pro")
    world.turn(60)
    world.change(case, "acknowledge", "ada")
    world.turn(10 * MINUTE)
    (second,) = world.fire("free")
    world.turn(5 * MINUTE)
    assert [(channel, alerts) for _, channel, _, alerts in world.told()] == [("ops", ["pro"]), ("ops", ["free"])]
    world.change(second, "acknowledge", "ben")
    world.turn(50 * MINUTE)
    # That of the first runs out by its own clock.
    assert world.told()[2:] == [(3660, "ops", "escalation", ["pro"])]


def test_a_level_tells_only_of_what_nobody_has(make: Make) -> None:
    """One is acknowledged, the other silenced: no level is told; when the silence ends, it is told of that one."""
    world = _world_of_people(make)
    pro, _ = world.fire("pro", "free")
    world.turn(60)
    world.change(pro, "acknowledge", "ada")
    world.silence(_silence("plan=free", 60, 3000))
    world.turn(2900)
    assert len(world.told()) == 1
    world.turn(20 * MINUTE)
    assert [alerts for _, _, reason, alerts in world.told()[1:] if reason == "escalation"][:1] == [["free"]]


def test_a_level_that_reaches_nobody_goes_on_at_once_and_says_so(make: Make) -> None:
    """The person of the second level has no channel: the third is told in its place."""
    nobody = POLICY.replace("{person: ben}", "{schedule: nights}")
    schedule = document(
        "OnCallSchedule",
        "nights",
        """
time_zone: UTC
layers:
  - {people: [ada], length: 1w, starts: '2024-01-01T09:00', only: [{times: [{start_time: '22:00', end_time: '24:00'}]}]}
""",
    )
    ada = document("NotificationChannel", "ada_mail", "type: log\nperson: ada")
    world = make(ESCALATING, nobody, BOSS, schedule, ada)
    (case,) = world.fire("pro")
    world.turn(12 * MINUTE)
    assert [(at, channel) for at, channel, _, _ in world.told()] == [(30, "ops"), (630, "boss")]
    assert any("reaches nobody" in text and "nobody is on call" in text for _, text in world.timeline(case))


def test_a_critical_alert_is_told_once_by_the_default_pack(make: Make) -> None:
    """Route and first level both write to the log: one message, and the timeline knows that the level was told."""
    world = make(document("NotificationChannel", "spare", "type: log"))
    (case,) = world.fire("pro", severity="critical")
    world.turn(4 * MINUTE)
    assert world.told() == [(30, "log", "first", ["pro"])]
    assert ("escalated", "level L1 told: log") in world.timeline(case)
    world.turn(2 * MINUTE)
    assert world.told()[1:] == [(330, "log", "escalation", ["pro"])]


def test_nobody_is_told_by_a_level_while_all_is_silenced(make: Make) -> None:
    """A silence stops the escalation; when it ends it goes on."""
    world = _world_of_people(make)
    world.fire("pro")
    world.turn(60)
    world.silence(_silence("plan=pro", 60, 2000))
    world.turn(1900)
    assert len(world.told()) == 1
    world.turn(20 * MINUTE)
    assert [channel for _, channel, _, _ in world.told()][:2] == ["ops", "ben_mail"]


def test_a_clock_that_is_set_back_stops_nothing(make: Make) -> None:
    """Set back by two hours in the middle, each level still gets its time, and none is told twice."""
    world = _world_of_people(make)
    world.fire("pro")
    world.turn(5 * MINUTE)
    world.clock.turn(-7200)
    world.turn(30 * MINUTE)
    assert sorted(channel for _, channel, _, _ in world.told()) == ["ben_mail", "boss", "ops"]


def test_after_an_outage_each_level_still_gets_its_time(make: Make) -> None:
    """The clock leaps a day: the level that is due is told, the next one ten minutes later."""
    world = _world_of_people(make)
    world.fire("pro")
    world.turn(60)
    world.clock.turn(86_400)
    world.turn(15 * MINUTE)
    told = [(at, channel) for at, channel, _, _ in world.told()]
    assert told == [(30, "ops"), (86_470, "ben_mail"), (87_070, "boss")]


def test_the_policy_is_that_of_when_the_group_was_opened(make: Make) -> None:
    """Rule files that change later do not change who was promised to be told."""
    world = _world_of_people(make)
    world.fire("pro")
    world.turn(60)
    sooner = POLICY.replace("after: 10m", "after: 1m").replace("person: ben", "channel: boss")
    world.rules = rules_of(OPS, ESCALATING, BOSS, sooner)
    world.restart()
    world.turn(9 * MINUTE)
    assert [at for at, _, _, _ in world.told()] == [30]


def test_what_goes_to_the_backlog_pages_nobody(make: Make) -> None:
    """A feature request becomes an item of the backlog, once."""
    world = make(
        document("Route", "default", "group_by: [rule]\nescalation: later"),
        document("EscalationPolicy", "later", "case: backlog"),
    )
    (case,) = world.fire("pro")
    world.turn(20 * MINUTE)
    assert world.told() == []
    with world.state.reading() as connection:
        from trueline_server.cases.model import CaseKind
        from trueline_server.cases.store import list_cases

        (item,) = list_cases(connection, "t", CaseKind.BACKLOG)
    assert (item.title, item.details["alert"]) == (case.title, case.id)


def test_ten_thousand_alerts_are_one_message_a_group(make: Make) -> None:
    """Grouped by rule they are one message that names a hundred and counts the others; none is lost."""
    world = make()
    cases = world.fire(*(f"p{number}" for number in range(10_000)))
    world.turn(40)
    ((_, _, reason, alerts),) = world.told()
    assert (reason, len(alerts)) == ("first", 100)
    world.resolve(*cases[:9_999])
    world.turn(6 * MINUTE)
    assert [reason for _, _, reason, _ in world.told()] == ["first", "some_resolved"]


def test_what_fails_on_the_way_is_undone_whole(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """A flush that cannot be written tells nobody, and is done again: the same message with the same key."""
    world = make()
    world.fire("pro")
    real = world.wheel._handlers["group"]

    def fails(*arguments: object) -> None:
        real(*arguments)  # type: ignore[arg-type]
        raise StoreError("the disk is gone")

    world.wheel.handle("group", fails)
    world.turn(40)
    assert world.told() == []
    world.wheel.handle("group", real)
    world.turn(40)
    assert [(reason, alerts) for _, _, reason, alerts in world.told()] == [("first", ["pro"])]
