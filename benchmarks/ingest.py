"""From the first send of the SDK to queryable on the embedded server, against ready Arrow tables inserted directly."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import pyarrow as pa
from trueline import BatchingSender, ColumnBatch, TruelineClient

from benchmarks.business import as_stored, column_batches, generated
from benchmarks.result import Result, machine
from benchmarks.server_process import ServerProcess
from benchmarks.warehouse_process import fingerprint, insert

GOAL = 0.25
BATCH = 1_000
BLOCK = 100_000
ANSWER_S = 600.0


class AnswersDifferError(RuntimeError):
    """The two ways do not end in the same rows, so their times say nothing."""


def run(*, small: bool) -> Result:
    """Medians of both ways, taken in turn."""
    events, whole, rounds = (5_000, 10_000, 1) if small else (400_000, 5_000_000, 3)
    # The beginning of a larger business: the more events a minute has, the fewer points each of them writes.
    table = generated(events, of=whole)
    batches = column_batches(table, BATCH)
    sent_s, inserted_s = [], []
    with tempfile.TemporaryDirectory(prefix="trueline-bench-") as name:
        folder = Path(name)
        ready = _write(as_stored(table), folder / "ready.arrow")
        for number in range(rounds):
            sent_s.append(_send(batches, events, folder / f"server-{number}"))
            inserted_s.append(insert(folder / f"direct-{number}", ready, BLOCK))
        sent = fingerprint(folder / "server-0" / "data" / "warehouse")
        inserted = fingerprint(folder / "direct-0")
    if sent != inserted:
        raise AnswersDifferError(f"sent {sent}, inserted {inserted}")
    sent_rate = events / statistics.median(sent_s)
    inserted_rate = events / statistics.median(inserted_s)
    return Result(
        benchmark="ingest",
        ratio=sent_rate / inserted_rate,
        goal=GOAL,
        better="higher",
        parts={
            "events": events,
            "first_of": whole,
            "batch": BATCH,
            "block": BLOCK,
            "sent_s": sent_s,
            "inserted_s": inserted_s,
            "sent_per_s": sent_rate,
            "inserted_per_s": inserted_rate,
        },
        machine=machine(),
        summary=f"{sent_rate:,.0f} events/s sent and queryable; Arrow inserted directly {inserted_rate:,.0f}/s",
        small=small,
    )


def _send(batches: list[ColumnBatch], events: int, folder: Path) -> float:
    folder.mkdir()
    with ServerProcess(folder) as server, TruelineClient(server.address) as client:
        start = time.perf_counter()
        with BatchingSender(client, batch_events=BATCH) as sender:
            for batch in batches:
                sender.send_columns(batch)
            sender.flush()
            totals = sender.totals
        found = client.status(min_position=totals.position, timeout=ANSWER_S).events
        seconds = time.perf_counter() - start
        if (totals.accepted, found) != (events, events):
            raise AnswersDifferError(f"{events} events sent, {totals.accepted} accepted, {found} queryable")
        return seconds


def _write(table: pa.Table, path: Path) -> Path:
    with pa.OSFile(str(path), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    return path
