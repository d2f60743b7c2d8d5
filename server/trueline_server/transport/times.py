"""Times at the border: google.protobuf.Timestamp and Duration, and microseconds, since 1970 (UTC) or in length."""

from __future__ import annotations

from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from trueline_server.errors import invalid_field

# 0001-01-01 to 9999-12-31, the range that Timestamp's own documentation allows.
_FIRST_S, _LAST_S = -62_135_596_800, 253_402_300_799


def microseconds_of(timestamp: Timestamp, field: str) -> int:
    """Microseconds since 1970, finer digits cut off.

    Raises:
        TruelineError: INVALID_FIELD, if it lies outside the years 1 to 9999.

    """
    if not _FIRST_S <= timestamp.seconds <= _LAST_S or not 0 <= timestamp.nanos <= 999_999_999:
        raise invalid_field(field, "is not a time between the years 1 and 9999")
    return int(timestamp.seconds * 1_000_000 + timestamp.nanos // 1000)


def instant_in(message: Message, field: str) -> int | None:
    """Microseconds since 1970 of a field of a message; None if it is not given.

    Raises:
        TruelineError: INVALID_FIELD, as microseconds_of.

    """
    return microseconds_of(getattr(message, field), field) if message.HasField(field) else None


def timestamp_of(microseconds: int) -> Timestamp:
    """A Timestamp of microseconds since 1970."""
    seconds, rest = divmod(microseconds, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def timestamp_if(microseconds: int | None) -> Timestamp | None:
    """The same of an instant that may be absent."""
    return None if microseconds is None else timestamp_of(microseconds)


def duration_of(microseconds: int) -> Duration:
    """A Duration of microseconds."""
    duration = Duration()
    duration.FromMicroseconds(microseconds)
    return duration
