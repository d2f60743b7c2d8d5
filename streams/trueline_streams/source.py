"""The event log as a Bytewax source: one partition, whose state is the last position handed out."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bytewax.inputs import FixedPartitionedSource, StatefulSourcePartition
from trueline_stores.log.port import EventLog, LogEntry

from trueline_streams.patience import Patience
from trueline_streams.records import Clock, FlowSettings

PARTITION = "log"
# How soon to look again while a batch is still on its way to the sink.
_UNDERWAY_US = 2_000


@dataclass(frozen=True, slots=True)
class LogBatch:
    """Consecutive log entries that travel together. All that they change is written before the next batch starts."""

    first_position: int
    position: int
    replayed: bool
    entries: tuple[LogEntry, ...]


class Progress:
    """How far the flow has come, shared by its source (handed out), its sink (written) and whoever watches."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._written = 0
        self._handed_out = 0

    @property
    def written(self) -> int:
        """Last position whose changes are all in the warehouse."""
        return self._written

    @property
    def handed_out(self) -> int:
        """Last position that the flow has taken up; whatever comes later it has not looked at yet."""
        return self._handed_out

    def hand_out(self, position: int) -> None:
        """Everything up to a position is taken up; lower positions change nothing."""
        self._handed_out = max(self._handed_out, position)

    def reach(self, position: int) -> None:
        """Everything up to a position is written; lower positions change nothing."""
        with self._changed:
            self._written = max(self._written, position)
            self._changed.notify_all()

    def wait(self, position: int, timeout_s: float) -> bool:
        """Wait until a position is written; whether it is."""
        with self._changed:
            return self._changed.wait_for(lambda: self._written >= position, timeout_s)


class LogSource(FixedPartitionedSource[LogBatch, int]):
    """Reads the log in order, a batch at a time, from the position that Bytewax's recovery gives back.

    The next batch is handed out once the last one is written, so that a pane which must be computed again is found
    complete in the warehouse, and at most one batch is in memory. Near the end of the log there are
    `publish_interval_us` between batches; a full batch goes at once.
    """

    def __init__(
        self, log: EventLog, settings: FlowSettings, *, progress: Progress, patience: Patience, clock: Clock
    ) -> None:
        self.log = log
        self.settings = settings
        self.progress = progress
        self.patience = patience
        self.clock = clock

    def list_parts(self) -> list[str]:
        """One partition: the log has one order."""
        return [PARTITION]

    def build_part(self, step_id: str, for_part: str, resume_state: int | None) -> LogPartition:
        """Start behind the last position of the snapshot, or behind what the log has pruned."""
        del step_id, for_part
        return LogPartition(self, max(resume_state or 0, self.log.start() - 1))


class LogPartition(StatefulSourcePartition[LogBatch, int]):
    """The reading end of a LogSource."""

    def __init__(self, source: LogSource, after: int) -> None:
        self._source = source
        self._log = source.log
        self._after = after
        # What is in the log already may have been written before the restart that led here.
        self._replayed_to = self._log.end()
        self._handed_out_us: int | None = None
        self._awake: datetime | None = None
        source.progress.hand_out(after)
        source.progress.reach(after)

    def next_batch(self) -> list[LogBatch]:
        """The next batch; [] while there is nothing to do; StopIteration when asked to stop."""
        if self._source.patience.stop.is_set():
            raise StopIteration
        self._awake = None
        if self._source.progress.written < self._after:
            self._sleep(_UNDERWAY_US)
            return []
        wait_us = self._pause_us()
        if wait_us > 0:
            self._sleep(min(wait_us, self._source.settings.poll_interval_us))
            return []
        entries = self._read()
        if not entries:
            # Waiting in here costs nothing: nothing is underway.
            self._log.wait_beyond(self._after, self._source.settings.poll_interval_us / 1e6)
            return []
        first, last = entries[0].first_position, entries[-1].last_position
        self._after = last
        self._source.progress.hand_out(last)
        self._handed_out_us = self._source.clock()
        return [LogBatch(first, last, first <= self._replayed_to, tuple(entries))]

    def _read(self) -> list[LogEntry]:
        patience = self._source.patience
        try:
            return patience.call(
                "reading the event log", lambda: self._log.read(self._after, self._source.settings.max_batch_events)
            )
        except Exception as error:
            if patience.stop.is_set():
                raise StopIteration from error
            raise

    def _pause_us(self) -> int:
        if self._handed_out_us is None or self._log.end() - self._after >= self._source.settings.max_batch_events:
            return 0
        return self._handed_out_us + self._source.settings.publish_interval_us - self._source.clock()

    def _sleep(self, duration_us: int) -> None:
        # Bytewax compares this with the machine's clock, so it cannot come from the injected one.
        self._awake = datetime.now(UTC) + timedelta(microseconds=duration_us)

    def next_awake(self) -> datetime | None:
        """When to call again; None = soon."""
        return self._awake

    def snapshot(self) -> int:
        """Last position handed out; Bytewax keeps it once all that followed from it is written."""
        return self._after

    def close(self) -> None:
        """Nothing is held."""
