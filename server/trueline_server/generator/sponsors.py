"""The sponsors of the synthetic business: deals with podcasters that are renewed or end, and campaigns that pay off.

They have random numbers of their own, so that everything else of the business is as it is without them.
"""

from __future__ import annotations

import numpy as np

from trueline_server.generator import business as b
from trueline_server.generator.lifecycle import Moments, join, moments
from trueline_server.generator.people import People, draw_inviters

# Details of deals and campaigns: number * DETAIL + sponsor * 10 + type of campaign.
DETAIL = 100
_HOUR_US = 3_600_000_000


def draw_sponsors(rng: np.random.Generator, people: People, *, start_us: int, end_us: int) -> Moments:
    """All events of sponsors in [start_us, end_us), by time: about one in eighty of all."""
    parts = [*_draw_deals(rng, people, start_us, end_us), *_draw_campaigns(rng, people, start_us, end_us)]
    everything = join(parts)
    inside = np.flatnonzero((everything.at_us >= start_us) & (everything.at_us < end_us))
    return everything.take(inside).in_order()


def share_of(people: People, share: float) -> int:
    """How many deals or campaigns a business of so many users has at most."""
    return max(int(len(people) * share), 2)


def _begun(
    rng: np.random.Generator, people: People, share: float, start_us: int, end_us: int
) -> tuple[b.Longs, b.Ints, b.Ints]:
    """Instants at which something begins with a podcaster who was at work by then, the row of each, and its details."""
    count = share_of(people, share)
    first = start_us + int(b.LAUNCH_DAYS * b.DAY_US)
    at = np.sort(first + (rng.random(count) * max(end_us - first, 1)).astype(np.int64))
    podcaster = draw_inviters(rng, at, people.activated_us, people.left_us)
    sponsor = b.draw_codes(rng.random(count), b.SPONSOR_SHARES).astype(np.int32)
    kind = b.draw_codes(rng.random(count), b.CAMPAIGN_TYPE_SHARES).astype(np.int32)
    detail = np.arange(count, dtype=np.int32) * DETAIL + sponsor * 10 + kind
    known = podcaster >= 0
    return at[known], podcaster[known], detail[known]


def _draw_deals(rng: np.random.Generator, people: People, start_us: int, end_us: int) -> list[Moments]:
    """Each deal starts, and is due after each of its terms, until it ends; it is decided some days after it was due."""
    at, podcaster, detail = _begun(rng, people, b.DEALS_PER_USER, start_us, end_us)
    persona, kind = people.persona[podcaster], detail % 10
    cents = (b.DEAL_CENTS[persona] * (0.6 + 0.8 * rng.random(len(at)))).astype(np.int64)
    parts = [moments(b.DEAL_STARTED, at, podcaster, cents, detail)]
    due = at + int(b.DEAL_TERM_DAYS * b.DAY_US)
    while len(due) and due.min() < end_us:
        # Sponsors learn what works: renewals rise over the life of the business.
        age = np.clip((due - start_us) / max(end_us - start_us, 1), 0.0, 1.0)
        chance = b.RENEWAL_BY_PERSONA[persona] + b.RENEWAL_BY_TYPE[kind] + b.RENEWAL_RISE * (age - 0.5)
        stays = rng.random(len(due)) < chance
        decided = due + ((rng.random(len(due)) * b.DECISION_DAYS) * b.DAY_US).astype(np.int64)
        parts.append(moments(b.DEAL_DUE, due, podcaster, cents, detail))
        parts.append(moments(b.DEAL_RENEWED, decided[stays], podcaster[stays], cents[stays], detail[stays]))
        parts.append(moments(b.DEAL_ENDED, decided[~stays], podcaster[~stays], cents[~stays], detail[~stays]))
        due = due[stays] + int(b.DEAL_TERM_DAYS * b.DAY_US)
        podcaster, cents, detail = podcaster[stays], cents[stays], detail[stays]
        persona, kind = persona[stays], kind[stays]
    return parts


def _draw_campaigns(rng: np.random.Generator, people: People, start_us: int, end_us: int) -> list[Moments]:
    """Each campaign costs something week by week, brings something in after each of them, and is over."""
    at, podcaster, detail = _begun(rng, people, b.CAMPAIGNS_PER_USER, start_us, end_us)
    kind = detail % 10
    weekly = (b.CAMPAIGN_WEEK_CENTS * np.exp(0.4 * rng.standard_normal(len(at)))).astype(np.int64)
    age = np.clip((at - start_us) / max(end_us - start_us, 1), 0.0, 1.0)
    back = b.RETURN_BY_TYPE[kind] * b.RETURN_BY_PERSONA[people.persona[podcaster]] * (1 + b.RETURN_RISE * (age - 0.5))
    parts = []
    for week in range(b.CAMPAIGN_WEEKS):
        begins = at + week * 7 * b.DAY_US
        parts.append(moments(b.CAMPAIGN_SPENT, begins, podcaster, weekly, detail))
        earned = np.maximum((weekly * back * np.exp(0.35 * rng.standard_normal(len(at)))).astype(np.int64), 1)
        parts.append(moments(b.CAMPAIGN_CONVERTED, begins + 6 * b.DAY_US, podcaster, earned, detail))
    over = at + b.CAMPAIGN_WEEKS * 7 * b.DAY_US + _HOUR_US
    parts.append(moments(b.CAMPAIGN_FINISHED, over, podcaster, detail=detail))
    return parts
