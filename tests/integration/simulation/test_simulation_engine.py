"""Scenarios through the whole pipeline: who is told of what and when, and why the others are not."""

from __future__ import annotations

from simulation_texts import (
    CHANNELS,
    FAILING,
    METRICS,
    NO_ORDERS,
    POLICY,
    ROUTE,
    SHOP,
    document,
    rules_of,
    series,
    simulated,
    told,
    why,
)
from trueline_server.simulation.model import EntryKind as Kind
from trueline_server.simulation.model import LevelCount

BAD = '{metric: failed, labels: {plan: pro}, values: "0x5 30x20 0x10"}'


def test_an_alert_on_its_whole_way() -> None:
    """It waits, fires, is told to the route and level by level, nobody answers; all hear that it is over."""
    found = simulated(rules_of(*SHOP), series(BAD, more="until: 1h\n"))
    assert told(found) == [
        (360, "pending", "failing plan=pro", ""),
        (540, "opened", "failing plan=pro", ""),
        (570, "level", "failing plan=pro", "ada"),
        (570, "sent", "L1: [firing] critical: failing", "ada"),
        (570, "sent", "[firing] critical: failing", "wall"),
        (870, "level", "failing plan=pro", "ada"),
        (870, "sent", "L1: [firing] critical: failing", "ada"),
        (1170, "deadline_missed", "failing plan=pro", ""),
        (1470, "level", "failing plan=pro", "bob"),
        (1470, "sent", "L2: [firing] critical: failing", "bob"),
        (1470, "exhausted", "failing plan=pro", ""),
        (1620, "resolved", "failing plan=pro", ""),
        (1770, "sent", "[resolved] critical: failing", "ada"),
        (1770, "sent", "[resolved] critical: failing", "wall"),
        (1770, "unsent", "failing plan=pro", "bob"),
    ]
    summary = found.summary
    assert (summary.opened, summary.resolved, summary.open, summary.exhausted) == (1, 1, 0, 1)
    assert summary.deadlines == {"respond": 1}
    assert summary.levels == (LevelCount("shop", "L1", 2), LevelCount("shop", "L2", 1))
    assert {one.channel: one.messages for one in summary.recipients} == {
        "ada_mail": 3,
        "bob_mail": 1,
        "log": 0,
        "wall": 2,
    }


def test_somebody_takes_it() -> None:
    """An acknowledgement stops the levels; taken back, the last level is told anew."""
    acks = (
        "acks:\n  - {at: 10m, rule: failing, by: ada}\n"
        "  - {at: 20m, rule: failing, labels: {plan: pro}, by: ada, how: unacknowledge}\n"
    )
    found = simulated(rules_of(*SHOP), series(BAD, more=acks))
    assert told(found, Kind.ACKNOWLEDGED, Kind.UNACKNOWLEDGED) == [
        (600, "acknowledged", "failing plan=pro", "ada"),
        (1200, "unacknowledged", "failing plan=pro", "ada"),
    ]
    assert [at for at, *_ in told(found, Kind.LEVEL)] == [570, 1200, 1500]
    assert not found.summary.deadlines


def test_a_silence_and_its_end() -> None:
    """Nobody is told meanwhile, and why; when it ends, the alert is told."""
    silence = 'silences:\n  - {matchers: [plan=pro], until: 20m, author: bob, reason: "a trial"}\n'
    found = simulated(rules_of(*SHOP), series(BAD, more=silence))
    assert told(found, Kind.SILENCED, Kind.UNTOLD, Kind.SILENCE_ENDED) == [
        (0, "silenced", "silence 1 of bob", "bob"),
        (570, "untold", "failing plan=pro", "wall"),
        (1200, "silence_ended", "silence 1 of bob", "bob"),
    ]
    assert why(found, Kind.UNTOLD) == [(570, "silenced", "silenced by silence 1 of bob")]
    assert [at for at, *_ in told(found, Kind.SENT)] == [1200, 1200, 1500, 1800, 1800]
    assert found.summary.untold == {"silenced": 1}


def test_an_alert_that_inhibits_another() -> None:
    """While no order comes, failing checkouts are not told, and by what."""
    inhibition = document("Inhibition", "down", "sources: [rule=no_orders]\ntargets: [rule=failing]\nequal: []")
    orders = '{metric: orders, values: "0x40"}'
    found = simulated(rules_of(*SHOP, inhibition), series(BAD, orders))
    assert why(found, Kind.UNTOLD) == [(570, "inhibited", "inhibited: down")]


def test_a_rate_limit() -> None:
    """The second message within a minute waits, and its wait is told; it reaches its person in the end."""
    # Two groups, the second of which is told half a minute later.
    route = ROUTE + "  group_by: [plan]\n  routes: [{matchers: [plan=free], group_wait: 1m}]\n"
    short = BAD.replace("30x20", "30x7")
    found = simulated(rules_of(*SHOP[:-1], route), series(short, short.replace("pro", "free")))
    assert [at for at, *_ in told(found, Kind.HELD)] == [600, 900]
    to_ada = [(at, words) for at, reason, words in why(found, Kind.SENT) if reason == "escalation"]
    assert [at for at, _ in to_ada] == [570, 630]
    assert to_ada[1][1].endswith("; waited 30s for the rate limit")
    ada = next(one for one in found.summary.recipients if one.person == "ada")
    assert (ada.held, ada.longest_wait_us) == (2, 30_000_000)


def test_a_level_does_not_repeat_what_the_route_just_said() -> None:
    """Where both name a channel it has one message at first; the level is told of again after its time."""
    route = ROUTE.replace("[wall]", "[wall, ada_mail]")
    found = simulated(rules_of(*METRICS, FAILING, NO_ORDERS, *CHANNELS, POLICY, route), series(BAD))
    assert told(found, Kind.LEVEL)[0] == (570, "level", "failing plan=pro", "ada")
    first = [(reason, words) for at, reason, words in why(found, Kind.SENT) if at == 570]
    assert [reason for reason, _ in first] == ["first", "first"]
    assert [(at, reason) for at, reason, _ in why(found, Kind.SENT) if at == 870] == [(870, "escalation")]


def test_conditions_that_calm_down() -> None:
    """A condition that does not hold for long enough is told of nobody; an alert over within group_wait neither."""
    slow = ROUTE + "  group_wait: 5m\n"
    rules = rules_of(*METRICS, FAILING, NO_ORDERS, *CHANNELS, POLICY, slow)
    short = '{metric: failed, labels: {plan: pro}, values: "0x5 9x1 0x5 30x4 0x10"}'
    found = simulated(rules, series(short))
    assert [(at, reason) for at, reason, _ in why(found, Kind.CALMED)] == [(480, "too_short")]
    assert [(at, reason) for at, reason, _ in why(found, Kind.UNTOLD)] == [(1320, "resolved_in_time")]
    assert told(found, Kind.SENT) == []
    assert found.summary.untold == {"resolved_in_time": 1, "too_short": 1}


def test_what_has_nobody_to_be_told() -> None:
    """Channels that do not want it, a level without anybody, a route without channels, a wish for the backlog."""
    nobody = POLICY.replace("{person: ada}", "{schedule: nights}")
    shift = (
        "{people: [ada], length: 1d, starts: 2026-01-01T00:00, only: [{times: [{start_time: 22:00, end_time: 23:00}]}]}"
    )
    nights = document("OnCallSchedule", "nights", f"time_zone: UTC\nlayers: [{shift}]")
    route = ROUTE.replace("[wall]", "[bob_mail]")
    silent = document("Route", "a_silent", "matchers: [rule=no_orders]\nchannels: []\nescalation: none")
    rules = rules_of(*METRICS, FAILING, NO_ORDERS, *CHANNELS, nobody, nights, route, silent)
    found = simulated(rules, series(BAD, '{metric: orders, values: "0x40"}'))
    (unreached,) = (entry for entry in found.entries if entry.kind is Kind.UNREACHED)
    assert (unreached.level, unreached.policy, unreached.channels) == ("L1", "shop", ())
    assert "nobody is on call" in unreached.text
    assert why(found, Kind.UNSENT)[0][1] == "not_wanted"
    assert found.summary.untold == {"no_channels": 1, "not_wanted": 1}
    wish = rules_of(*METRICS, FAILING + "  labels: {kind: feature_request}\n")
    assert told(simulated(wish, series(BAD)), Kind.BACKLOG, Kind.SENT) == [(570, "backlog", "failing plan=pro", "")]


def test_what_people_want_and_cannot() -> None:
    """There is no such alert yet, or no such deadline; a note that meets one is kept."""
    acks = (
        "acks:\n  - {at: 1m, rule: failing, by: ada}\n"
        "  - {at: 12m, rule: failing, by: ada, how: note, meets: post_mortem}\n"
        "  - {at: 13m, rule: failing, by: ada, how: note, meets: respond}\n"
    )
    found = simulated(rules_of(*SHOP), series(BAD, more=acks))
    ignored = why(found, Kind.IGNORED)
    assert [at for at, *_ in ignored] == [60, 720]
    assert "no such alert is open" in ignored[0][2]
    assert "post_mortem" in ignored[1][2]
    assert why(found, Kind.NOTED) == [(780, "", "respond is done")]
    assert not found.summary.deadlines


def test_the_end_of_the_clock() -> None:
    """Beyond the last sample nothing is judged, but timers run; before it, both stop."""
    rules, lasting = rules_of(*SHOP), '{metric: failed, labels: {plan: pro}, values: "30x10"}'
    assert simulated(rules, series(lasting)).summary.exhausted == 0
    later = simulated(rules, series(lasting, more="until: 6h\n"))
    assert (later.summary.exhausted, later.summary.open) == (1, 1)
    assert why(later, Kind.SENT)[-1] == (14_610, "repeat", "it still fires")
    earlier = simulated(rules, series(lasting), until_us=120_000_000)
    assert (earlier.end_us - earlier.start_us, told(earlier, Kind.OPENED)) == (120_000_000, [])


def test_the_same_comes_out_the_same() -> None:
    """Two runs of a scenario tell the same, whatever is random within the parts."""
    silence = 'silences:\n  - {matchers: [plan=pro], until: 20m, author: bob, reason: "a trial"}\n'
    rules, text = rules_of(*SHOP), series(BAD, '{metric: orders, values: "0x40"}', more=silence)
    assert simulated(rules, text) == simulated(rules, text)


def test_a_rule_with_a_time_of_its_own() -> None:
    """It is judged at the multiples of its interval only."""
    rules = rules_of(*METRICS, FAILING.replace("for: 3m", "every: 10m"), NO_ORDERS, *CHANNELS, POLICY, ROUTE)
    found = simulated(rules, series(BAD))
    assert told(found, Kind.OPENED, Kind.RESOLVED) == [
        (600, "opened", "failing plan=pro", ""),
        (1800, "resolved", "failing plan=pro", ""),
    ]
    assert found.evaluations == 4


def test_a_month_of_nothing_is_nothing() -> None:
    """Where no value moves, the clock leaps over a month of minutes."""
    found = simulated(rules_of(*SHOP), series('{metric: orders, values: "5x43199"}'))
    assert (found.evaluations, found.entries) == (43_200, ())


def test_an_alert_that_fires_for_days() -> None:
    """Looks that say nothing are leapt over; what breaks in finds the group where it would have been."""
    other = '{metric: failed, labels: {plan: free}, values: "0x4321 30x10"}'
    long = '{metric: failed, labels: {plan: pro}, values: "30x4332"}'
    found = simulated(rules_of(*METRICS, FAILING, NO_ORDERS, CHANNELS[2]), series(long, other))
    assert {at % 300 for at, *_ in told(found, Kind.SENT)} == {210}
    reasons = [
        (at, reason) for at, reason, _ in why(found, Kind.SENT) if reason not in {"escalation", "deadline_missed"}
    ]
    repeats = [(210 + 14_400 * times, "repeat") for times in range(1, 19)]
    # The second alert fires at 72h 05m; the group is looked at next at 72h 08m 30s.
    assert reasons == [(210, "first"), *repeats[:17], (259_410, "repeat"), (259_710, "new_alerts")]
    # Whom to inform and the end are due an hour and four hours after the first one was told.
    assert [at for at, reason, _ in why(found, Kind.SENT) if reason == "deadline_missed"] == [3810, 14_610]
