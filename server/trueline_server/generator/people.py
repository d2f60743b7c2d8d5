"""The users of the synthetic business, in columns: when each signs up, activates, subscribes and leaves."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from trueline_server.generator import business as b

# Later than any event, for what never happens.
NEVER = np.int64(2**62)


@dataclass(frozen=True, slots=True)
class People:
    """Users by time of signup; times in microseconds since 1970 (UTC), NEVER for what does not happen.

    Attributes:
        vigour: factor on the chance to be active on a day.
        inviter: row of the user who invited; -1 = nobody.
        invited_us: when the invite was sent.
        account: row of the user who opened the account.
        twin: row of the user whose e-mail address this one signed up with; the own row for nearly all.
        paid_plan: index into PLANS of the plan they would pay for.

    """

    signed_up_us: b.Longs
    activated_us: b.Longs
    subscribed_us: b.Longs
    unsubscribed_us: b.Longs
    left_us: b.Longs
    invited_us: b.Longs
    inviter: b.Ints
    account: b.Ints
    twin: b.Ints
    persona: b.Codes
    country: b.Codes
    channel: b.Codes
    paid_plan: b.Codes
    vigour: b.Floats

    def __len__(self) -> int:
        return len(self.signed_up_us)


def draw_people(rng: np.random.Generator, *, count: int, start_us: int, end_us: int) -> People:
    """Draw `count` users who sign up from start_us (a midnight) until end_us."""
    signed_up = _draw_signups(rng, count, start_us, end_us)
    persona = b.draw_codes(b.spread(rng, count), b.PERSONA_SHARES)
    invite = _spread_after_launch(rng, signed_up, start_us) < b.INVITED_SHARE
    activated = _draw_activations(rng, signed_up, invite)
    left = _draw_leaving(rng, signed_up, activated)
    activated = np.where(activated < left, activated, NEVER)
    invited_us = signed_up - ((0.02 + 2.98 * rng.random(count)) * b.DAY_US).astype(np.int64)
    inviter = draw_inviters(rng, invited_us, activated, left)
    inviter = np.where(invite, inviter, np.int32(-1))
    channel = b.draw_codes(b.spread(rng, count), b.CHANNEL_SHARES)
    subscribed, unsubscribed = _draw_subscriptions(rng, activated, left)
    rows = np.arange(count, dtype=np.int32)
    shares_account = (inviter >= 0) & np.isin(persona[inviter], (1, 2))
    return People(
        signed_up_us=signed_up,
        activated_us=activated,
        subscribed_us=subscribed,
        unsubscribed_us=unsubscribed,
        left_us=left,
        invited_us=np.where(inviter >= 0, invited_us, NEVER),
        inviter=inviter,
        account=np.where(shares_account, inviter, rows).astype(np.int32),
        twin=_draw_twins(rng, rows),
        persona=persona,
        country=b.draw_codes(rng.random(count), b.COUNTRY_SHARES),
        channel=np.where(inviter >= 0, np.int8(b.REFERRAL), channel),
        paid_plan=_draw_plans(rng, persona),
        vigour=0.85 + 0.3 * rng.random(count),
    )


def draw_inviters(rng: np.random.Generator, at_us: b.Longs, activated_us: b.Longs, left_us: b.Longs) -> b.Ints:
    """For each instant a user who had activated by then; -1 where there is none, or the one drawn had left."""
    order = np.argsort(activated_us, kind="stable")
    known = np.searchsorted(activated_us[order], at_us)
    drawn = order[np.minimum((rng.random(len(at_us)) * known).astype(np.int64), len(order) - 1)]
    there = (known > 0) & (left_us[drawn] > at_us)
    return np.where(there, drawn, -1).astype(np.int32)


def launch_share(days: float) -> float:
    """Share of all users who sign up in the launch, so that the base grows by MONTHLY_GROWTH from then on."""
    months = max(days - b.LAUNCH_DAYS, 0.0) / b.MONTH_DAYS
    after = b.MONTHLY_SIGNUPS * math.expm1(months * math.log1p(b.MONTHLY_GROWTH)) / b.MONTHLY_GROWTH
    return 1.0 / (1.0 + after)


def _draw_signups(rng: np.random.Generator, count: int, start_us: int, end_us: int) -> b.Longs:
    """Sorted instants of signup: a launch that fades over its days, then exponential growth."""
    days = (end_us - start_us) / b.DAY_US
    chance = b.spread(rng, count)
    share = launch_share(days)
    rate = np.log1p(b.MONTHLY_GROWTH) / b.MONTH_DAYS
    grown = np.maximum(chance - share, 0.0) / (1.0 - share) * np.expm1(rate * (days - b.LAUNCH_DAYS))
    day = np.where(
        chance < share, b.LAUNCH_DAYS * np.minimum(chance / share, 1.0) ** 1.5, b.LAUNCH_DAYS + np.log1p(grown) / rate
    )
    whole = np.floor(day).astype(np.int64)
    at = start_us + whole * b.DAY_US + b.draw_times(rng, count)
    # On a last day that is not over, the fraction of the day says when.
    return np.sort(np.where(at < end_us, at, np.minimum(start_us + (day * b.DAY_US).astype(np.int64), end_us - 1)))


def _spread_after_launch(rng: np.random.Generator, signed_up_us: b.Longs, start_us: int) -> b.Floats:
    """Numbers in [0, 1) for those after the launch, 1 for those of the launch: nobody was there to invite them."""
    later = signed_up_us > start_us + int(b.LAUNCH_DAYS * b.DAY_US)
    chance = np.ones(len(signed_up_us))
    chance[later] = b.spread(rng, int(later.sum()))
    return chance


def _draw_activations(rng: np.random.Generator, signed_up_us: b.Longs, invited: b.Bools) -> b.Longs:
    """Instants of the first workflow: most within the first days, one in ten up to three weeks later."""
    count = len(signed_up_us)
    comes = b.spread(rng, count) < np.where(invited, b.ACTIVATION_INVITED, b.ACTIVATION_OTHERS)
    soon = -b.ACTIVATION_MEAN_DAYS * np.log1p(-rng.random(count))
    late = 7.0 + 14.0 * rng.random(count)
    delay_days = 0.002 + np.where(b.spread(rng, count) < 0.9, np.minimum(soon, 6.9), late)
    return np.where(comes, signed_up_us + (delay_days * b.DAY_US).astype(np.int64), NEVER)


def _draw_leaving(rng: np.random.Generator, signed_up_us: b.Longs, activated_us: b.Longs) -> b.Longs:
    """Instants after which a user never comes back; most lie beyond the end."""
    hazard = np.where(activated_us < NEVER, b.LEAVING_ACTIVATED, b.LEAVING_OTHERS)
    stay_days = -np.log1p(-b.spread(rng, len(signed_up_us))) * b.MONTH_DAYS / hazard
    return signed_up_us + (np.minimum(stay_days, 36_500.0) * b.DAY_US).astype(np.int64)


def _draw_subscriptions(rng: np.random.Generator, activated_us: b.Longs, left_us: b.Longs) -> tuple[b.Longs, b.Longs]:
    """Instants at which activated users start to pay, and at which they stop."""
    count = len(activated_us)
    first, last = b.TRIAL_DAYS
    started = activated_us + ((first + (last - first) * rng.random(count)) * b.DAY_US).astype(np.int64)
    comes = np.zeros(count, dtype=np.bool_)
    active = activated_us < NEVER
    comes[active] = b.spread(rng, int(active.sum())) < b.SUBSCRIPTION_SHARE
    comes &= started < left_us
    pays_days = -np.log1p(-rng.random(count)) * b.MONTH_DAYS / b.UNSUBSCRIBING
    stopped = np.minimum(left_us, started + (np.minimum(pays_days, 36_500.0) * b.DAY_US).astype(np.int64))
    return np.where(comes, started, NEVER), np.where(comes, stopped, NEVER)


def _draw_plans(rng: np.random.Generator, persona: b.Codes) -> b.Codes:
    """The paid plan of each user, by persona."""
    chance = rng.random(len(persona))
    plans = np.zeros(len(persona), dtype=np.int8)
    for code, shares in enumerate(b.PAID_PLAN_SHARES):
        rows = persona == code
        plans[rows] = 1 + b.draw_codes(chance[rows], shares)
    return plans


def _draw_twins(rng: np.random.Generator, rows: b.Ints) -> b.Ints:
    """Whose e-mail address each user has: the own, but for a few who signed up twice."""
    twins = rows.copy()
    duplicates = rows[b.USERS_PER_DUPLICATE :: b.USERS_PER_DUPLICATE]
    twins[duplicates] = (rng.random(len(duplicates)) * duplicates).astype(np.int32)
    return twins
