"""The Arrow schema of events: the one columnar form between ingestion, log, dataflow and warehouse."""

from __future__ import annotations

import pyarrow as pa

TEXT = pa.string()
CODED = pa.dictionary(pa.int32(), pa.string())
INSTANT = pa.timestamp("us", tz="UTC")
# 38 digits, 9 of them after the point: a sum of 1e11 values of up to 1e18 stays exact.
AMOUNT = pa.decimal128(38, 9)
# Beyond this a value is refused, so that sums cannot overflow AMOUNT.
LARGEST_VALUE = 1e18

# Absent text is null, never "". The three property maps never share a key within one event.
EVENT_SCHEMA = pa.schema(
    [
        pa.field("id", TEXT, nullable=False),
        pa.field("source", CODED, nullable=False),
        pa.field("name", CODED, nullable=False),
        pa.field("occurred_at", INSTANT, nullable=False),
        pa.field("user_id", TEXT),
        pa.field("account_id", TEXT),
        pa.field("anonymous_id", TEXT),
        pa.field("device_id", TEXT),
        pa.field("value", AMOUNT),
        pa.field("currency", CODED),
        pa.field("properties", pa.map_(TEXT, TEXT), nullable=False),
        pa.field("numbers", pa.map_(TEXT, pa.float64()), nullable=False),
        pa.field("flags", pa.map_(TEXT, pa.bool_()), nullable=False),
    ]
)
