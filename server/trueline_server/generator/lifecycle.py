"""The rare events of the synthetic business: signups, first workflows, invites, subscriptions, payments, spend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from trueline_server.generator import business as b
from trueline_server.generator.people import People, draw_inviters

MINUTE_US = 60_000_000


@dataclass(frozen=True, slots=True)
class Moments:
    """Events before they become Arrow columns, one row an event.

    Attributes:
        at_us: when, microseconds since 1970 (UTC).
        kind: index into business.NAMES.
        user: row of People; -1 for events without a user.
        cents: value in cents of USD; 0 for events without one.
        detail: inviter's row for ACCEPTED, channel for SPENT, what sponsors.DETAIL
            says for events of sponsors and touches.DETAIL for touches, a random
            number from 0 for what else has one.

    """

    at_us: b.Longs
    kind: b.Codes
    user: b.Ints
    cents: b.Longs
    detail: b.Ints

    def __len__(self) -> int:
        return len(self.at_us)

    def take(self, rows: b.Longs | slice) -> Moments:
        """The events of these rows."""
        return Moments(self.at_us[rows], self.kind[rows], self.user[rows], self.cents[rows], self.detail[rows])

    def in_order(self) -> Moments:
        """The same events by time."""
        return self.take(np.argsort(self.at_us, kind="stable"))


def join(parts: list[Moments]) -> Moments:
    """All events of the parts, one part after the other."""
    return Moments(
        np.concatenate([part.at_us for part in parts]),
        np.concatenate([part.kind for part in parts]),
        np.concatenate([part.user for part in parts]),
        np.concatenate([part.cents for part in parts]),
        np.concatenate([part.detail for part in parts]),
    )


def moments(
    kind: int, at_us: b.Longs, user: b.Ints, cents: b.Longs | None = None, detail: b.Ints | None = None
) -> Moments:
    """Events of one kind."""
    count = len(at_us)
    return Moments(
        at_us,
        np.full(count, kind, dtype=np.int8),
        user.astype(np.int32),
        np.zeros(count, dtype=np.int64) if cents is None else cents,
        np.zeros(count, dtype=np.int32) if detail is None else detail.astype(np.int32),
    )


def draw_lifecycle(rng: np.random.Generator, people: People, *, start_us: int, end_us: int) -> Moments:
    """All rare events in [start_us, end_us), by time. At most a few for each user."""
    rows = np.arange(len(people), dtype=np.int32)
    invited = people.inviter >= 0
    joined = people.signed_up_us[invited]
    parts = [
        moments(b.SIGNED_UP, people.signed_up_us, rows),
        moments(b.WORKFLOW, people.activated_us, rows, detail=(rng.random(len(rows)) * 1000).astype(np.int32)),
        moments(b.SUBSCRIBED, people.subscribed_us, rows),
        moments(b.UNSUBSCRIBED, people.unsubscribed_us, rows),
        _closings(people),
        moments(b.INVITED, people.invited_us[invited], people.inviter[invited]),
        moments(b.ACCEPTED, joined + MINUTE_US, rows[invited], detail=people.inviter[invited]),
        _draw_idle_invites(rng, people, joined),
        *_draw_payments(rng, people, end_us),
        _draw_spend(rng, people, start_us, end_us),
    ]
    everything = join(parts)
    inside = np.flatnonzero((everything.at_us >= start_us) & (everything.at_us < end_us))
    return everything.take(inside).in_order()


def _closings(people: People) -> Moments:
    """An account is closed by its last user, a minute after leaving."""
    last = np.zeros(len(people), dtype=np.int64)
    np.maximum.at(last, people.account, people.left_us)
    of_last = np.flatnonzero(people.left_us == last[people.account])
    _, first = np.unique(people.account[of_last], return_index=True)
    users = of_last[first].astype(np.int32)
    return moments(b.CLOSED, people.left_us[users] + MINUTE_US, users)


def _draw_idle_invites(rng: np.random.Generator, people: People, joined_us: b.Longs) -> Moments:
    """Invites that nobody took up, at about the times of those that somebody did."""
    count = int(len(joined_us) * b.IDLE_INVITES)
    at = joined_us[(rng.random(count) * len(joined_us)).astype(np.int64)] if count else joined_us[:0]
    at = at + ((rng.random(count) - 0.5) * 2 * b.DAY_US).astype(np.int64)
    inviter = draw_inviters(rng, at, people.activated_us, people.left_us)
    sent = inviter >= 0
    return moments(b.INVITED, at[sent], inviter[sent])


def _draw_payments(rng: np.random.Generator, people: People, end_us: int) -> list[Moments]:
    """A payment when the subscription starts and on the same day of each month after; a few are paid back."""
    user = np.flatnonzero(people.subscribed_us < end_us).astype(np.int32)
    started = people.subscribed_us[user]
    months = started.astype("datetime64[us]").astype("datetime64[M]")
    # Nobody is billed on a day that some months lack.
    into_month = started - months.astype("datetime64[us]").astype(np.int64)
    into_month -= np.maximum(into_month // b.DAY_US - 27, 0) * b.DAY_US
    price = b.PRICES_CENTS[people.paid_plan[user]]
    until = np.minimum(people.unsubscribed_us[user], end_us)
    paid = [moments(b.PAID, started + MINUTE_US, user, price)]
    ahead = 1
    while len(user):
        due = (months + ahead).astype("datetime64[us]").astype(np.int64) + into_month
        still = due < until
        user, months, into_month, price, until = (
            user[still],
            months[still],
            into_month[still],
            price[still],
            until[still],
        )
        paid.append(moments(b.PAID, due[still], user, price))
        ahead += 1
    payments = join(paid)
    back = np.flatnonzero(b.spread(rng, len(payments)) < b.REFUND_SHARE)
    delay = ((1.0 + 7.0 * rng.random(len(back))) * b.DAY_US).astype(np.int64)
    reason = (rng.random(len(back)) * 1000).astype(np.int32)
    refunds = moments(b.REFUNDED, payments.at_us[back] + delay, payments.user[back], -payments.cents[back], reason)
    return [payments, refunds]


def _draw_spend(rng: np.random.Generator, people: People, start_us: int, end_us: int) -> Moments:
    """Marketing spend by channel: daily, or weekly for a business so small that daily entries would be most of it."""
    step_us = b.DAY_US if len(people) >= 500 else 7 * b.DAY_US
    at = np.arange(start_us, end_us, step_us, dtype=np.int64)
    signups = np.diff(np.searchsorted(people.signed_up_us, np.append(at, end_us))).astype(np.float64)
    # A budget follows the signups of the week around it.
    near = np.ones(min(7 * b.DAY_US // step_us, len(at)))
    level = np.convolve(signups, near, mode="same") / np.convolve(np.ones(len(at)), near, mode="same")
    parts = []
    for channel, share in b.SPEND_SHARES:
        cents = b.SPEND_PER_SIGNUP_CENTS * share * level * (0.9 + 0.2 * rng.random(len(at)))
        parts.append(
            moments(
                b.SPENT,
                at,
                np.full(len(at), -1, dtype=np.int32),
                np.maximum(cents.astype(np.int64), 1),
                np.full(len(at), b.CHANNELS.index(channel), dtype=np.int32),
            )
        )
    return join(parts)
