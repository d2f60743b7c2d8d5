"""The calls of the RuleService that compare, replay and simulate rules: checked on a thread, few at once."""

from __future__ import annotations

import asyncio

from trueline.v1 import rule_service_pb2 as pb

from trueline_server.backtests.operation import BacktestOperation
from trueline_server.simulation.operation import SimulationOperation
from trueline_server.transport.tenant import current_tenant

# Loading rule files is plain Python for as long as it takes, which ingestion shares the machine with.
_LOADED_AT_ONCE = 1


class BacktestCalls:
    """BacktestRules, DiffRules and SimulateRules."""

    def __init__(self, operation: BacktestOperation, simulation: SimulationOperation) -> None:
        self._operation = operation
        self._simulation = simulation
        self._loading = asyncio.Semaphore(_LOADED_AT_ONCE)

    async def begin(self, request: pb.BacktestRulesRequest) -> pb.BacktestRulesResponse:
        """An operation that replays what is asked for."""
        async with self._loading:
            return await asyncio.to_thread(self._operation.begin, current_tenant(), request)

    async def diff(self, request: pb.DiffRulesRequest) -> pb.DiffRulesResponse:
        """What a change of rules means."""
        async with self._loading:
            return await asyncio.to_thread(self._operation.diff, current_tenant(), request)

    async def begin_simulation(self, request: pb.SimulateRulesRequest) -> pb.SimulateRulesResponse:
        """An operation that simulates what is asked for."""
        async with self._loading:
            return await asyncio.to_thread(self._simulation.begin, current_tenant(), request)
