"""The methods of the async client that are about studies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from trueline import study_calls
from trueline.calls import Answer, Call
from trueline.operations import Operation
from trueline.studies import StudyComparison, StudyRun


class AsyncStudyMethods:
    """Calls of the StudyService, over the calls of the client that has them."""

    async def _call(self, call: Call[Answer], timeout: float | None) -> Answer:
        raise NotImplementedError

    async def wait_operation(
        self, name: str, *, timeout: float | None = None, heard: Callable[[Operation], None] | None = None
    ) -> Operation:
        """See AsyncOperationMethods."""
        raise NotImplementedError

    async def run_study(
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
        """See `TruelineClient.run_study`."""
        begun = await self.begin_study(
            study, start, end, breakdowns=breakdowns, min_position=min_position, request_id=request_id
        )
        return study_calls.result_of(await self.wait_operation(begun.name, timeout=timeout, heard=heard))

    async def begin_study(
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
        return await self._call(call, timeout)

    async def get_study(self, run: str, *, timeout: float | None = None) -> StudyRun:
        """A finished run with all its figures."""
        return await self._call(study_calls.get_study(run), timeout)

    async def list_studies(
        self,
        study: str = "",
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 100,
        timeout: float | None = None,
    ) -> tuple[StudyRun, ...]:
        """See `TruelineClient.list_studies`."""
        return await self._call(study_calls.list_studies(study, start=start, end=end, limit=limit), timeout)

    async def compare_studies(self, run: str, other: str = "", *, timeout: float | None = None) -> StudyComparison:
        """Each figure of two runs, that of the earlier period first; "" = the run before it of the same definition."""
        return await self._call(study_calls.compare_studies(run, other), timeout)
