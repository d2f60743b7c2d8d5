"""Writes generated events to files that `trueline ingest` reads: JSON lines (plain or gzip) and Parquet."""

from __future__ import annotations

import gzip
import io
import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

import pyarrow as pa

_FILE_SCHEMA = pa.schema(
    [
        pa.field("id", pa.string()),
        pa.field("source", pa.string()),
        pa.field("name", pa.string()),
        pa.field("occurred_at", pa.timestamp("us", tz="UTC")),
        pa.field("user_id", pa.string()),
        pa.field("account_id", pa.string()),
        pa.field("anonymous_id", pa.string()),
        pa.field("device_id", pa.string()),
        pa.field("value", pa.float64()),
        pa.field("currency", pa.string()),
        # An object as JSON text: keys differ from event to event.
        pa.field("properties", pa.string()),
    ]
)
_SCALARS = tuple(name for name in _FILE_SCHEMA.names if name not in ("occurred_at", "value", "properties"))


class UnknownFormatError(ValueError):
    """The name of a file says no format that can be written."""


def check_target(target: str) -> None:
    """Raise UnknownFormatError unless the name ends in .jsonl, .jsonl.gz or .parquet, or is "-" (standard output)."""
    if target != "-" and not target.endswith((".jsonl", ".jsonl.gz", ".parquet")):
        raise UnknownFormatError(f"cannot tell the format of '{target}': end the name in .jsonl, .jsonl.gz or .parquet")


def write_batches(batches: Iterable[pa.RecordBatch], target: str) -> Iterator[int]:
    """Write each batch (EVENT_SCHEMA) as it comes and yield the number of its events.

    Raises:
        UnknownFormatError: see check_target.
        OSError: the file cannot be written.

    """
    check_target(target)
    return _write_parquet(batches, target) if target.endswith(".parquet") else _write_lines(batches, target)


def _write_lines(batches: Iterable[pa.RecordBatch], target: str) -> Iterator[int]:
    with _open_text(target) as out:
        for batch in batches:
            out.writelines(json.dumps(record, separators=(",", ":")) + "\n" for record in _records(batch))
            yield batch.num_rows


def _write_parquet(batches: Iterable[pa.RecordBatch], target: str) -> Iterator[int]:
    from pyarrow import parquet

    with parquet.ParquetWriter(target, _FILE_SCHEMA) as writer:
        for batch in batches:
            rows = list(_records(batch))
            for row, at in zip(rows, batch["occurred_at"], strict=True):
                row["occurred_at"] = at.as_py()
                row["properties"] = json.dumps(row.get("properties", {}), separators=(",", ":"))
            writer.write_batch(pa.RecordBatch.from_pylist(rows, schema=_FILE_SCHEMA))
            yield batch.num_rows


@contextmanager
def _open_text(target: str) -> Iterator[IO[str]]:
    if target == "-":
        yield sys.stdout
        sys.stdout.flush()
    elif target.endswith(".gz"):
        # No name and no time in the header: the same events make the same bytes.
        with (
            Path(target).open("wb") as raw,
            gzip.GzipFile("", "wb", compresslevel=6, fileobj=raw, mtime=0) as packed,
            io.TextIOWrapper(packed, encoding="utf-8") as out,
        ):
            yield out
    else:
        with Path(target).open("w", encoding="utf-8") as out:
            yield out


def _records(batch: pa.RecordBatch) -> Iterator[dict[str, Any]]:
    """Events as JSON objects; what is absent is left out."""
    columns = {name: batch[name].to_pylist() for name in _SCALARS}
    instants = batch["occurred_at"].to_pylist()
    amounts = batch["value"].to_pylist()
    maps = zip(batch["properties"].to_pylist(), batch["numbers"].to_pylist(), batch["flags"].to_pylist(), strict=True)
    for row, (texts, numbers, flags) in enumerate(maps):
        record: dict[str, Any] = {name: column[row] for name, column in columns.items() if column[row] is not None}
        record["occurred_at"] = instants[row].isoformat().replace("+00:00", "Z")
        if amounts[row] is not None:
            record["value"] = float(amounts[row])
        if texts or numbers or flags:
            record["properties"] = dict([*texts, *numbers, *flags])
        yield record
