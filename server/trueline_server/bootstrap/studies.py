"""Studies over the backend."""

from __future__ import annotations

from trueline_server.bootstrap.backend import Backend
from trueline_server.bootstrap.reading import SECOND_US
from trueline_server.clock import Clock
from trueline_server.operations.runner import Operations
from trueline_server.settings import Settings
from trueline_server.studies.computing import StudyComputer
from trueline_server.studies.mapping import result_of
from trueline_server.studies.operation import StudyOperation
from trueline_server.studies.service import StudyService


def open_studies(settings: Settings, backend: Backend, operations: Operations, clock: Clock) -> StudyService:
    """Studies, and their kind of long work."""
    state, rules = backend.state, backend.book.of
    operation = StudyOperation(
        state,
        rules,
        StudyComputer(backend.warehouse),
        backend.clocks,
        operations,
        clock=clock,
        lateness_us=settings.allowed_lateness_s * SECOND_US,
        result_of=result_of,
    )
    return StudyService(state, rules, operation, clock)
