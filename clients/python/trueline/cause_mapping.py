"""Causes of changes from their messages."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from trueline.attribution_changes import AttributionCause, CauseTotal
from trueline.mapping import enum_names
from trueline.v1 import attribution_service_pb2 as pb

_CAUSES = enum_names(AttributionCause, pb.AttributionCause)


def cause(number: int) -> AttributionCause:
    """A cause by its number on the wire."""
    return _CAUSES.get(number, AttributionCause.UNSPECIFIED)


def cause_totals(messages: Iterable[pb.CauseTotal]) -> tuple[CauseTotal, ...]:
    """What causes did."""
    return tuple(
        CauseTotal(cause(one.cause), one.conversions, one.conversions_change, Decimal(one.value_change or 0))
        for one in messages
    )
