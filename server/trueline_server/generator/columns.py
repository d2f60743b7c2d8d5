"""Turns moments into Arrow record batches of EVENT_SCHEMA. Columns only, nothing per event."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from trueline_stores.event_schema import AMOUNT, CODED, EVENT_SCHEMA, INSTANT, TEXT

from trueline_server.generator import business as b
from trueline_server.generator.lifecycle import Moments
from trueline_server.generator.people import People
from trueline_server.generator.sponsors import DETAIL, share_of
from trueline_server.generator.touches import PHONE, USER, campaign_of, channel_of, who_of

_KEYS = (
    *("persona", "plan", "country", "channel", "email", "template", "kind", "reason", "inviter"),
    *("deal", "campaign", "sponsor", "campaign_type"),
)
_STATIC = (
    *(b.PERSONAS, b.PLANS, b.COUNTRIES, b.CHANNELS, b.TEMPLATES, b.SUGGESTIONS, b.REFUND_REASONS),
    *(b.SPONSORS, b.CAMPAIGN_TYPES, b.CHANNEL_CAMPAIGNS),
)
_CENT = 10_000_000  # A cent in units of 1e-9.


def numbered(prefix: str, numbers: b.Longs, *, digits: int, suffix: str = "") -> pa.Array:
    """Texts of one length: prefix, the number with leading zeros, suffix."""
    count = len(numbers)
    head, tail = prefix.encode(), suffix.encode()
    text = np.empty((count, len(head) + digits + len(tail)), dtype=np.uint8)
    text[:, : len(head)] = np.frombuffer(head, dtype=np.uint8)
    text[:, len(head) + digits :] = np.frombuffer(tail, dtype=np.uint8)
    rest = numbers.astype(np.int64)
    for place in range(len(head) + digits - 1, len(head) - 1, -1):
        rest, digit = np.divmod(rest, 10)
        text[:, place] = digit + ord("0")
    offsets = np.arange(count + 1, dtype=np.int32) * text.shape[1]
    return pa.Array.from_buffers(pa.string(), count, [None, pa.py_buffer(offsets), pa.py_buffer(text)])


class Columns:
    """Builds batches for the users of one business."""

    def __init__(self, people: People, *, run: str) -> None:
        """`run` is part of every identity, so that the events of two runs are those of two businesses."""
        rows = np.arange(len(people), dtype=np.int64) + 1
        self._people = people
        self._prefix = f"sp-{run}-"
        self._users = numbered(f"u-{run}-", rows, digits=8)
        self._accounts = numbered(f"acct-{run}-", rows, digits=8)
        # The ids of the browsers, the phones and the visitors who are no users, one after the other.
        self._visitors = pa.concat_arrays([numbered(f"{what}-{run}-", rows, digits=8) for what in "vms"])
        self._devices = numbered(f"d-{run}-", rows, digits=8)
        # example.com is reserved, so no address belongs to anybody.
        emails = numbered("listener", people.twin.astype(np.int64) + 1, digits=8, suffix="@example.com")
        deals, campaigns = (
            numbered(f"{what}-{run}-", np.arange(share_of(people, share), dtype=np.int64) + 1, digits=6)
            for what, share in (("deal", b.DEALS_PER_USER), ("campaign", b.CAMPAIGNS_PER_USER))
        )
        own = [self._users, emails, deals, campaigns]
        self._pool = pa.concat_arrays([*(pa.array(texts, TEXT) for texts in _STATIC), *own])
        starts = np.cumsum([0, *(len(texts) for texts in (*_STATIC, *own[:-1]))])
        names = (
            *("persona", "plan", "country", "channel", "template", "kind", "reason", "sponsor", "campaign_type"),
            *("channel_campaign", "inviter", "email", "deal", "campaign"),
        )
        self._starts = dict(zip(names, starts.tolist(), strict=True))

    def batch(self, events: Moments, first_number: int) -> pa.RecordBatch:
        """One batch; ids count up from first_number."""
        people, kind, user = self._people, events.kind, events.user
        count = len(events)
        # What a sponsor does is of a podcaster's account, and of no user.
        nobody, sponsored = user < 0, _sponsored(kind)
        who = who_of(events)
        unknown = nobody | (who != USER)
        visitor = user + np.maximum(who - 1, 0) * len(people)
        numbers = np.arange(first_number, first_number + count, dtype=np.int64)
        columns = {
            "id": numbered(self._prefix, numbers, digits=9 if first_number + count < 10**9 else 18),
            "source": _coded(np.zeros(count, dtype=np.int32), (b.SOURCE,)),
            "name": _coded(kind.astype(np.int32), b.NAMES),
            "occurred_at": pa.array(events.at_us, pa.int64()).cast(INSTANT),
            "user_id": self._users.take(pa.array(user, mask=unknown | sponsored)),
            "account_id": self._accounts.take(pa.array(people.account[user], mask=unknown)),
            "anonymous_id": self._visitors.take(pa.array(visitor, mask=(kind != b.SIGNED_UP) & (who == USER))),
            "device_id": self._devices.take(pa.array(user, mask=(kind != b.LOGGED_IN) & (who != PHONE))),
            "value": _amounts(events.cents),
            "currency": _coded(np.zeros(count, dtype=np.int32), ("USD",), absent=events.cents == 0),
            "properties": self._texts(events),
            "numbers": _sparse_map(
                ("confidence", "conversions"),
                np.where(kind == b.SUGGESTION, 0, np.where(kind == b.CAMPAIGN_CONVERTED, 1, -1)),
                pa.array(_numbers(events)),
                pa.float64(),
            ),
            "flags": _sparse_map(
                ("trial",),
                np.where(kind == b.SUBSCRIBED, 0, -1),
                pa.array(np.ones(count, dtype=np.bool_)),
                pa.bool_(),
            ),
        }
        return pa.RecordBatch.from_arrays([columns[field.name] for field in EVENT_SCHEMA], schema=EVENT_SCHEMA)

    def _texts(self, events: Moments) -> pa.MapArray:
        """The text properties: one row of codes into the pool for each event, -1 where it does not have the key."""
        people, kind, user, at = self._people, events.kind, events.user, events.at_us
        touched, sponsored = kind == b.TOUCHED, _sponsored(kind)
        # Of a touch nothing is told but by what it came.
        somebody = (user >= 0) & ~touched
        pays = (people.subscribed_us[user] <= at) & (at < people.unsubscribed_us[user])
        detail = events.detail
        from_channel = np.where(kind == b.SPENT, detail, people.channel[user])
        of_touch = np.where(touched, detail, 0)
        from_channel = np.where(touched, channel_of(of_touch), from_channel)
        # The campaigns of channels lie elsewhere in the pool than those of sponsors.
        of_channel = campaign_of(of_touch)
        apart = self._starts["channel_campaign"] - self._starts["campaign"]
        campaign = np.where(touched, of_channel + apart, detail // DETAIL)
        choices: dict[str, tuple[NDArray[np.bool_], NDArray[np.integer]]] = {
            "persona": (somebody, people.persona[user]),
            "plan": (somebody & ~sponsored, np.where(pays, people.paid_plan[user], b.FREE)),
            "country": (somebody & ~sponsored, people.country[user]),
            "channel": ((kind == b.SPENT) | (kind == b.SIGNED_UP) | touched, from_channel),
            "email": (kind == b.SIGNED_UP, user),
            "template": (kind == b.WORKFLOW, detail % len(b.TEMPLATES)),
            "kind": (kind == b.SUGGESTION, detail % len(b.SUGGESTIONS)),
            "reason": (kind == b.REFUNDED, detail % len(b.REFUND_REASONS)),
            "inviter": (kind == b.ACCEPTED, detail),
            "deal": (sponsored & (kind < b.CAMPAIGN_SPENT), detail // DETAIL),
            "campaign": ((sponsored & (kind >= b.CAMPAIGN_SPENT)) | (touched & (of_channel >= 0)), campaign),
            "sponsor": (sponsored, detail // 10 % 10),
            "campaign_type": (sponsored, detail % 10),
        }
        codes = np.full((len(events), len(_KEYS)), -1, dtype=np.int32)
        for place, key in enumerate(_KEYS):
            has, code = choices[key]
            codes[:, place] = np.where(has, self._starts[key] + code.astype(np.int32), -1)
        has_key = codes >= 0
        ends = np.cumsum(has_key.sum(axis=1), dtype=np.int64)
        offsets = np.concatenate([[0], ends]).astype(np.int32)
        keys = pa.array(_KEYS, TEXT).take(pa.array(np.nonzero(has_key)[1].astype(np.int32)))
        return pa.MapArray.from_arrays(pa.array(offsets), keys, self._pool.take(pa.array(codes[has_key])))


def _sponsored(kind: b.Codes) -> b.Bools:
    """Which events are those of sponsors."""
    sponsored: b.Bools = (kind >= b.DEAL_STARTED) & (kind < b.TOUCHED)
    return sponsored


def _coded(codes: b.Ints, texts: tuple[str, ...], absent: b.Bools | None = None) -> pa.DictionaryArray:
    """A dictionary-coded column."""
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int32(), mask=absent), pa.array(texts, TEXT)).cast(CODED)


def _amounts(cents: b.Longs) -> pa.Array:
    """Cents as AMOUNT; 0 is absent. A decimal128 is a 128-bit integer: the low word, then the sign."""
    words = np.empty((len(cents), 2), dtype=np.int64)
    words[:, 0] = cents * _CENT
    words[:, 1] = words[:, 0] >> 63
    there = np.packbits(cents != 0, bitorder="little")
    return pa.Array.from_buffers(AMOUNT, len(cents), [pa.py_buffer(there), pa.py_buffer(words)])


def _numbers(events: Moments) -> b.Floats:
    """The number of events that have one: how sure a suggestion is, how many conversions a campaign brought."""
    conversions = np.maximum(events.cents // b.CENTS_PER_CONVERSION, 1)
    numbers: b.Floats = np.where(events.kind == b.CAMPAIGN_CONVERTED, conversions, (events.detail % 100) / 100.0)
    return numbers


def _sparse_map(keys: tuple[str, ...], key: NDArray[np.integer], values: pa.Array, kind: pa.DataType) -> pa.MapArray:
    """A map column with at most one key an event; `key` is its index, -1 = none."""
    has = key >= 0
    offsets = np.concatenate([[0], np.cumsum(has)]).astype(np.int32)
    names = pa.array(keys, TEXT).take(pa.array(key[has].astype(np.int32)))
    return pa.MapArray.from_arrays(pa.array(offsets), names, values.filter(pa.array(has)).cast(kind))
