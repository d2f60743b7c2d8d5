"""What leads people to the synthetic business: touches by channel of visitors, of whom some sign up, and of users.

They have random numbers of their own, as sponsors do. A user row also numbers the browser and the phone that the user
came with before the signup, and one visitor who never signs up.
"""

from __future__ import annotations

import numpy as np

from trueline_server.generator import business as b
from trueline_server.generator.lifecycle import Moments, join, moments
from trueline_server.generator.people import People

# Who touches: the user, or a visitor with no more than an anonymous id; signups name that of the browser, and logins
# the device of the phone.
USER, BROWSER, PHONE, STRANGER = range(4)
# Details of touches: who * DETAIL + channel * 10 + which of the channel's campaigns.
DETAIL = 100


def draw_touches(rng: np.random.Generator, people: People, *, start_us: int, end_us: int) -> Moments:
    """All touches in [start_us, end_us), by time: about one in sixteen of all events."""
    everything = join(
        [_draw_of_signups(rng, people), _draw_of_strangers(rng, people), _draw_of_users(rng, people, end_us)]
    )
    inside = np.flatnonzero((everything.at_us >= start_us) & (everything.at_us < end_us))
    return everything.take(inside).in_order()


def who_of(events: Moments) -> b.Ints:
    """Who is behind each event: USER for all but touches of visitors."""
    who: b.Ints = np.where(events.kind == b.TOUCHED, events.detail // DETAIL, USER).astype(np.int32)
    return who


def channel_of(detail: b.Ints) -> b.Ints:
    """Index into CHANNELS from details of touches."""
    channel: b.Ints = detail // 10 % 10
    return channel


def campaign_of(detail: b.Ints) -> b.Ints:
    """Index into CHANNEL_CAMPAIGNS from details of touches; below 0 where the channel has no campaigns."""
    first = b.FIRST_CAMPAIGNS[channel_of(detail)]
    campaign: b.Ints = np.where(first < 0, -1, first + detail % 10).astype(np.int32)
    return campaign


def _draw_of_signups(rng: np.random.Generator, people: People) -> Moments:
    """Up to six touches before a signup; the last of them often by the channel that the signup names."""
    counts = b.draw_codes(rng.random(len(people)), b.TOUCHES_BEFORE_SIGNUP).astype(np.int64)
    user, step, at = _draw_before(rng, people.signed_up_us, counts)
    last = step == counts[user] - 1
    # Somebody may come back once more just before signing up.
    soon = people.signed_up_us[user] - ((1.0 + 89.0 * rng.random(len(user))) * 60_000_000).astype(np.int64)
    at = np.where(last, np.maximum(at, soon), at)
    channel = np.where(
        last,
        b.draw_codes(rng.random(len(user)), b.CLOSING_SHARES),
        b.draw_codes(rng.random(len(user)), b.BETWEEN_SHARES),
    )
    opening = b.draw_codes(rng.random(len(user)), b.OPENING_SHARES)
    channel = np.where((step == 0) & ~last, opening, channel)
    named = last & (rng.random(len(user)) < b.NAMED_SHARE)
    channel = np.where(named, people.channel[user], channel)
    # On the phone first, then at a desk: the first half of the journey is of an id that the signup does not name.
    phone = (rng.random(len(people)) < b.PHONE_SHARE)[user] & (step < counts[user] // 2)
    return _touches(rng, at, user, np.where(phone, PHONE, BROWSER), channel)


def _draw_of_strangers(rng: np.random.Generator, people: People) -> Moments:
    """Visitors who come about as often as others sign up, and never do."""
    counts = 1 + b.draw_codes(rng.random(len(people)), b.TOUCHES_OF_STRANGERS).astype(np.int64)
    counts[rng.random(len(people)) >= b.STRANGERS_PER_USER] = 0
    user, _, at = _draw_before(rng, people.signed_up_us, counts)
    channel = b.draw_codes(rng.random(len(user)), b.STRANGER_SHARES)
    return _touches(rng, at, user, np.full(len(user), STRANGER), channel)


def _draw_of_users(rng: np.random.Generator, people: People, end_us: int) -> Moments:
    """Touches of those who have signed up and not left; more of those who pay."""
    rows, ats = [], []
    for monthly, begun, over in (
        (b.TOUCHES_OF_USERS, people.signed_up_us, people.left_us),
        (b.TOUCHES_OF_SUBSCRIBERS, people.subscribed_us, people.unsubscribed_us),
    ):
        begins = np.minimum(begun, end_us)
        lasts_us = np.maximum(np.minimum(over, end_us) - begins, 0)
        counts = rng.poisson(monthly * lasts_us / (b.MONTH_DAYS * b.DAY_US))
        user = np.repeat(np.arange(len(people), dtype=np.int32), counts)
        rows.append(user)
        ats.append(begins[user] + (rng.random(len(user)) * lasts_us[user]).astype(np.int64))
    user, at = np.concatenate(rows), np.concatenate(ats)
    channel = b.draw_codes(rng.random(len(user)), b.USER_SHARES)
    return _touches(rng, at, user, np.full(len(user), USER), channel)


def _draw_before(rng: np.random.Generator, until_us: b.Longs, counts: b.Longs) -> tuple[b.Ints, b.Longs, b.Longs]:
    """So many touches of each row before an instant: rows, which touch of its row each is (from 0), and when."""
    row = np.repeat(np.arange(len(counts), dtype=np.int32), counts)
    step = np.arange(len(row), dtype=np.int64) - (np.cumsum(counts) - counts)[row]
    # More of them lie near the end than weeks before it.
    age_days = b.TOUCH_DAYS * (0.001 + 0.999 * rng.random(len(row)) ** 2)
    at = until_us[row] - (age_days * b.DAY_US).astype(np.int64)
    return row, step, at[np.lexsort((at, row))]


def _touches(rng: np.random.Generator, at: b.Longs, user: b.Ints, who: b.Ints, channel: b.Codes | b.Ints) -> Moments:
    """Touches with a campaign of their channel."""
    pick = rng.integers(0, b.CAMPAIGNS_PER_CHANNEL, len(at))
    return moments(b.TOUCHED, at, user, detail=who * DETAIL + channel.astype(np.int32) * 10 + pick)
