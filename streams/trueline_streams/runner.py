"""Runs the dataflow in a thread of this process: starts it, starts it again after a failure, stops it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path

from bytewax._bytewax import cli_main
from trueline_stores.log.port import EventLog

from trueline_streams.flow import build_flow
from trueline_streams.patience import Patience, PatientLoader, PatientWriter
from trueline_streams.plans import PlanTable
from trueline_streams.records import ChangeWriter, Clock, FlowSettings, MetricPlan, PaneLoader
from trueline_streams.recovery import recovery_config, resume_position
from trueline_streams.sink import ChangeSink
from trueline_streams.source import LogSource, Progress

_LOG = logging.getLogger(__name__)
_FLOW = "running the dataflow"


class FlowRunner:
    """The dataflow as a thread that does not die silently.

    While a store is out of reach the flow stands still and tries again; see Patience. Should the flow fail
    nevertheless, it starts again from its last snapshot after a pause, which doubles up to `longest_pause_s` until
    something is written again. Both are told by `error`, `healthy` and the program's log.
    """

    def __init__(
        self,
        log: EventLog,
        writer: ChangeWriter,
        clock: Clock,
        *,
        plans: Sequence[MetricPlan] = (),
        loader: PaneLoader,
        settings: FlowSettings,
        directory: Path,
        first_pause_s: float = 0.5,
        longest_pause_s: float = 30.0,
    ) -> None:
        self._stop = threading.Event()
        self._patience = Patience(self._stop, first_pause_s=first_pause_s, longest_pause_s=longest_pause_s)
        self._log = log
        self._writer = PatientWriter(writer, self._patience)
        self._clock = clock
        self._plans = PlanTable.for_all(plans)
        self._loader = PatientLoader(loader, self._patience)
        self._settings = settings
        self._directory = directory
        self._first_pause_s = first_pause_s
        self._longest_pause_s = longest_pause_s
        self._thread: threading.Thread | None = None
        self._failed_at = -1
        self.progress = Progress()

    @property
    def error(self) -> BaseException | None:
        """What is wrong at present; None if all is well."""
        if self.progress.written > self._failed_at:
            self._patience.succeeded(_FLOW)
        return self._patience.error

    @property
    def failures(self) -> int:
        """How often something has failed since `start`."""
        return self._patience.failures

    @property
    def healthy(self) -> bool:
        """Whether the flow runs and nothing is wrong at present."""
        return self._thread is not None and self._thread.is_alive() and self.error is None

    def resume_position(self) -> int:
        """The log position behind which `start` will read on; see recovery.resume_position. Call it before."""
        return resume_position(self._directory)

    def replan(self, plans: Mapping[str, Sequence[MetricPlan]]) -> int:
        """Compute other metrics from the next batch on, while the flow goes on: by tenant, "" = all others.

        Answers the log position up to which batches may have gone without them. What came up to there is to be
        computed from the warehouse, once `reached` it: see backfill.
        """
        self._plans.replace(plans)
        return self.position()

    def position(self) -> int:
        """The last log position that the flow has taken up, or will read on behind once it is started."""
        return self.progress.handed_out if self._thread is not None else self.resume_position()

    def written(self) -> int:
        """A log position up to which everything is in the warehouse and stays there, whatever happens."""
        return self.progress.written if self._thread is not None else self.resume_position()

    def reached(self, position: int, timeout_s: float) -> bool:
        """Wait until a position is written; whether it is. Before the start everything up to `position()` is."""
        return self._thread is None or self.progress.wait(position, timeout_s)

    def start(self) -> None:
        """Start the thread. Once only."""
        if self._thread is not None:
            raise RuntimeError("the dataflow was started already")
        self.progress.hand_out(self.resume_position())
        self._thread = threading.Thread(target=self._run, name="dataflow", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ask the flow to finish what is underway, save its state and end."""
        self._stop.set()

    def join(self, timeout_s: float | None = None) -> bool:
        """Wait for the end; whether it has come."""
        if self._thread is None:
            return True
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        pause_s = self._first_pause_s
        while not self._stop.is_set():
            before = self.progress.written
            try:
                self._run_once()
            # Whatever it was, the flow must come back; a panic of Bytewax's engine is a BaseException.
            except BaseException as error:  # noqa: BLE001
                if self.progress.written > before:
                    pause_s = self._first_pause_s
                self._failed_at = self.progress.written
                self._patience.failed(_FLOW, error)
                _LOG.exception("the dataflow failed after position %d; next try in %.1f s", self._failed_at, pause_s)
                self._stop.wait(pause_s)
                pause_s = min(pause_s * 2, self._longest_pause_s)

    def _run_once(self) -> None:
        source = LogSource(
            self._log, self._settings, progress=self.progress, patience=self._patience, clock=self._clock
        )
        sink = ChangeSink(self._writer, self.progress)
        flow = build_flow(source, sink, self._clock, plans=self._plans, loader=self._loader, settings=self._settings)
        cli_main(  # type: ignore[no-untyped-call]
            flow,
            recovery_config=recovery_config(self._directory),
            epoch_interval=timedelta(microseconds=self._settings.epoch_interval_us),
        )
