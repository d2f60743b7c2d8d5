"""The methods of the sync client that are about studies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from trueline import study_calls
from trueline.calls import Answer, Call
from trueline.operations import Operation
from trueline.studies import StudyComparison, StudyRun


class StudyMethods:
    """Calls of the StudyService, over the calls of the client that has them."""

    def _call(self, call: Call[Answer], timeout: float | None) -> Answer:
        raise NotImplementedError

    def wait_operation(
        self, name: str, *, timeout: float | None = None, heard: Callable[[Operation], None] | None = None
    ) -> Operation:
        """See OperationMethods."""
        raise NotImplementedError

    def run_study(
        self,
        study: str,
        start: datetime,
        end: datetime,
        *,
        breakdowns: Sequence[str] = (),
        min_position: int = 0,
        request_id: str = "",
        timeout: float | None = None,
        heard: Callable[[Operation], None] | None = None,
    ) -> StudyRun:
        """Run a study over a period and wait for its figures.

        Args:
            study: name of a Study in force, e.g. "persona_impact".
            start: of the period.
            end: of the period, exclusive; not ahead of the server's clock.
            breakdowns: names of breakdowns of the study; () = all of them.
            min_position: wait until the events up to this log position are in.
            request_id: the same for the same run, however often it is called; "" = a new one.
            timeout: seconds to wait for the study; None = as long as it takes.
            heard: hears of its progress about every second.

        Raises:
            NotFoundError: there is no such study; `metadata["nearest"]` may name the nearest.
            InvalidRequestError: the period is none or not over, or there is no such breakdown.
            PreconditionError: no event plays a role that is read, or amounts are in a currency without a rate.
            DeadlineExceededError: it goes on; `wait_operation` has it later.

        """
        begun = self.begin_study(
            study, start, end, breakdowns=breakdowns, min_position=min_position, request_id=request_id
        )
        return study_calls.result_of(self.wait_operation(begun.name, timeout=timeout, heard=heard))

    def begin_study(
        self,
        study: str,
        start: datetime,
        end: datetime,
        *,
        breakdowns: Sequence[str] = (),
        min_position: int = 0,
        request_id: str = "",
        timeout: float | None = None,
    ) -> Operation:
        """Begin what `run_study` waits for; `wait_operation` has it as its result."""
        call = study_calls.run_study(
            study, start, end, breakdowns=breakdowns, min_position=min_position, request_id=request_id
        )
        return self._call(call, timeout)

    def get_study(self, run: str, *, timeout: float | None = None) -> StudyRun:
        """A finished run with all its figures."""
        return self._call(study_calls.get_study(run), timeout)

    def list_studies(
        self,
        study: str = "",
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 100,
        timeout: float | None = None,
    ) -> tuple[StudyRun, ...]:
        """Finished runs without their figures, the newest first.

        Args:
            study: only of this one; "" = of all.
            start: only of periods that start then or later.
            end: only of periods that end then or earlier.
            limit: at most so many; 0 = all.
            timeout: seconds for each page.

        """
        return self._call(study_calls.list_studies(study, start=start, end=end, limit=limit), timeout)

    def compare_studies(self, run: str, other: str = "", *, timeout: float | None = None) -> StudyComparison:
        """Each figure of two runs, that of the earlier period first; "" = the run before it of the same definition."""
        return self._call(study_calls.compare_studies(run, other), timeout)
