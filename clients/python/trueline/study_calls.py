"""Each call of the StudyService as a value; see `trueline.calls`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from trueline import mapping, operations, studies
from trueline.calls import Call, built
from trueline.errors import DeadlineExceededError
from trueline.operations import Operation
from trueline.studies import StudyComparison, StudyRun
from trueline.v1 import study_service_pb2 as pb

_SERVICE = "StudyService"
_PAGE = 1_000


@built
def run_study(
    study: str,
    start: datetime,
    end: datetime,
    *,
    breakdowns: Sequence[str],
    min_position: int,
    request_id: str,
) -> Call[Operation]:
    """RunStudy; a call that is tried again begins nothing twice."""
    request = pb.RunStudyRequest(
        study=study,
        start_time=mapping.timestamp(start),
        end_time=mapping.timestamp(end),
        breakdowns=breakdowns,
        min_position=min_position,
        request_id=request_id or str(uuid4()),
    )
    return Call(_SERVICE, "RunStudy", request, lambda answers: operations.operation(answers[0].operation))


@built
def get_study(run: str) -> Call[StudyRun]:
    """GetStudy."""
    request = pb.GetStudyRequest(id=run)
    return Call(_SERVICE, "GetStudy", request, lambda answers: studies.study_run(answers[0].run))


@built
def list_studies(study: str, *, start: datetime | None, end: datetime | None, limit: int) -> Call[tuple[StudyRun, ...]]:
    """ListStudies, as many pages as it takes."""
    if limit < 0:
        raise ValueError(f"limit is {limit}; give how many are wanted, or 0 for all")
    request = pb.ListStudiesRequest(
        study=study,
        start_time=mapping.timestamp(start),
        end_time=mapping.timestamp(end),
        page_size=min(limit, _PAGE) if limit else _PAGE,
    )
    return Call(_SERVICE, "ListStudies", request, studies.study_runs, paged=True, items="runs", most=limit)


@built
def compare_studies(run: str, other: str) -> Call[StudyComparison]:
    """CompareStudies."""
    request = pb.CompareStudiesRequest(id=run, other=other)
    return Call(_SERVICE, "CompareStudies", request, lambda answers: studies.study_comparison(answers[0]))


def result_of(operation: Operation) -> StudyRun:
    """The run that an operation came to.

    Raises:
        TruelineError: that of the operation, if it came to no result; DeadlineExceededError if it goes on.

    """
    if operation.error is not None:
        raise operation.error
    if not isinstance(operation.result, StudyRun):
        told = f"{operation.name} goes on; wait_operation('{operation.name}') has the study once it is done"
        raise DeadlineExceededError("DEADLINE_EXCEEDED", "", told)
    return operation.result
