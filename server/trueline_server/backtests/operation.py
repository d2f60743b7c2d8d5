"""Backtests as operations: the request of BacktestRules begins one, its result is what the operation answers."""

from __future__ import annotations

import hashlib

from trueline.v1 import rule_service_pb2 as pb
from trueline_rules.backtesting.comparing import document_changes

from trueline_server.backtests.mapping import (
    map_asked_from_proto,
    map_asked_to_proto,
    map_backtest_to_proto,
    map_difference_to_proto,
    map_source_from_proto,
)
from trueline_server.backtests.service import Backtests
from trueline_server.operations.mapping import map_operation_to_proto
from trueline_server.operations.model import Work
from trueline_server.operations.runner import Operations

KIND = "BacktestRules"


class BacktestOperation:
    """Begins backtests and does them. Methods block; thread-safe."""

    def __init__(self, backtests: Backtests, operations: Operations) -> None:
        self._backtests = backtests
        self._operations = operations
        # It reads only, so it may be done again.
        operations.register(KIND, self.run, resumable=True)

    def begin(self, tenant: str, request: pb.BacktestRulesRequest) -> pb.BacktestRulesResponse:
        """Check a request and begin what it asks for.

        Raises:
            TruelineError: INVALID_FIELD; RULES_DO_NOT_LOAD; UNKNOWN_REVISION; UNKNOWN_RULE; TOO_MANY_OPERATIONS.

        """
        checked = self._backtests.check(tenant, map_asked_from_proto(request))
        kept = map_asked_to_proto(checked).SerializeToString(deterministic=True)
        asked = hashlib.blake2b(request.SerializeToString(deterministic=True), digest_size=16).hexdigest()
        operation = self._operations.start(tenant, KIND, kept, request_id=request.request_id, asked=asked)
        return pb.BacktestRulesResponse(operation=map_operation_to_proto(operation))

    def diff(self, tenant: str, request: pb.DiffRulesRequest) -> pb.DiffRulesResponse:
        """What a change of rules means, at once.

        Raises:
            TruelineError: INVALID_FIELD; RULES_DO_NOT_LOAD; UNKNOWN_REVISION.

        """
        sources = map_source_from_proto(request.before), map_source_from_proto(request.after)
        before, after = self._backtests.load_both(tenant, *sources)
        return map_difference_to_proto(before.revision, after.revision, document_changes(before, after))

    def run(self, work: Work) -> bytes:
        """Do one; see Runner."""
        asked = map_asked_from_proto(pb.BacktestRulesRequest.FromString(work.request))
        return map_backtest_to_proto(self._backtests.run(work, asked)).SerializeToString(deterministic=True)
