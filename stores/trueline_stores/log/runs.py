"""Entries of the log as bytes: accepted rows of one tenant, joined to one Arrow batch, in Arrow's IPC form."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from trueline_stores.event_schema import EVENT_SCHEMA

# lz4 halves the file for as much processor time as writing the other half takes. A few rows do not shrink: most of
# their bytes are the schema.
COMPRESSED_FROM_ROWS = 64
_COMPRESSED = pa.ipc.IpcWriteOptions(compression="lz4")
_PLAIN = pa.ipc.IpcWriteOptions()


def join_batches(batches: Sequence[pa.RecordBatch]) -> pa.RecordBatch:
    """One batch with the rows of all, in order; dictionaries are unified."""
    return batches[0] if len(batches) == 1 else pa.concat_batches(batches)


def encode_run(events: pa.RecordBatch) -> pa.Buffer:
    """The bytes of a batch."""
    sink = pa.BufferOutputStream()
    options = _COMPRESSED if events.num_rows >= COMPRESSED_FROM_ROWS else _PLAIN
    with pa.ipc.new_stream(sink, EVENT_SCHEMA, options=options) as stream:
        stream.write_batch(events)
    return sink.getvalue()


def decode_run(payload: bytes) -> pa.RecordBatch:
    """The batch that encode_run was given. Columns that are not compressed point into the payload."""
    return pa.ipc.open_stream(pa.py_buffer(payload)).read_next_batch()
