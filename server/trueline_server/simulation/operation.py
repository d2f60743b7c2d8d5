"""Simulations as operations: the request of SimulateRules begins one, its result is what the operation answers."""

from __future__ import annotations

import hashlib

from trueline.v1 import rule_service_pb2 as pb

from trueline_server.operations.mapping import map_operation_to_proto
from trueline_server.operations.model import Work
from trueline_server.operations.runner import Operations
from trueline_server.simulation.mapping import map_asked_from_proto, map_asked_to_proto, map_simulation_to_proto
from trueline_server.simulation.service import Simulations

KIND = "SimulateRules"


class SimulationOperation:
    """Begins simulations and does them. Methods block; thread-safe."""

    def __init__(self, simulations: Simulations, operations: Operations) -> None:
        self._simulations = simulations
        self._operations = operations
        # It changes nothing that lasts, so it may be done again.
        operations.register(KIND, self.run, resumable=True)

    def begin(self, tenant: str, request: pb.SimulateRulesRequest) -> pb.SimulateRulesResponse:
        """Check a request and begin what it asks for.

        Raises:
            TruelineError: INVALID_FIELD; RULES_DO_NOT_LOAD; UNKNOWN_REVISION; UNKNOWN_RULE; TOO_MANY_OPERATIONS.

        """
        checked = self._simulations.check(tenant, map_asked_from_proto(request))
        kept = map_asked_to_proto(checked).SerializeToString(deterministic=True)
        asked = hashlib.blake2b(request.SerializeToString(deterministic=True), digest_size=16).hexdigest()
        operation = self._operations.start(tenant, KIND, kept, request_id=request.request_id, asked=asked)
        return pb.SimulateRulesResponse(operation=map_operation_to_proto(operation))

    def run(self, work: Work) -> bytes:
        """Do one; see Runner."""
        asked = map_asked_from_proto(pb.SimulateRulesRequest.FromString(work.request))
        return map_simulation_to_proto(self._simulations.run(work, asked)).SerializeToString(deterministic=True)
