"""kill -9 at random moments while ingesting: nothing accepted is lost, nothing is counted twice."""

from __future__ import annotations

import random
import threading
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from trueline import BatchingSender, ColumnBatch, Event, TruelineClient

from benchmarks.server_process import ServerProcess
from benchmarks.warehouse_process import fingerprint
from tests.e2e import twin as t
from tests.oracles import reading as r

KILLS = 20
BATCH = 100
BATCHES_A_ROUND = 40
RULES = Path(__file__).parent.parent / "oracles" / "rules"
FIRST = datetime(2024, 5, 1, tzinfo=UTC)


def _events(rng: random.Random, count: int) -> list[t.Sale]:
    """Orders and items over days, out of order by up to two minutes and a few by hours."""
    sales = []
    for number in range(count):
        late = 7_500 if rng.random() < 0.003 else 0
        at = FIRST + timedelta(seconds=20 * number - late - 100 * rng.random())
        at = max(at, FIRST)
        name = t.ORDER if rng.random() < 0.4 else t.ITEM
        value = Decimal(rng.randrange(1, 90_000)) / 100 if name == t.ORDER else None
        sales.append(t.Sale(f"k{number}", name, at, f"u{rng.randrange(300)}", value, rng.choice(t.COUNTRIES)))
    return sales


def _batch(sales: list[t.Sale]) -> ColumnBatch:
    return ColumnBatch.from_events(
        [
            Event(
                id=sale.id,
                source=t.SOURCE,
                name=sale.name,
                occurred_at=sale.at,
                user_id=sale.user,
                value=None if sale.value is None else float(sale.value),
                currency=None if sale.value is None else "EUR",
                properties={"country": sale.country},
            )
            for sale in sales
        ]
    )


class _Feed:
    """Sends one portion of batches on a thread, as long as it takes."""

    def __init__(self, sender: BatchingSender, batches: list[ColumnBatch]) -> None:
        self.error: Exception | None = None
        self._sender, self._batches = sender, batches
        self._thread = threading.Thread(target=self._send)
        self._thread.start()

    def _send(self) -> None:
        try:
            for batch in self._batches:
                self._sender.send_columns(batch)
            self._sender.flush()
        except Exception as error:  # noqa: BLE001  join() raises it
            self.error = error

    def wait(self, timeout_s: float) -> None:
        """Wait for the end, or so long."""
        self._thread.join(timeout_s)

    def done(self) -> bool:
        """True once everything is answered."""
        return not self._thread.is_alive()

    def join(self) -> None:
        """Wait for the end; raises what ended it."""
        self._thread.join()
        if self.error is not None:
            raise self.error


@pytest.mark.slow
def test_killed_twenty_times(tmp_path: Path) -> None:
    """After twenty kills in a row every event is in the warehouse once and every metric equals plain Python's."""
    rng = random.Random(20_240_501)
    per_round = BATCH * BATCHES_A_ROUND
    sales = _events(rng, KILLS * per_round)
    batches = [_batch(sales[i : i + BATCH]) for i in range(0, len(sales), BATCH)]
    server = ServerProcess(tmp_path, {"TRUELINE_RULES": str(RULES), "TRUELINE_MAPPING": "online-retail-oracles"})
    try:
        server.start()
        with TruelineClient(server.address) as client, BatchingSender(client, batch_events=BATCH) as sender:
            interrupted = 0
            for number in range(KILLS):
                portion = batches[number * BATCHES_A_ROUND : (number + 1) * BATCHES_A_ROUND]
                before = sender.totals.accepted + sender.totals.duplicates
                answered = rng.randrange(per_round)
                feed = _Feed(sender, portion)
                # The moment is random in what was answered and in what is under way after that.
                while sender.totals.accepted + sender.totals.duplicates - before < answered and not feed.done():
                    feed.wait(0.001)
                feed.wait(rng.random() * 0.005)
                interrupted += not feed.done()
                server.kill()
                server.start()
                feed.join()
            assert interrupted >= KILLS // 2
            client.finish_import(t.SOURCE)
            client.status(min_position=client.status().accepted_position, timeout=120.0)

            assert len(sales) == sender.totals.accepted + sender.totals.duplicates
            assert len(sales) == client.status().events
            _check_metrics(client, sales)
    finally:
        server.stop()
    events, ids, total, _ = fingerprint(server.data_dir / "warehouse")
    assert (str(len(sales)), str(len(sales))) == (events, ids)
    assert sum((sale.value for sale in sales if sale.value is not None), Decimal(0)) == Decimal(total)


def _check_metrics(client: TruelineClient, sales: list[t.Sale]) -> None:
    """Counts, distinct users, sums, groups, sliding windows and dropped late events."""
    day, five = timedelta(days=1), timedelta(minutes=5)

    def midnight(at: datetime) -> datetime:
        return t.start_of(at, day)

    assert Counter((midnight(s.at), s.name) for s in sales) == r.counts_by_label(
        r.points(client, "events_daily_by_name")
    )
    assert Counter((t.start_of(s.at, five), s.name) for s in sales) == r.counts_by_label(
        r.points(client, "events_5m_by_name")
    )
    left = t.kept(sales, window=five, max_disorder=t.MAX_DISORDER)
    assert len(left) < len(sales)
    assert Counter((t.start_of(s.at, five), s.name) for s in left) == r.counts_by_label(
        r.points(client, "events_5m_by_name_late_dropped")
    )
    assert t.distinct(sales, midnight) == r.counts(r.points(client, "dau"))
    gross = r.sums(r.points(client, "gross_daily"))
    assert t.totals(sales, (t.ORDER,)) == {at.date(): total for at, total in gross.items()}
    by_country: defaultdict[str, int] = defaultdict(int)
    for point in r.points(client, "payments_by_country"):
        assert point.value is not None
        by_country[point.labels["properties.country"]] += int(point.value)
    assert Counter(s.country for s in sales if s.name == t.ORDER) == by_country
    ends = [FIRST + five * number for number in range(1, 289)]
    assert t.sliding(sales, timedelta(hours=1), five, ends) == r.counts_by_end(
        r.points(client, "users_1h_5m", FIRST, FIRST + day, fill_empty=True)
    )
