"""A small dirty stream of our own, and what plain Python loops expect of it: the committed twin of the oracles.

Its lines look like the real shop's: orders, their items, cancellations; out of order, some late, some twice, some bad.
"""

from __future__ import annotations

import json
import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

FIRST = datetime(2024, 1, 3, 7, 15, tzinfo=UTC)
DAYS = 100
USERS = 60
MAX_DISORDER = timedelta(seconds=120)
ORDER, ITEM, CANCELLED = "order_placed", "item_purchased", "order_cancelled"
COUNTRIES = ("Österreich", "France", "Norge", "日本")
SOURCE = "twin-shop"


@dataclass(frozen=True, slots=True)
class Sale:
    """One good event, as plain values."""

    id: str
    name: str
    at: datetime
    user: str
    value: Decimal | None
    country: str

    def line(self) -> str:
        """As a line of the file."""
        record: dict[str, object] = {
            "id": self.id,
            "source": SOURCE,
            "name": self.name,
            "occurred_at": self.at.isoformat().replace("+00:00", "Z"),
            "user_id": self.user,
            "properties": {"country": self.country, "lines": "1"},
        }
        if self.value is not None:
            record |= {"value": float(self.value), "currency": "EUR"}
        return json.dumps(record, ensure_ascii=False)


@dataclass(slots=True)
class Twin:
    """The stream as lines, and what is in it.

    Attributes:
        lines: of the file.
        accepted: the good events in the order of their first lines.
        duplicates: lines that repeat an earlier one.
        bad: line number (from 1) -> kind.

    """

    lines: list[str] = field(default_factory=list)
    accepted: list[Sale] = field(default_factory=list)
    duplicates: int = 0
    bad: dict[int, str] = field(default_factory=dict)


def make_twin(seed: int) -> Twin:
    """The same seed makes the same stream."""
    rng = random.Random(seed)
    arrivals: list[tuple[datetime, int, Sale]] = []
    for number, sale in enumerate(_sales(rng)):
        late = rng.random()
        # Most come within a minute, some twenty minutes later, a few two hours later.
        delay = 7_200 if late < 0.02 else 1_200 if late < 0.05 else 0
        arrival = sale.at + timedelta(seconds=delay + 60 * rng.random())
        arrivals.append((arrival, 2 * number, sale))
        if rng.random() < 0.05:
            arrivals.append((arrival + timedelta(seconds=600 * rng.random()), 2 * number + 1, sale))
    twin = Twin()
    seen: set[str] = set()
    for _, _, sale in sorted(arrivals, key=lambda arrival: arrival[:2]):
        if rng.random() < 0.02 and twin.accepted:
            kind, line = _bad_line(rng, twin)
            twin.lines.append(line)
            twin.bad[len(twin.lines)] = kind
        twin.lines.append(sale.line())
        if sale.id in seen:
            twin.duplicates += 1
        else:
            seen.add(sale.id)
            twin.accepted.append(sale)
    return twin


def _sales(rng: random.Random) -> Iterator[Sale]:
    """Orders with items in quick succession, and now and then a cancellation, by order."""
    for number in range(900):
        # The shop grows: later days have more orders.
        at = FIRST + timedelta(seconds=int(DAYS * 86_400 * rng.random() ** 0.8), microseconds=rng.randrange(1_000_000))
        user = f"u{int(USERS * rng.random() ** 1.5):02d}"
        country = COUNTRIES[int(user[1:]) % len(COUNTRIES)]
        worth = Decimal(rng.randrange(1, 50_000)) / 100
        yield Sale(f"o{number}", ORDER, at, user, worth, country)
        for item in range(rng.randrange(4)):
            yield Sale(f"i{number}-{item}", ITEM, at + timedelta(seconds=item), user, None, country)
        if rng.random() < 0.08:
            back = at + timedelta(hours=30 * rng.random())
            yield Sale(f"c{number}", CANCELLED, back, user, -worth, country)


def _bad_line(rng: random.Random, twin: Twin) -> tuple[str, str]:
    """A corrupted copy of an event that was accepted already."""
    sale = rng.choice(twin.accepted)
    record = json.loads(sale.line()) | {"id": f"bad-{len(twin.lines)}"}
    kinds: dict[str, Callable[[], object]] = {
        "missing_id": lambda: record | {"id": rng.choice([None, ""])},
        "nan_value": lambda: record | {"value": rng.choice([float("nan"), float("inf"), float("-inf")])},
        "bad_timestamp": lambda: record | {"occurred_at": rng.choice(["2024-02-30T00:00:00Z", "soon", "", None])},
        "far_future": lambda: record | {"occurred_at": "2199-01-01T00:00:00Z"},
        "huge_property": lambda: record | {"properties": {"note": "x" * 20_000}},
        "truncated_json": lambda: record,
        "wrong_type": lambda: record | rng.choice([{"value": "12,5x"}, {"properties": [1]}, {"user_id": None}]),
        "conflicting_id": lambda: json.loads(sale.line()) | {"name": "renamed"},
    }
    kind = rng.choice(sorted(kinds))
    text = json.dumps(kinds[kind]())
    return kind, text[: len(text) // 2] if kind == "truncated_json" else text


def start_of(at: datetime, span: timedelta) -> datetime:
    """Start of the window of a fixed length that holds an instant."""
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    return epoch + (at - epoch) // span * span


def monday(at: datetime) -> datetime:
    """Start of the week."""
    return start_of(at, timedelta(days=1)) - timedelta(days=at.weekday())


def month(at: datetime) -> datetime:
    """Start of the month."""
    return at.replace(day=1, hour=0, minute=0, second=0, microsecond=0)


def distinct(sales: Iterable[Sale], start: Callable[[datetime], datetime]) -> dict[datetime, int]:
    """Users by window."""
    users: defaultdict[datetime, set[str]] = defaultdict(set)
    for sale in sales:
        users[start(sale.at)].add(sale.user)
    return {at: len(found) for at, found in users.items()}


def sliding(sales: list[Sale], window: timedelta, step: timedelta, ends: Iterable[datetime]) -> dict[datetime, int]:
    """Users of the windows that end at the given instants."""
    return {end: len({sale.user for sale in sales if end - window <= sale.at < end}) for end in ends}


def totals(sales: Iterable[Sale], names: tuple[str, ...]) -> dict[date, Decimal]:
    """Sum of the values by day."""
    found: defaultdict[date, Decimal] = defaultdict(Decimal)
    for sale in sales:
        if sale.name in names and sale.value is not None:
            found[sale.at.date()] += sale.value
    return dict(found)


def kept(sales: list[Sale], *, window: timedelta | None, max_disorder: timedelta) -> list[Sale]:
    """What is left when late events are dropped, in the order of arrival.

    Late is what comes after its window's end by the watermark, or without a window what is older than the watermark.
    The watermark is the newest time of what came before, less max_disorder.
    """
    left = []
    newest: datetime | None = None
    for sale in sales:
        limit = sale.at if window is None else start_of(sale.at, window) + window
        if newest is None:
            left.append(sale)
        else:
            watermark = newest - max_disorder
            late = limit < watermark if window is None else limit <= watermark
            if not late:
                left.append(sale)
        newest = sale.at if newest is None else max(newest, sale.at)
    return left
