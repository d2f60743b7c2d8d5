"""The everyday events of the synthetic business: logins, workflows and suggestions, one day at a time."""

from __future__ import annotations

import numpy as np

from trueline_server.generator import business as b
from trueline_server.generator.lifecycle import Moments, join, moments
from trueline_server.generator.people import People


def expected_active(people: People, *, start_us: int, end_us: int) -> b.Floats:
    """About how many users are active on each day from start_us (a midnight); the shape over time is what counts."""
    days = -(-(end_us - start_us) // b.DAY_US)
    joined = np.bincount((people.signed_up_us - start_us) // b.DAY_US, minlength=days)[:days].astype(np.float64)
    age = np.arange(days, dtype=np.float64)
    stays = np.exp(-(b.LEAVING_ACTIVATED + b.LEAVING_OTHERS) / 2 * age / b.MONTH_DAYS)
    chance = b.activity_chance(age) * stays
    # Nobody is active by this chance on the day of the signup itself.
    chance[0] = 0.0
    weekday = b.WEEKDAY_FACTORS[(start_us // b.DAY_US + 3 + np.arange(days)) % 7]
    active: b.Floats = np.convolve(joined, chance)[:days] * weekday
    active[-1] *= b.share_of_day(end_us - start_us - (days - 1) * b.DAY_US)
    return active


def draw_day(
    rng: np.random.Generator, people: People, *, midnight_us: int, until_us: int, count: int, exact: bool
) -> Moments:
    """Everyday events of one day, or of its first `until_us` microseconds.

    Args:
        rng: the day's own random numbers.
        people: the users.
        midnight_us: start of the day, microseconds since 1970 (UTC).
        until_us: how much of the day is over, microseconds.
        count: how many events are wanted; more come if more users are active.
        exact: neither more nor less than `count`.

    """
    active = _draw_active(rng, people, midnight_us, until_us)
    if exact:
        # With a thousand events it may happen that nobody comes on the last day: then the first user does.
        active = active[:count] if len(active) else np.zeros(min(count, 1), dtype=np.int32)
    if not len(active):
        return moments(b.LOGGED_IN, np.empty(0, dtype=np.int64), active)
    logins = moments(b.LOGGED_IN, midnight_us + b.draw_times(rng, len(active), until_us), active)
    more = max(count - len(active), 0)
    at_work = people.activated_us[active] < midnight_us
    share = np.cumsum(np.where(at_work, 2.0, 0.6) * people.vigour[active])
    chosen = np.minimum(np.searchsorted(share, rng.random(more) * share[-1], side="right"), len(active) - 1)
    what = rng.random(more)
    kind = np.where(what < 0.12, b.WORKFLOW, np.where(what < 0.7, b.SUGGESTION, b.LOGGED_IN))
    others = Moments(
        midnight_us + b.draw_times(rng, more, until_us),
        np.where(at_work[chosen], kind, b.LOGGED_IN).astype(np.int8),
        active[chosen],
        np.zeros(more, dtype=np.int64),
        (rng.random(more) * 1000).astype(np.int32),
    )
    return join([logins, others])


def _draw_active(rng: np.random.Generator, people: People, midnight_us: int, until_us: int) -> b.Ints:
    """Rows of the users who come on this day: signed up before it, not gone by its end."""
    known = int(np.searchsorted(people.signed_up_us, midnight_us))
    age_days = (midnight_us + b.DAY_US // 2 - people.signed_up_us[:known]) / b.DAY_US
    factor = b.WEEKDAY_FACTORS[(midnight_us // b.DAY_US + 3) % 7] * b.share_of_day(until_us)
    ahead = np.clip((people.left_us[:known] - midnight_us) / (b.FADING_DAYS * b.DAY_US), 0.0, 1.0)
    factor = factor * (b.FADED + (1.0 - b.FADED) * ahead**2)
    comes = rng.random(known) < b.activity_chance(age_days) * people.vigour[:known] * factor
    comes &= people.left_us[:known] >= midnight_us + b.DAY_US
    return np.flatnonzero(comes).astype(np.int32)
