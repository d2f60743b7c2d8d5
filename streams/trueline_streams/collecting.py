"""Gathers all that one log batch led to, so that what is written is complete up to a position."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from bytewax.operators import StatefulBatchLogic

from trueline_streams.merging import MergeResult
from trueline_streams.points import PointBatch
from trueline_streams.records import Changes, ClockRow, StampedEvents


@dataclass(frozen=True, slots=True)
class TenantPart:
    """What one tenant contributes to a log batch, and how many merge results belong to it.

    Attributes:
        batch: last position of the log batch; names it.
        parts: tenants in the log batch.
        partials: partial results sent to merging; each comes back as one MergeResult.

    """

    batch: int
    parts: int
    partials: int
    stamped: StampedEvents | None
    clocks: tuple[ClockRow, ...]


@dataclass(slots=True)
class _Pending:
    parts: list[TenantPart] = field(default_factory=list)
    results: list[MergeResult] = field(default_factory=list)

    def complete(self) -> bool:
        parts = self.parts
        if not parts or len(parts) < parts[0].parts:
            return False
        return len(self.results) == sum(part.partials for part in parts)


class Collector:
    """Holds the pieces of log batches until they are complete; releases the batches in order."""

    def __init__(self) -> None:
        self._pending: dict[int, _Pending] = {}

    def take(self, pieces: Iterable[TenantPart | MergeResult]) -> list[Changes]:
        """Add pieces; answers the changes of the batches that are complete now."""
        for piece in pieces:
            pending = self._pending.setdefault(piece.batch, _Pending())
            if isinstance(piece, TenantPart):
                pending.parts.append(piece)
            else:
                pending.results.append(piece)
        ready = []
        for batch in sorted(self._pending):
            if not self._pending[batch].complete():
                break
            ready.append(_changes(batch, self._pending.pop(batch)))
        return ready

    def idle(self) -> bool:
        """Whether nothing is held."""
        return not self._pending


def _changes(batch: int, pending: _Pending) -> Changes:
    parts = sorted(pending.parts, key=_tenant)
    points = PointBatch.of([result.points for result in pending.results if result.points is not None])
    return Changes(
        position=batch,
        events=tuple(part.stamped for part in parts if part.stamped is not None),
        clocks=tuple(row for part in parts for row in part.clocks),
        points=points,
        members=tuple(row for result in pending.results for row in result.members),
        statuses=tuple(result.status for result in pending.results if result.status is not None),
    )


def _tenant(part: TenantPart) -> str:
    return part.clocks[0].tenant if part.clocks else ""


class CollectLogic(StatefulBatchLogic[TenantPart | MergeResult, Changes, None]):
    """Bytewax's hull around a Collector. At the end of an epoch nothing is held, so a snapshot is empty."""

    def __init__(self) -> None:
        self._collector = Collector()

    def on_batch(self, values: list[TenantPart | MergeResult]) -> tuple[list[Changes], bool]:
        """Release complete batches; forget the collector when it holds nothing."""
        ready = self._collector.take(values)
        return ready, self._collector.idle()

    def on_eof(self) -> tuple[list[Changes], bool]:
        """Nothing can be held here."""
        return [], False

    def snapshot(self) -> None:
        """Nothing to keep."""
        return
