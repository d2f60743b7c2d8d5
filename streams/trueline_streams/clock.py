"""Watermarks: each event stamped with the watermark that its source had before it, and the state of each source."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from typing import cast

import numpy as np
import pyarrow as pa
from bytewax.operators import StatefulBatchLogic
from trueline_stores.event_schema import INSTANT

from trueline_streams.amounts import Ints
from trueline_streams.records import ClockRow, FlowSettings, StampedEvents

# "No event yet": below every instant that a log can hold, and far from overflow.
_NEVER = -(1 << 62)


@dataclass(frozen=True, slots=True)
class TenantBatch:
    """What one log batch has of one tenant.

    Attributes:
        tenant: whose.
        position: last position of the log batch; names it.
        first_position: first position of the log batch.
        parts: tenants in the log batch.
        replayed: see StampedEvents.
        events: EVENT_SCHEMA plus `position` and `accepted_at`, one chunk; None if there are only end marks.
        marks: (position, source) of the end marks.

    """

    tenant: str
    position: int
    first_position: int
    parts: int
    replayed: bool
    events: pa.Table | None
    marks: tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class StampedBatch:
    """A TenantBatch with its clocks.

    Attributes:
        batch: what was stamped.
        stamped: the events with watermarks; None if there are none.
        clocks: the sources that moved, as they are afterwards.
        newest_us: latest occurred_at of the tenant before the batch; None if it had no event.

    """

    batch: TenantBatch
    stamped: StampedEvents | None
    clocks: tuple[ClockRow, ...]
    newest_us: int | None


@dataclass(slots=True)
class SourceClock:
    """One source: events so far, latest occurred_at, last acceptance, last end mark not followed by events."""

    events: int = 0
    newest_us: int = _NEVER
    accepted_us: int = 0
    finished: bool = False
    revision: int = 0


class TenantClock:
    """The clocks of a tenant's sources."""

    def __init__(self, max_disorder_us: int, sources: dict[str, SourceClock] | None = None) -> None:
        self._max_disorder_us = max_disorder_us
        self.sources = sources if sources is not None else {}

    def advance(self, batch: TenantBatch) -> StampedBatch:
        """Stamp the events and move the clocks over them."""
        newest = max((source.newest_us for source in self.sources.values()), default=_NEVER)
        stamped = None
        moved: dict[str, SourceClock] = {}
        if batch.events is not None:
            watermarks = self._stamp(batch.events, moved)
            column = pa.array(watermarks, pa.int64()).cast(INSTANT)
            stamped = StampedEvents(batch.tenant, batch.events.append_column("watermark", column), batch.replayed)
        for position, name in batch.marks:
            source = moved[name] = self.sources.setdefault(name, SourceClock())
            if position > source.revision:
                source.finished, source.revision = True, position
        clocks = tuple(clock_row(batch.tenant, name, source) for name, source in moved.items())
        return StampedBatch(batch, stamped, clocks, None if newest == _NEVER else newest)

    def _stamp(self, events: pa.Table, moved: dict[str, SourceClock]) -> Ints:
        occurred = events["occurred_at"].chunk(0).cast(pa.int64()).to_numpy(zero_copy_only=False)
        accepted = events["accepted_at"].chunk(0).cast(pa.int64()).to_numpy(zero_copy_only=False)
        positions = events["position"].chunk(0).to_numpy(zero_copy_only=False)
        coded = events["source"].chunk(0)
        codes = coded.indices.to_numpy(zero_copy_only=False)
        names = coded.dictionary.to_pylist()
        before = np.empty(len(occurred), dtype=np.int64)
        order = np.argsort(codes, kind="stable")
        borders = np.nonzero(np.diff(codes[order]))[0] + 1
        for rows in np.split(order, borders):
            name = names[codes[rows[0]]]
            source = moved[name] = self.sources.setdefault(name, SourceClock())
            highest = np.maximum.accumulate(occurred[rows])
            before[rows[0]] = source.newest_us
            before[rows[1:]] = np.maximum(highest[:-1], source.newest_us)
            source.newest_us = max(source.newest_us, int(highest[-1]))
            source.events += len(rows)
            source.accepted_us = int(accepted[rows[-1]])
            source.finished, source.revision = False, int(positions[rows[-1]])
        # A source without an earlier event has watermark 0: nothing can be late against it.
        return cast(Ints, np.where(before == _NEVER, 0, before - self._max_disorder_us))


def clock_row(tenant: str, name: str, source: SourceClock) -> ClockRow:
    """The clock as it goes to the warehouse."""
    return ClockRow(
        tenant=tenant,
        source=name,
        events=source.events,
        max_occurred_at_us=source.newest_us if source.events else 0,
        last_accepted_at_us=source.accepted_us,
        finished=source.finished,
        revision=source.revision,
    )


class ClockLogic(StatefulBatchLogic[TenantBatch, StampedBatch, bytes]):
    """Bytewax's hull around a TenantClock."""

    def __init__(self, settings: FlowSettings, resume_state: bytes | None) -> None:
        sources = None
        if resume_state is not None:
            # Written by `snapshot` below into the data directory, which nobody else writes.
            packed = pickle.loads(resume_state)  # noqa: S301
            sources = {name: SourceClock(*values) for name, values in packed.items()}
        self._clock = TenantClock(settings.max_disorder_us, sources)

    def on_batch(self, values: list[TenantBatch]) -> tuple[list[StampedBatch], bool]:
        """Stamp batches in log order."""
        return [self._clock.advance(batch) for batch in values], False

    def on_eof(self) -> tuple[list[StampedBatch], bool]:
        """A flow that stops is not the end of time."""
        return [], False

    def snapshot(self) -> bytes:
        """All clocks of the tenant."""
        packed = {
            name: (clock.events, clock.newest_us, clock.accepted_us, clock.finished, clock.revision)
            for name, clock in self._clock.sources.items()
        }
        return pickle.dumps(packed, protocol=5)
