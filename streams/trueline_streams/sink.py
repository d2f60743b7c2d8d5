"""The end of the dataflow: hands changes to the writer and tells how far it came."""

from __future__ import annotations

from collections.abc import Iterable

from bytewax.outputs import DynamicSink, StatelessSinkPartition

from trueline_streams.points import PointBatch
from trueline_streams.records import Changes, ChangeWriter, PointRow
from trueline_streams.source import Progress


class ChangeSink(DynamicSink[Changes]):
    """Writes changes. An error of the writer ends the flow; it starts again from its last snapshot."""

    def __init__(self, writer: ChangeWriter, progress: Progress) -> None:
        self._writer = writer
        self._progress = progress

    def build(self, step_id: str, worker_index: int, worker_count: int) -> ChangeSinkPartition:
        """One partition a worker."""
        del step_id, worker_index, worker_count
        return ChangeSinkPartition(self._writer, self._progress)


class ChangeSinkPartition(StatelessSinkPartition[Changes]):
    """The writing end of ChangeSink."""

    def __init__(self, writer: ChangeWriter, progress: Progress) -> None:
        self._writer = writer
        self._progress = progress

    def write_batch(self, items: list[Changes]) -> None:
        """Write what has come in one go."""
        changes = coalesced(items)
        self._writer.write(changes)
        self._progress.reach(changes.position)


def coalesced(items: list[Changes]) -> Changes:
    """Several changes as one, in order of position."""
    if len(items) == 1:
        return items[0]
    ordered = sorted(items, key=lambda each: each.position)
    return Changes(
        position=ordered[-1].position,
        events=tuple(events for each in ordered for events in each.events),
        clocks=tuple(row for each in ordered for row in each.clocks),
        points=joined_points(each.points for each in ordered),
        members=tuple(row for each in ordered for row in each.members),
        statuses=tuple(row for each in ordered for row in each.statuses),
    )


def joined_points(parts: Iterable[Iterable[PointRow]]) -> PointBatch | tuple[PointRow, ...]:
    """Points of several changes: as columns if all are, else as rows."""
    listed = list(parts)
    batches = [part for part in listed if isinstance(part, PointBatch)]
    if len(batches) == len(listed):
        return PointBatch.joined(batches)
    return tuple(row for part in listed for row in part)
