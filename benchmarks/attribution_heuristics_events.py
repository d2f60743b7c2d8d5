"""Events of people who are touched and convert, as Arrow tables in blocks; the same for the same number of journeys."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa

TENANT = "bench"
CHANNELS = ("paid_search", "organic", "social", "newsletter", "affiliate", "direct", "display", "referral")
CHANNELS += ("podcast", "video", "partner", "events")
CAMPAIGNS = 40
# 2026-01-01T00:00:00Z; all of it lies in the next year.
START_US = 1_767_225_600_000_000
END_US = START_US + 365 * 86_400_000_000
TOUCHES_PER_JOURNEY = 5
_NAMES = ("touched", "became_lead", "became_opportunity", "ordered")
_TOUCH, _LEAD, _OPPORTUNITY, _ORDER = range(4)
_HOUR_US = 3_600_000_000
_BLOCK = 500_000
_INSTANT = pa.timestamp("us", tz="UTC")
_Ints = npt.NDArray[np.int64]


def blocks(journeys: int, *, first_journey: int = 0, position: int = 0, seed: int = 11) -> Iterator[pa.Table]:
    """The events of so many journeys, in the order of time, as rows of the table `events`.

    A person has one to three journeys; all but the last end with an order, the last with one in two cases. A gap
    between two events is a day or two, sometimes weeks: some touches are too old for their conversion. Each event has
    a user and a device.

    Args:
        journeys: how many; touches are TOUCHES_PER_JOURNEY times as many, give or take a few.
        first_journey: people are numbered from here on.
        position: that of the event before the first.
        seed: of all that is drawn.

    """
    random = np.random.default_rng(seed)
    lengths = random.geometric(1 / TOUCHES_PER_JOURNEY, journeys).astype(np.int64)
    begins = random.random(journeys) < 0.6
    begins[0] = True
    persons = first_journey + np.cumsum(begins, dtype=np.int64)
    lasts = np.append(begins[1:], True)
    orders = ~lasts | (random.random(journeys) < 0.5)
    leads, opportunities = random.random((2, journeys)) < np.array([[0.3], [0.15]])
    # What happens in a journey is drawn in this order: touches, of which marks lie at some, then the order.
    touch_of = np.repeat(np.arange(journeys), lengths)
    at_us = _times(random, persons, lengths, touch_of)
    starts = np.cumsum(lengths) - lengths
    late = np.where(random.random(journeys) < 0.02, 20, 1)
    ends_us = at_us[starts + lengths - 1] + random.integers(1, 48 * _HOUR_US, journeys) * late
    kinds = [np.full(len(at_us), _TOUCH)]
    times, whose = [at_us], [persons[touch_of]]
    for kind, marked in ((_LEAD, leads), (_OPPORTUNITY, opportunities)):
        chosen = np.flatnonzero(marked)
        times.append(at_us[starts[chosen] + random.integers(0, lengths[chosen])] + 1)
        whose.append(persons[chosen])
        kinds.append(np.full(len(chosen), kind))
    chosen = np.flatnonzero(orders)
    times.append(ends_us[chosen])
    whose.append(persons[chosen])
    kinds.append(np.full(len(chosen), _ORDER))
    at, of, kind = np.concatenate(times), np.concatenate(whose), np.concatenate(kinds)
    order = np.argsort(at, kind="stable")
    for begin in range(0, len(order), _BLOCK):
        rows = order[begin : begin + _BLOCK]
        yield _table(random, at[rows], of[rows], kind[rows], position + begin)


def _times(random: np.random.Generator, persons: _Ints, lengths: _Ints, touch_of: _Ints) -> _Ints:
    """Instants of touches: a person begins within the first 60 days, and goes on until the year is over."""
    gaps = random.exponential(30 * _HOUR_US, len(touch_of)) * np.where(random.random(len(touch_of)) < 0.04, 12, 1)
    # Most orders take two days at most, so that the next journey begins after them.
    firsts = np.cumsum(lengths) - lengths
    gaps[firsts] += 48 * _HOUR_US
    since = np.cumsum(gaps)
    of = persons[touch_of]
    begins = np.flatnonzero(np.append(True, of[1:] != of[:-1]))
    sizes = np.diff(np.append(begins, len(of)))
    base = np.repeat(since[begins], sizes)
    enters = np.repeat(random.integers(0, 60 * 24 * _HOUR_US, len(begins)), sizes)
    told: _Ints = (START_US + enters + np.minimum(since - base, 290 * 24 * _HOUR_US)).astype(np.int64)
    return told


def _table(random: np.random.Generator, at: _Ints, persons: _Ints, kinds: _Ints, position: int) -> pa.Table:
    rows = len(at)
    touches = kinds == _TOUCH
    number = np.arange(position + 1, position + 1 + rows)
    empty = pa.array(np.zeros(rows + 1, np.int32))
    channels = pa.array(CHANNELS).take(pa.array(random.zipf(1.4, int(touches.sum())) % len(CHANNELS)))
    campaigns = pa.array([f"campaign {code}" for code in range(CAMPAIGNS)])
    campaigns = campaigns.take(pa.array(random.integers(0, CAMPAIGNS, len(channels))))
    pairs = pa.chunked_array([channels, campaigns]).combine_chunks()
    both = pairs.take(pa.array(np.arange(2 * len(channels)).reshape(2, -1).T.reshape(-1)))
    keys = pa.array(["channel", "campaign"]).take(pa.array(np.tile([0, 1], len(channels))))
    offsets = pa.array(np.concatenate([[0], np.cumsum(2 * touches)]).astype(np.int32))
    values = pa.array(random.integers(20, 2_000, rows) / 4.0, mask=kinds != _ORDER)
    users = pa.array(persons).cast(pa.string())
    names = pa.array(_NAMES).take(pa.array(kinds))
    instants = pa.array(at, _INSTANT)
    nothing = pa.nulls(0, pa.string())
    columns = {
        "tenant": pa.array([TENANT]).take(pa.array(np.zeros(rows, np.int32))),
        "source": pa.array(["web"]).take(pa.array(np.zeros(rows, np.int32))),
        "id": pa.array(number).cast(pa.string()),
        "name": names,
        "occurred_at": instants,
        "accepted_at": instants,
        "user_id": users,
        "device_id": pa.compute.binary_join_element_wise("phone", users, "-"),
        "value": values.cast(pa.decimal128(38, 9)),
        "properties": pa.MapArray.from_arrays(offsets, keys, both),
        "numbers": pa.MapArray.from_arrays(empty, nothing, pa.nulls(0, pa.float64())),
        "flags": pa.MapArray.from_arrays(empty, nothing, pa.nulls(0, pa.bool_())),
        "position": pa.array(number.astype(np.uint64)),
        "watermark": instants,
    }
    return pa.table(columns)
