"""Maps values of facts from protobuf and to it."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from trueline.v1 import fact_pb2

from trueline_server.errors import invalid_field
from trueline_server.rules.given import Given
from trueline_server.transport.times import duration_of, microseconds_of, timestamp_of

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MOST_ZEROS = 100
_DECIMAL = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)")


def map_value_from_proto(message: fact_pb2.FactValue, field: str) -> Given:
    """A value as it is given; None = missing.

    Raises:
        TruelineError: INVALID_FIELD, for what cannot be read, and for a duration.

    """
    kind = message.WhichOneof("kind")
    match kind:
        case "texts_value":
            return frozenset(message.texts_value.texts)
        case "decimal_value":
            if _DECIMAL.fullmatch(message.decimal_value) is None:
                raise invalid_field(f"{field}.decimal_value", "is no decimal; write digits like 12.50")
            return Decimal(message.decimal_value)
        case "timestamp_value":
            at_us = microseconds_of(message.timestamp_value, f"{field}.timestamp_value")
            return _EPOCH + timedelta(microseconds=at_us)
        case "duration_value":
            raise invalid_field(field, "is a duration; no fact is of that type")
    plain: float | str | bool | None = None if kind is None else getattr(message, kind)
    return plain


def map_value_to_proto(value: object) -> fact_pb2.FactValue:
    """A value as it is told; unset = missing."""
    match value:
        # A bool is an int to Python, so it comes first.
        case bool():
            return fact_pb2.FactValue(bool_value=value)
        case int() | float():
            return fact_pb2.FactValue(number_value=float(value))
        case str():
            return fact_pb2.FactValue(text_value=value)
        case frozenset():
            return fact_pb2.FactValue(texts_value=fact_pb2.TextSet(texts=sorted(value)))
        case Decimal():
            # With so many zeros digits help nobody.
            short = value.is_finite() and abs(value.adjusted()) <= _MOST_ZEROS
            return fact_pb2.FactValue(decimal_value=f"{value:f}" if short else str(value))
        case _:
            return _map_time_to_proto(value)


def _map_time_to_proto(value: object) -> fact_pb2.FactValue:
    match value:
        case datetime():
            return fact_pb2.FactValue(timestamp_value=timestamp_of((value - _EPOCH) // timedelta(microseconds=1)))
        case timedelta():
            return fact_pb2.FactValue(duration_value=duration_of(value // timedelta(microseconds=1)))
        case _:
            return fact_pb2.FactValue()
