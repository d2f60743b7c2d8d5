"""The synthetic business: exact numbers, the same bytes for the same seed, and a believable life of its users."""

from collections import Counter, defaultdict
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trueline_server.generator import FEWEST_EVENTS, SOURCE, generate
from trueline_stores.event_schema import EVENT_SCHEMA

END = datetime(2025, 6, 12, 10, 30, tzinfo=UTC)
CAMPAIGNS = ("campaign_spent", "campaign_converted", "campaign_finished")
SPONSORED = ("sponsor_deal_", *CAMPAIGNS)


def _table(events: int, seed: int = 7, end: datetime = END, days: int = 120) -> pa.Table:
    return pa.Table.from_batches(generate(events=events, seed=seed, end=end, days=days), schema=EVENT_SCHEMA)


def _bytes(batches: list[pa.RecordBatch]) -> list[bytes]:
    return [bytes(batch.serialize()) for batch in batches]


@settings(max_examples=25, deadline=None)
@given(
    events=st.integers(FEWEST_EVENTS, 4_000),
    seed=st.integers(0, 10_000),
    days=st.integers(14, 200),
    seconds=st.integers(0, 86_400),
)
def test_exact_number_in_order(events: int, seed: int, days: int, seconds: int) -> None:
    """Whatever is asked for, exactly that many events come, by time, before the end, with ids counting up."""
    end = datetime(2025, 6, 12, tzinfo=UTC) + timedelta(seconds=seconds)

    table = _table(events, seed, end, days)

    times = table["occurred_at"].to_pylist()
    assert events == table.num_rows
    assert sorted(times) == times
    assert times[-1] < end
    assert times[0] >= end - timedelta(days=days + 1)
    run, _ = table["id"][0].as_py().removeprefix("sp-").split("-")
    assert [f"sp-{run}-{number:09d}" for number in range(1, events + 1)] == table["id"].to_pylist()


def test_batches_are_valid_and_labelled() -> None:
    """Every batch is valid Arrow with the event schema, and every event says by its source that it is synthetic."""
    for batch in generate(events=70_000, seed=1, end=END):
        batch.validate(full=True)
        assert batch.schema == EVENT_SCHEMA
        assert {SOURCE} == set(batch["source"].to_pylist())
        assert batch.num_rows <= 65_536


def test_same_seed_same_bytes() -> None:
    """The same arguments make the same bytes; another seed makes other events."""
    first = _bytes(list(generate(events=30_000, seed=3, end=END)))

    assert first == _bytes(list(generate(events=30_000, seed=3, end=END)))
    assert first != _bytes(list(generate(events=30_000, seed=4, end=END)))


@pytest.mark.parametrize(
    "change",
    [{"events": 1_001}, {"seed": 8}, {"end": END + timedelta(seconds=1)}, {"days": 121}],
    ids=["events", "seed", "end", "days"],
)
def test_other_arguments_other_identities(change: dict[str, Any]) -> None:
    """Events that may differ never share an id, so that a later run into the same server is no conflict; and its users
    are others, so that nobody signs up twice.
    """
    first, other = _table(1_000), _table(**({"events": 1_000} | change))

    for column in ("id", "user_id", "account_id", "anonymous_id", "device_id"):
        assert not (set(first[column].to_pylist()) & set(other[column].to_pylist())) - {None}, column


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"events": 999}, "events must be at least 1000, got 999"),
        ({"seed": -1}, "seed must be at least 0"),
        ({"days": 13}, "days must be at least 14"),
        ({"end": END.replace(tzinfo=None)}, "end must have a time zone"),
    ],
)
def test_wrong_arguments(change: dict[str, object], message: str) -> None:
    """An argument out of its range is refused before anything is generated, with the range."""
    arguments: dict[str, object] = {"events": 1_000, "seed": 1, "end": END, "days": 120}
    with pytest.raises(ValueError, match=message):
        generate(**(arguments | change))  # type: ignore[arg-type]


class _Business:
    """What plain Python finds in a generated stream."""

    def __init__(self, table: pa.Table) -> None:
        self.joined: dict[str, datetime] = {}
        self.activated: dict[str, datetime] = {}
        self.days: defaultdict[str, set[date]] = defaultdict(set)
        self.months: defaultdict[tuple[int, int], set[str]] = defaultdict(set)
        self.money: defaultdict[tuple[int, int], float] = defaultdict(float)
        self.spent: defaultdict[tuple[int, int], float] = defaultdict(float)
        self.inviters: defaultdict[tuple[int, int], set[str]] = defaultdict(set)
        self.invited: defaultdict[tuple[int, int], list[str]] = defaultdict(list)
        for event in table.to_pylist():
            self._take(event)

    def _take(self, event: dict[str, object]) -> None:
        at, user, name = event["occurred_at"], event["user_id"], event["name"]
        assert isinstance(at, datetime)
        month = (at.year, at.month)
        if name == "campaign_touched":
            # A visitor, of whom nothing is known yet, or a user; what is touched is no activity.
            assert (user is None) == (event["account_id"] is None) == (event["anonymous_id"] is not None)
            assert user is None or user in self.joined
            return
        if str(name).startswith(SPONSORED):
            # Sponsors are no users: what they do is of a podcaster's account.
            assert user is None
            assert event["account_id"]
            return
        if name == "marketing_spend":
            assert user is None
            self.spent[month] += float(event["value"])  # type: ignore[arg-type]
            return
        assert isinstance(user, str)
        if name == "account_closed":
            # Whoever leaves was there, but does nothing by it.
            assert user in self.joined
            return
        if name == "user_signed_up":
            assert user not in self.joined
            self.joined[user] = at
        elif name == "invite_accepted":
            self.invited[month].append(user)
            assert dict(event["properties"])["inviter"] in self.joined  # type: ignore[call-overload]
        elif name == "workflow_created":
            self.activated.setdefault(user, at)
        elif name == "invite_sent":
            self.inviters[month].add(user)
        elif name in ("payment_succeeded", "payment_refunded"):
            assert event["currency"] == "USD"
            self.money[month] += float(event["value"])  # type: ignore[arg-type]
        assert user in self.joined, f"{name} of {user} before the signup"
        self.days[user].add(at.date())
        self.months[month].add(user)

    def retention(self, day: int) -> float:
        cohort = [u for u, at in self.joined.items() if at.date() + timedelta(days=day) < END.date()]
        back = sum(self.joined[u].date() + timedelta(days=day) in self.days[u] for u in cohort)
        return back / len(cohort)


def test_believable_business() -> None:
    """Over 200,000 events each KPI of the default pack lands near its target, so that a board shows all of them."""
    business = _Business(_table(200_000))
    april, may = (2025, 4), (2025, 5)
    recent = [u for u, at in business.joined.items() if END - timedelta(days=30) <= at]
    active_then = business.months[april]
    churn = len(active_then - business.months[may]) / len(active_then)
    arpu = business.money[may] / len(business.months[may])
    signups = sum((at.year, at.month) == may for at in business.joined.values())
    acquisition = business.spent[may] / signups
    invitees = sum(user in business.activated for user in business.invited[may])

    assert 0.20 < business.retention(7) < 0.30
    assert 0.11 < business.retention(30) < 0.20
    assert 0.30 < sum(u in business.activated for u in recent) / len(recent) < 0.45
    assert 0.03 < churn < 0.08
    assert 2.5 < arpu / churn / acquisition < 5.0
    assert 0.05 < business.money[may] / business.money[april] - 1 < 0.20
    assert 0.25 < invitees / len(business.inviters[may]) < 0.55


def test_accounts_fade_before_they_are_closed() -> None:
    """Each is closed once, by its last user, who does nothing after; those that will be closed within a month have had
    half as many days of activity in the month before as those that stay, or fewer.
    """
    events = [one for one in _table(100_000).to_pylist() if one["user_id"] and one["name"] != "campaign_touched"]
    closed = {one["account_id"]: one for one in events if one["name"] == "account_closed"}
    then = END - timedelta(days=30)
    days: defaultdict[str, set[date]] = defaultdict(set)
    for one in events:
        account, at = one["account_id"], one["occurred_at"]
        if account in closed and one["name"] not in ("account_closed", "payment_refunded"):
            assert at < closed[account]["occurred_at"]
        if then - timedelta(days=30) < at <= then:
            days[account].add(at.date())
    joined = {one["account_id"] for one in events if one["occurred_at"] <= then - timedelta(days=30)}
    joined -= {account for account, one in closed.items() if one["occurred_at"] <= then}
    leaving = joined & closed.keys()
    active = {
        kind: sum(len(days[account]) for account in some) / len(some)
        for kind, some in (("leaving", leaving), ("staying", joined - leaving))
    }

    assert len(closed) == sum(one["name"] == "account_closed" for one in events)
    assert 0.02 < len(leaving) / len(joined) < 0.12
    assert active["leaving"] < active["staying"] / 2


def test_deals_of_sponsors_run_for_terms() -> None:
    """A deal starts once and is due every four weeks; each time it is renewed, or ends, within four days."""
    deals: defaultdict[str, list[tuple[datetime, str]]] = defaultdict(list)
    for event in _table(60_000).to_pylist():
        if event["name"].startswith("sponsor_deal_"):
            properties = dict(event["properties"])
            assert properties.keys() == {"persona", "deal", "sponsor", "campaign_type"}
            deals[properties["deal"]].append((event["occurred_at"], event["name"].removeprefix("sponsor_deal_")))

    assert len(deals) > 60
    for moments in deals.values():
        started, *later = moments
        assert started[1] == "started"
        dues, decided = later[::2], later[1::2]
        assert {what for _, what in dues} <= {"due"}
        assert [at - started[0] for at, _ in dues] == [timedelta(days=28 * n) for n in range(1, len(dues) + 1)]
        # Of the last term nothing may have been said by the end.
        terms = zip(dues, decided, strict=False)
        assert all(timedelta(0) <= said - due <= timedelta(days=4) for (due, _), (said, _) in terms)
        assert {what for _, what in decided[:-1]} <= {"renewed"}
        assert all(what in ("renewed", "ended") for _, what in decided)


def test_campaigns_of_sponsors_cost_and_earn() -> None:
    """Each campaign costs something in three weeks, earns conversions after each, and is over; most earn more."""
    campaigns: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in _table(60_000).to_pylist():
        if event["name"].startswith(CAMPAIGNS):
            campaigns[dict(event["properties"])["campaign"]].append(event)
    over = [events for events in campaigns.values() if events[-1]["name"] == "campaign_finished"]

    assert len(over) > 40
    rois = []
    for events in over:
        spent = [float(each["value"]) for each in events if each["name"] == "campaign_spent"]
        earned = [each for each in events if each["name"] == "campaign_converted"]
        assert (len(spent), len(earned), len(events)) == (3, 3, 7)
        assert all(dict(each["numbers"])["conversions"] >= 1 for each in earned)
        rois.append(sum(float(each["value"]) for each in earned) / sum(spent) - 1)
    assert 0.3 < sum(rois) / len(rois) < 1.2


def test_sponsors_are_of_accounts_that_are_there() -> None:
    """What sponsors do is of accounts whose users signed up before."""
    joined: set[str] = set()
    for event in _table(20_000).to_pylist():
        if event["name"] == "user_signed_up":
            joined.add(event["account_id"])
        elif event["name"].startswith(SPONSORED):
            assert event["account_id"] in joined


class _Touches:
    """Touches of a generated stream, by whoever they are of."""

    def __init__(self, events: list[dict[str, Any]]) -> None:
        self.signups = {one["anonymous_id"]: one for one in events if one["name"] == "user_signed_up"}
        self.touches = [one for one in events if one["name"] == "campaign_touched"]
        self.owners: defaultdict[str, set[str]] = defaultdict(set)
        self.visits: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
        for one in events:
            if one["device_id"] and one["user_id"]:
                self.owners[one["device_id"]].add(one["user_id"])
        for one in self.touches:
            if one["anonymous_id"]:
                self.visits[one["anonymous_id"]].append(one)

    def channels(self, visitor: str) -> list[str]:
        return [dict(one["properties"])["channel"] for one in self.visits[visitor]]


def test_touches_lead_to_signups() -> None:
    """Most signups have up to six touches in the three weeks before them by the visitor whom they name; half of the
    last ones are of the channel that they name; podcasts and social media begin journeys, search and direct end them.
    """
    found = _Touches(_table(100_000).to_pylist())
    # Journeys of the launch began before there was a business.
    begun = min(one["occurred_at"] for one in found.signups.values()) + timedelta(days=21)
    signups = {visitor: one for visitor, one in found.signups.items() if one["occurred_at"] > begun}
    came = signups.keys() & found.visits.keys()
    for visitor in came:
        ages = [signups[visitor]["occurred_at"] - one["occurred_at"] for one in found.visits[visitor]]
        assert len(ages) <= 6
        assert timedelta(0) < min(ages) <= max(ages) <= timedelta(days=21)
    last = Counter(found.channels(visitor)[-1] for visitor in came)
    named = sum(dict(signups[visitor]["properties"])["channel"] == found.channels(visitor)[-1] for visitor in came)
    longer = [found.channels(visitor) for visitor in came if len(found.visits[visitor]) > 1]
    first, ended = (Counter(channels[place] for channels in longer) for place in (0, -1))

    assert 0.8 < len(came) / len(signups) < 0.95
    assert 0.45 < named / len(came) < 0.75
    assert last["direct"] > 0.1 * len(came)
    assert first["podcast_ads"] + first["social"] > 2 * (ended["podcast_ads"] + ended["social"])
    assert ended["paid_search"] + ended["direct"] > 2 * (first["paid_search"] + first["direct"])


def test_touches_of_phones_and_of_strangers() -> None:
    """Some journeys begin on a phone, whose device its user logs in with later; other visitors never sign up."""
    found = _Touches(_table(100_000).to_pylist())
    others = found.visits.keys() - found.signups.keys()
    phones = {visitor for visitor in others if found.visits[visitor][0]["device_id"]}
    for visitor in phones:
        (device,) = {one["device_id"] for one in found.visits[visitor]}
        assert len(found.owners[device]) <= 1
    known = sum(bool(found.owners[found.visits[visitor][0]["device_id"]]) for visitor in phones)

    assert known > 0.6 * len(phones) > 50
    assert 0.4 < len(others - phones) / len(found.signups) < 0.7


def test_touches_of_users_come_before_most_payments() -> None:
    """Also renewals have touches in the 30 days before them: of the newsletter, of podcasts, and directly."""
    events = _table(100_000).to_pylist()
    touched: defaultdict[str, list[datetime]] = defaultdict(list)
    paid: defaultdict[str, list[datetime]] = defaultdict(list)
    channels: Counter[str] = Counter()
    for one in events:
        if one["name"] == "campaign_touched" and one["user_id"]:
            touched[one["user_id"]].append(one["occurred_at"])
            channels[dict(one["properties"])["channel"]] += 1
        elif one["name"] == "payment_succeeded":
            paid[one["user_id"]].append(one["occurred_at"])
    renewals = [(user, at) for user, times in paid.items() for at in times[1:]]
    led = sum(any(timedelta(0) < at - touch <= timedelta(days=30) for touch in touched[user]) for user, at in renewals)

    assert channels.keys() == {"newsletter", "podcast_ads", "direct"}
    assert 0.6 < led / len(renewals) < 0.9


def test_touches_name_a_campaign_of_their_channel() -> None:
    """Each has a channel; those that somebody is paid or writes for have one of two campaigns, of their own."""
    campaigns: defaultdict[str, set[str | None]] = defaultdict(set)
    for one in _Touches(_table(60_000).to_pylist()).touches:
        properties = dict(one["properties"])
        assert {"channel"} <= properties.keys() <= {"channel", "campaign"}
        campaigns[properties["channel"]].add(properties.get("campaign"))

    without = {"organic", "referral", "direct"}
    assert {channel for channel, names in campaigns.items() if names == {None}} == without
    paid = [names for channel, names in campaigns.items() if channel not in without]
    assert [len(names) for names in paid] == [2] * 5
    assert len(set[str | None]().union(*paid)) == 10
