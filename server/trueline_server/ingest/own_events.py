"""Events that Trueline itself has to tell, appended like those of others, so that metrics and rules see them."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Protocol

from trueline.v1 import event_pb2

from trueline_server.ingest.preparing import SizedBatch
from trueline_server.ingest.rows import read_rows
from trueline_server.ingest.service import Ingestion
from trueline_server.metrics.completeness import OWN_SOURCE
from trueline_server.transport.times import timestamp_of

# The source of all of them.
SOURCE = OWN_SOURCE
# Events of one call; fewer than the least that an operator may allow would do.
_AT_ONCE = 500
# The log answers within milliseconds; who waits longer tries again at its next look.
_PATIENCE_S = 30.0


@dataclass(frozen=True, slots=True)
class OwnEvent:
    """Something that Trueline found.

    Attributes:
        name: e.g. "compliance_control_turned".
        key: what makes it this event and no other: the same key is the same event, however often it is appended.
        occurred_at_us: µs since 1970 (UTC).
        properties: texts and numbers.
        account_id: whom it is about; "" = no account.

    """

    name: str
    key: tuple[str, ...]
    occurred_at_us: int
    properties: Mapping[str, str | float] = field(default_factory=dict)
    account_id: str = ""

    @property
    def id(self) -> str:
        """Digest of name and key, which deduplication goes by."""
        digest = hashlib.blake2b("\0".join((self.name, *self.key)).encode(), digest_size=16)
        return f"{self.name}-{digest.hexdigest()}"


class Appends(Protocol):
    """Takes events of Trueline's own."""

    def append(self, tenant: str, events: Sequence[OwnEvent]) -> int:
        """Append events; those that are there already change nothing."""
        ...


class OwnEvents:
    """Appends own events from threads."""

    def __init__(self, ingestion: Ingestion, loop: asyncio.AbstractEventLoop) -> None:
        """`loop` runs as long as events are appended."""
        self._ingestion = ingestion
        self._loop = loop

    def append(self, tenant: str, events: Sequence[OwnEvent]) -> int:
        """Append events and wait until they are durable; how many were new. One that was told before stays as it was,
        even if it would be told otherwise now.

        Raises:
            StoreError: of the log, or BACKPRESSURE.
            TimeoutError: the log does not answer.

        """
        accepted = 0
        for start in range(0, len(events), _AT_ONCE):
            messages = [_message(event) for event in events[start : start + _AT_ONCE]]
            size = sum(message.ByteSize() for message in messages)
            batch = SizedBatch(len(messages), size, partial(read_rows, messages))
            appended = asyncio.run_coroutine_threadsafe(self._ingestion.ingest(tenant, batch), self._loop)
            accepted += appended.result(_PATIENCE_S).accepted
        return accepted


def _message(event: OwnEvent) -> event_pb2.Event:
    return event_pb2.Event(
        id=event.id,
        source=SOURCE,
        name=event.name,
        occurred_at=timestamp_of(event.occurred_at_us),
        account_id=event.account_id,
        properties={key: _property(value) for key, value in event.properties.items()},
    )


def _property(value: str | float) -> event_pb2.PropertyValue:
    if isinstance(value, str):
        return event_pb2.PropertyValue(string_value=value)
    return event_pb2.PropertyValue(double_value=value)
