"""The event as a value, and identities for events that have none of their own."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

# What a property may hold.
PropertyScalar = str | float | bool


def new_event_id() -> str:
    """A new identity: a UUID version 7 (RFC 9562, method 3), so that identities made later sort later.

    48 bits of milliseconds, 12 bits of their fraction, 62 random bits from the operating system, which stay different
    in forked processes.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = (rest << 12) // 1_000_000
    number = (milliseconds << 80) | (0x7 << 76) | (fraction << 64) | (0x2 << 62)
    digits = f"{number | (int.from_bytes(os.urandom(8), 'big') >> 2):032x}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """One thing that happened. Its identity is (tenant, source, id); sending it twice counts it once.

    Attributes:
        source: what sent it: a service, a shop, an import.
        name: what happened, e.g. "workflow_created".
        occurred_at: when; aware, kept to the microsecond. Now, if not given.
        id: identifies it within the source; made here, before the first try, if not given.
        user_id: the person it happened to; None = not known. The other identifiers likewise.
        account_id: the customer account.
        anonymous_id: a visitor that is not known yet.
        device_id: the device.
        value: how much; finite, between -1e18 and 1e18.
        currency: ISO 4217 code of the value.
        properties: anything else: texts, finite numbers, truth values.

    Raises:
        ValueError: `occurred_at` has no time zone.

    """

    source: str
    name: str
    occurred_at: datetime = field(default_factory=_now)
    id: str = field(default_factory=new_event_id)
    user_id: str | None = None
    account_id: str | None = None
    anonymous_id: str | None = None
    device_id: str | None = None
    value: float | None = None
    currency: str | None = None
    properties: Mapping[str, PropertyScalar] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.occurred_at.tzinfo is None:
            raise ValueError(f"occurred_at {self.occurred_at.isoformat()} has no time zone; use datetime.now(UTC)")
