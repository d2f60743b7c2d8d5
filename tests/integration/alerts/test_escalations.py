"""The life of escalations: what one is about, when it begins, what ends it, and who is told so."""

from __future__ import annotations

from sqlalchemy import select
from trueline_server.cases.model import CaseState
from trueline_server.cases.store import find_case
from trueline_stores.state.case_tables import NOTIFICATIONS

from tests.integration.alerts.dispatch_world import OPS, TENANT, DispatchWorld, Make, document, rules_of

MINUTE = 60
HOUR = 60 * MINUTE
ADA = document("NotificationChannel", "ada_mail", "type: log\nperson: ada")
BOSS = document("NotificationChannel", "boss", "type: log")
PEOPLE = document(
    "EscalationPolicy",
    "people",
    """
levels:
  - {name: L1, notify: [{person: ada}]}
  - {name: boss, after: 10m, notify: [{channel: boss}]}
acknowledge_timeout: 2h
targets: {respond_within: 15m, resolve_within: 3h, post_mortem: required, post_mortem_within: 2d}
""",
)
# Nobody but the people of the policy is told.
ROUTE = document("Route", "default", "escalation: people\ngroup_by: [rule]\nchannels: []")
WORLD = (ADA, BOSS, PEOPLE, ROUTE)
# Critical alerts go another way to the same channels.
URGENT = document("Route", "urgent", "matchers: ['severity=\"critical\"']\nescalation: people")


def pages(world: DispatchWorld) -> list[tuple[int, str, list[str]]]:
    """When which channel was told of which alerts by a level."""
    return [(at, channel, plans) for at, channel, reason, plans in world.told() if reason == "escalation"]


def test_an_alert_that_fires_anew_is_told_anew(make: Make) -> None:
    """Over for a minute, between two looks at its group: a case of its own, which levels and route tell of."""
    world = make(*WORLD[:3], ROUTE.replace("[]", "[ops]"))
    (first,) = world.fire("pro")
    world.turn(MINUTE)
    world.resolve(first)
    world.turn(MINUTE)
    (second,) = world.fire("pro")
    world.turn(30 * MINUTE)
    assert pages(world) == [(30, "ada_mail", ["pro"]), (330, "ada_mail", ["pro"]), (930, "boss", ["pro"])]
    assert [(at, reason) for at, channel, reason, _ in world.told() if channel == "ops"] == [
        (30, "first"),
        (330, "new_alerts"),
    ]
    assert ("escalated", "level boss told: boss") in world.timeline(second)
    assert ("deadline_missed", "the time to respond was missed") not in world.timeline(first)


def test_what_was_resolved_by_hand_and_fires_anew_is_told_anew(make: Make) -> None:
    """Whoever resolves an alert by hand has not taken care of the next one."""
    world = make(*WORLD)
    (first,) = world.fire("pro")
    world.turn(MINUTE)
    world.change(first, "acknowledge", "ada")
    world.change(first, "resolve", "ada")
    world.turn(MINUTE)
    world.fire("pro")
    world.turn(20 * MINUTE)
    assert pages(world) == [(30, "ada_mail", ["pro"]), (330, "ada_mail", ["pro"]), (930, "boss", ["pro"])]


def test_a_new_alert_is_told_after_all_levels_were(make: Make) -> None:
    """An hour after everybody was told of the first one, the second one goes its whole way, with its own deadlines."""
    world = make(*WORLD)
    world.fire("pro")
    world.turn(HOUR)
    (second,) = world.fire("free")
    world.turn(30 * MINUTE)
    assert pages(world)[2:] == [(3630, "ada_mail", ["free"]), (4230, "boss", ["free"])]
    assert ("deadline_missed", "the time to respond was missed") in world.timeline(second)
    assert ("escalated", "all levels were told, and nobody has acknowledged") in world.timeline(second)


def test_a_new_alert_begins_at_the_first_level_with_clocks_of_its_own(make: Make) -> None:
    """The first one was taken after the boss was told: the second goes to the first level, and has its own times."""
    world = make(*WORLD)
    (first,) = world.fire("pro")
    world.turn(20 * MINUTE)
    world.change(first, "acknowledge", "ada")
    world.turn(70 * MINUTE)
    (second,) = world.fire("free")
    world.turn(2 * HOUR)
    began = 5430
    free = [(at - began, channel) for at, channel, plans in pages(world) if plans == ["free"]]
    assert free == [(0, "ada_mail"), (600, "boss")]
    # Resolving is due three hours after each was told, and an acknowledgement runs out by its own clock.
    assert ("deadline_missed", "the time to resolve was missed") in world.timeline(first)
    assert ("deadline_missed", "the time to resolve was missed") not in world.timeline(second)
    assert [plans for at, channel, plans in pages(world) if at == 20 * MINUTE + 2 * HOUR] == [["pro"]]


def test_an_alert_that_gets_worse_is_nobodys(make: Make) -> None:
    """Acknowledged as a warning, critical it is told at once; acknowledged as critical, it stays so as a warning."""
    world = make(*WORLD)
    (case,) = world.fire("pro")
    world.turn(MINUTE)
    world.change(case, "acknowledge", "ada")
    worse = world.change(case, "change_severity", "critical")
    assert (worse.state, worse.acknowledged_by) == (CaseState.OPEN, "")
    assert ("severity_changed", "nobody has it any more: ada had it as warning") in world.timeline(case)
    world.turn(MINUTE)
    assert [plans for _, _, plans in pages(world)] == [["pro"], ["pro"]]
    world.change(case, "acknowledge", "ada")
    better = world.change(case, "change_severity", "warning")
    assert (better.state, better.acknowledged_by) == (CaseState.ACKNOWLEDGED, "ada")
    world.turn(HOUR)
    assert len(pages(world)) == 2


def test_an_acknowledgement_goes_along_to_another_route_and_runs_out_there(make: Make) -> None:
    """Acknowledged as critical, it becomes a warning, which is another route's: nobody is paged before the timeout."""
    world = make(*WORLD, URGENT)
    (case,) = world.fire("pro", severity="critical")
    world.turn(MINUTE)
    world.change(case, "acknowledge", "ada")
    world.change(case, "change_severity", "warning")
    world.turn(110 * MINUTE)
    assert pages(world) == [(30, "ada_mail", ["pro"])]
    world.turn(20 * MINUTE)
    assert pages(world)[1:] == [(7290, "ada_mail", ["pro"])]
    with world.state.reading() as connection:
        after = find_case(connection, TENANT, case.id)
    assert after is not None
    assert after.state is CaseState.OPEN


def test_an_alert_that_leaves_and_comes_back_is_escalated(make: Make) -> None:
    """Critical, a warning, critical within two minutes: its levels are told from the first on."""
    world = make(*WORLD, URGENT)
    (case,) = world.fire("pro", severity="critical")
    world.turn(2 * MINUTE)
    world.change(case, "change_severity", "warning")
    world.turn(10)
    world.change(case, "change_severity", "critical")
    world.turn(20 * MINUTE)
    assert pages(world) == [(30, "ada_mail", ["pro"]), (330, "ada_mail", ["pro"]), (930, "boss", ["pro"])]


def test_a_channel_of_both_routes_is_not_told_that_it_is_over(make: Make) -> None:
    """A warning becomes critical, which another route tells on the same channel: it fires there, not resolved."""
    world = make(*WORLD[:3], ROUTE.replace("[]", "[ops]"), URGENT)
    (case,) = world.fire("pro")
    world.turn(MINUTE)
    world.change(case, "change_severity", "critical")
    world.turn(6 * MINUTE)
    assert [(reason, plans) for _, channel, reason, plans in world.told() if channel == "ops"] == [
        ("first", ["pro"]),
        ("first", ["pro"]),
    ]
    world.resolve(case)
    world.turn(10 * MINUTE)
    assert [(reason, plans) for _, channel, reason, plans in world.told() if channel == "ops"][2:] == [
        ("all_resolved", ["-pro"])
    ]


def test_whoever_a_level_told_is_told_the_end(make: Make) -> None:
    """Once, when all of it is over, also where the route tells nobody; who was not told hears nothing."""
    world = make(*WORLD)
    first, second = world.fire("pro", "free")
    world.turn(MINUTE)
    world.resolve(first)
    world.turn(6 * MINUTE)
    assert len(world.told()) == 1
    world.resolve(second)
    world.turn(DAYS)
    assert [(channel, reason, sorted(plans)) for _, channel, reason, plans in world.told()[1:]] == [
        ("ada_mail", "all_resolved", ["-free", "-pro"])
    ]


DAYS = 30 * HOUR


def test_a_page_that_still_waits_is_taken_back(make: Make) -> None:
    """Held back by a rate limit when somebody has it, or it is over: it never goes, nor does its end."""
    world = make(*WORLD)
    world.carrying = False
    (case,) = world.fire("pro")
    world.turn(MINUTE)
    world.change(case, "acknowledge", "bob")
    (other,) = world.fire("free", rule="down", severity="critical")
    world.turn(MINUTE)
    world.resolve(other)
    world.turn(10 * MINUTE)
    world.resolve(case)
    world.turn(10 * MINUTE)
    assert world.told() == []
    with world.state.reading() as connection:
        dropped = [(row.state, row.error) for row in connection.execute(select(NOTIFICATIONS))]
    assert sorted(dropped) == [
        ("dropped", "bob had it before this went out"),
        ("dropped", "it was over before this went out"),
    ]


def test_a_post_mortem_is_due_though_it_fires_again(make: Make) -> None:
    """What comes later has deadlines of its own; those who were told hear of the one that was missed."""
    world = make(*WORLD)
    (first,) = world.fire("pro")
    world.turn(MINUTE)
    world.change(first, "acknowledge", "ada")
    world.resolve(first)
    world.turn(20 * MINUTE)
    (second,) = world.fire("pro")
    world.turn(MINUTE)
    world.change(second, "acknowledge", "ada")
    world.clock.turn(48 * HOUR)
    world.turn(MINUTE)
    missed = ("deadline_missed", "the time for the post-mortem was missed")
    assert missed in world.timeline(first)
    assert missed not in world.timeline(second)
    assert ("ada_mail", "deadline_missed", ["-pro"]) in [told[1:] for told in world.told()]


def test_open_groups_follow_the_rule_files(make: Make) -> None:
    """Another channel, another route: told there from the next look on, and where it was told before that it went."""
    other = document("NotificationChannel", "other", "type: log")
    world = make(document("Route", "default", "channels: [ops]\ngroup_by: [rule]\nescalation: none"))
    world.fire("pro", "free")
    world.turn(MINUTE)
    changed = document("Route", "default", "channels: [other, ops]\ngroup_by: [rule]\nescalation: none")
    world.rules = rules_of(OPS, other, changed)
    world.fire("team")
    world.turn(5 * MINUTE)
    everything = ["free", "pro", "team"]
    assert world.told()[1:] == [(330, "ops", "new_alerts", everything), (330, "other", "new_alerts", everything)]
    away = document("Route", "away", "matchers: [plan=pro]\nchannels: [other]")
    world.rules = rules_of(OPS, other, changed, away)
    world.turn(10 * MINUTE)
    moved = [(630, channel, "moved", ["free", "team", "~pro"]) for channel in ("ops", "other")]
    assert world.told()[3:] == [*moved, (660, "other", "first", ["pro"])]


def test_alerts_that_fire_when_a_policy_is_put_in_are_escalated(make: Make) -> None:
    """The files had no escalation for them and have one now: it begins at the next look at their group."""
    world = make(*WORLD[:3], document("Route", "default", "channels: []\nescalation: none\ngroup_by: [rule]"))
    world.fire("pro")
    world.turn(MINUTE)
    world.rules = rules_of(OPS, *WORLD)
    world.turn(15 * MINUTE)
    assert pages(world) == [(330, "ada_mail", ["pro"]), (930, "boss", ["pro"])]


def test_a_clock_that_is_set_back_while_nothing_runs_stops_nothing(make: Make) -> None:
    """Six hours back before the first look, and again before the second level: nothing waits for six hours."""
    world = make(*WORLD)
    world.fire("pro")
    world.turn(10)
    world.clock.turn(-6 * HOUR)
    world.restart()
    world.turn(MINUTE)
    assert [channel for _, channel, _ in pages(world)] == ["ada_mail"]
    world.clock.turn(-6 * HOUR)
    world.restart()
    world.turn(11 * MINUTE)
    assert sorted(channel for _, channel, _ in pages(world)) == ["ada_mail", "boss"]


def test_a_restart_tells_nobody_before_the_time(make: Make) -> None:
    """All that waits looks at its clock again after a start, and goes on waiting."""
    world = make(*WORLD[:3], ROUTE.replace("[]", "[ops]"))
    world.fire("pro")
    for _ in range(66):
        world.restart()
        world.turn(10)
    assert [(at, channel) for at, channel, _, _ in world.told()] == [(30, "ada_mail"), (30, "ops"), (630, "boss")]
