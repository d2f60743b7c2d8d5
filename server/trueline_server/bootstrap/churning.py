"""The parts of churn over a backend."""

from __future__ import annotations

from dataclasses import dataclass

from trueline_server.bootstrap.backend import Backend
from trueline_server.churn.operation import ChurnTraining
from trueline_server.churn.population import ChurnPopulation
from trueline_server.churn.service import ChurnService
from trueline_server.clock import Clock
from trueline_server.facts.store import FactStore
from trueline_server.operations.runner import Operations


@dataclass(frozen=True, slots=True)
class ChurnParts:
    """What answers about churn, and what trains models."""

    service: ChurnService
    training: ChurnTraining


def open_churn(backend: Backend, operations: Operations, clock: Clock) -> ChurnParts:
    """Make the parts; trainings are registered then."""
    population = ChurnPopulation(backend.warehouse)
    service = ChurnService(backend.state, backend.book.of, FactStore(backend.warehouse), population, clock)
    return ChurnParts(service, ChurnTraining(service, population, operations, clock))
