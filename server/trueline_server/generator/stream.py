"""The synthetic business as a stream of record batches by time, with bounded memory: the users and one day."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa

from trueline_server.generator import business as b
from trueline_server.generator.activity import draw_day, expected_active
from trueline_server.generator.columns import Columns
from trueline_server.generator.lifecycle import Moments, draw_lifecycle, join
from trueline_server.generator.people import draw_people
from trueline_server.generator.sponsors import draw_sponsors
from trueline_server.generator.touches import draw_touches
from trueline_server.synthetic import FEWEST_DAYS, FEWEST_EVENTS

BATCH_ROWS = 65_536
_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
# The stages of the random numbers of sponsors and touches, beyond those of any day.
_SPONSORS, _TOUCHES = 2**31, 2**31 + 1
# Rare events of a user over the whole time, on average; only sets how many users there are.
_RARE_PER_USER = 2.6


def generate(*, events: int, seed: int, end: datetime, days: int = 120) -> Iterator[pa.RecordBatch]:
    """Yield `events` events of a synthetic podcast business by time, in batches of at most 65,536.

    The same arguments yield the same bytes. Memory holds the users (about one for 45 events) and the events of a day.

    Args:
        events: how many, from 1,000. From about 20,000 on the KPIs are steady.
        seed: from 0. Every id has a digest of all arguments, so the events of other arguments are another business.
        end: all events are before it; aware.
        days: how many whole days the business exists before the day of `end`, from 14.

    Raises:
        ValueError: an argument is out of its range.

    """
    if events < FEWEST_EVENTS:
        raise ValueError(f"events must be at least {FEWEST_EVENTS}, got {events}")
    if seed < 0:
        raise ValueError(f"seed must be at least 0, got {seed}")
    if days < FEWEST_DAYS:
        raise ValueError(f"days must be at least {FEWEST_DAYS}, got {days}")
    if end.tzinfo is None:
        raise ValueError("end must have a time zone")
    return _batches(events, seed, (end - _EPOCH) // timedelta(microseconds=1), days)


def run_name(*, events: int, seed: int, end_us: int, days: int) -> str:
    """What marks the identities of a run: 8 hexadecimal digits of all that its events depend on."""
    told = f"{events} {seed} {end_us} {days}".encode()
    return hashlib.blake2b(told, digest_size=4).hexdigest()


def _batches(events: int, seed: int, end_us: int, days: int) -> Iterator[pa.RecordBatch]:
    start_us = (end_us // b.DAY_US - days) * b.DAY_US
    midnights = np.arange(start_us, end_us, b.DAY_US, dtype=np.int64)
    people = draw_people(_rng(seed, 0), count=_users_for(events, days), start_us=start_us, end_us=end_us)
    lifecycle = draw_lifecycle(_rng(seed, 1), people, start_us=start_us, end_us=end_us)
    sponsors = draw_sponsors(_rng(seed, _SPONSORS), people, start_us=start_us, end_us=end_us)
    touches = draw_touches(_rng(seed, _TOUCHES), people, start_us=start_us, end_us=end_us)
    rare = join([lifecycle, sponsors, touches]).in_order()
    rare_starts = np.append(np.searchsorted(rare.at_us, midnights), len(rare))
    expected = np.cumsum(expected_active(people, start_us=start_us, end_us=end_us))
    # Everyday events up to the end of each day: what is asked for less the rare ones, spread as activity is expected.
    due = np.round((events - len(rare)) * expected / expected[-1]).astype(np.int64)
    columns = Columns(people, run=run_name(events=events, seed=seed, end_us=end_us, days=days))
    waiting: list[Moments] = []
    held = drawn = 0
    number = 1
    for day, midnight_us in enumerate(midnights.tolist()):
        last = day == len(midnights) - 1
        everyday = draw_day(
            _rng(seed, 2 + day),
            people,
            midnight_us=midnight_us,
            until_us=min(end_us - midnight_us, b.DAY_US),
            count=max(int(due[day]) - drawn, 0),
            exact=last or drawn + len(people) >= due[-1],
        )
        drawn += len(everyday)
        today = join([rare.take(slice(int(rare_starts[day]), int(rare_starts[day + 1]))), everyday]).in_order()
        waiting.append(today)
        held += len(today)
        if held >= BATCH_ROWS or last:
            ready = join(waiting)
            for first in range(0, held, BATCH_ROWS):
                part = ready.take(slice(first, first + BATCH_ROWS))
                yield columns.batch(part, number)
                number += len(part)
            waiting, held = [], 0


def _users_for(events: int, days: int) -> int:
    """How many users make about this many events."""
    age = np.arange(1, days, dtype=np.float64)
    # Somebody of the launch has all the days, somebody after it about half.
    active_days = float(b.activity_chance(age).sum()) * 0.68
    return max(int(events / (_RARE_PER_USER + active_days * b.EVENTS_PER_ACTIVE_DAY)), 8)


def _rng(seed: int, stage: int) -> np.random.Generator:
    """Random numbers of one stage, independent of how much the others draw."""
    return np.random.default_rng(np.random.SeedSequence([seed, stage]))
