"""The RuleService over the wire: rules in force, files that are not, and what rules decide."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any, TypeVar

from trueline.v1 import decision_pb2, rule_service_pb2_grpc
from trueline.v1 import rule_service_pb2 as pb
from trueline_rules.stopping import Stopped

from trueline_server.backtests.calls import BacktestCalls
from trueline_server.decisions.calls import DecisionCalls
from trueline_server.rules.drafts import Draft
from trueline_server.rules.explaining import DECISIONS, map_row_to_proto
from trueline_server.rules.life_calls import LifeCalls
from trueline_server.rules.mapping import ANSWER_BYTES, map_checked_to_proto, map_rule_to_proto, map_tested_to_proto
from trueline_server.rules.service import DECISIONS as BY_RANK
from trueline_server.rules.service import Decided, RuleService
from trueline_server.rules.values import map_value_from_proto
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import instant_in, timestamp_if, timestamp_of
from trueline_server.transport.tokens import Tokens, binding_of

# Loading and testing rule files is plain Python for as long as it takes, which ingestion shares the machine with.
_DRAFTS_AT_ONCE = 1
_EVALUATED_AT_ONCE = 2

Answer = TypeVar("Answer")


class RuleServicer(rule_service_pb2_grpc.RuleServiceServicer):
    """All calls; those about the life of rule sets and about the decision log are done by others."""

    def __init__(
        self,
        service: RuleService,
        life: LifeCalls,
        decisions: DecisionCalls,
        tokens: Tokens,
        *,
        backtests: BacktestCalls,
    ) -> None:
        self._service = service
        self._backtests = backtests
        self._life = life
        self._decisions = decisions
        self._tokens = tokens
        self._drafts = asyncio.Semaphore(_DRAFTS_AT_ONCE)
        self._evaluating = asyncio.Semaphore(_EVALUATED_AT_ONCE)

    async def ListRules(self, request: pb.ListRulesRequest, context: Any) -> pb.ListRulesResponse:
        """Documents by kind and name."""
        return await self._life.list_rules(request)

    async def GetRule(self, request: pb.GetRuleRequest, context: Any) -> pb.GetRuleResponse:
        """What a document says."""
        return await self._life.get_rule(request)

    async def ActivateRules(self, request: pb.ActivateRulesRequest, context: Any) -> pb.ActivateRulesResponse:
        """Rules into force, or into the shadow."""
        return await self._life.activate(request)

    async def RollbackRules(self, request: pb.RollbackRulesRequest, context: Any) -> pb.RollbackRulesResponse:
        """Back to a former revision."""
        return await self._life.rollback(request)

    async def EndShadow(self, request: pb.EndShadowRequest, context: Any) -> pb.EndShadowResponse:
        """The shadow ends."""
        return await self._life.end_shadow(request)

    async def ListRevisions(self, request: pb.ListRevisionsRequest, context: Any) -> pb.ListRevisionsResponse:
        """Rule sets that are kept."""
        return await self._life.list_revisions(request)

    async def GetRevision(self, request: pb.GetRevisionRequest, context: Any) -> pb.GetRevisionResponse:
        """What a rule set consists of."""
        return await self._life.get_revision(request)

    async def WatchRules(self, request: pb.WatchRulesRequest, context: Any) -> None:  # type: ignore[override]
        """Writes to the context and yields nothing: a reader that blocks a `yield` could not be cut."""
        await self._life.watch(request, context.write)

    async def ListShadowDifferences(
        self, request: pb.ListShadowDifferencesRequest, context: Any
    ) -> pb.ListShadowDifferencesResponse:
        """Where the shadow decides otherwise."""
        return await self._decisions.list_differences(request)

    async def ListDecisions(self, request: pb.ListDecisionsRequest, context: Any) -> pb.ListDecisionsResponse:
        """The decision log."""
        return await self._decisions.list_decisions(request)

    async def ExplainDecision(self, request: pb.ExplainDecisionRequest, context: Any) -> pb.ExplainDecisionResponse:
        """A decision, replayed."""
        return await self._decisions.explain(request)

    async def BacktestRules(self, request: pb.BacktestRulesRequest, context: Any) -> pb.BacktestRulesResponse:
        """What rules would have done, as an operation."""
        return await self._backtests.begin(request)

    async def DiffRules(self, request: pb.DiffRulesRequest, context: Any) -> pb.DiffRulesResponse:
        """What a change of rules means."""
        return await self._backtests.diff(request)

    async def SimulateRules(self, request: pb.SimulateRulesRequest, context: Any) -> pb.SimulateRulesResponse:
        """Who would have been told of what, as an operation."""
        return await self._backtests.begin_simulation(request)

    async def ListAlertRules(self, request: pb.ListAlertRulesRequest, context: Any) -> pb.ListAlertRulesResponse:
        """Rules by name; the token of a page is the last name on it."""
        binding = binding_of(request, "page_size", "page_token")
        after = self._tokens.open(binding, request.page_token, "page_token") if request.page_token else ""
        size = min(request.page_size or 100, 1000)
        rules = self._service.in_force(current_tenant())
        names = [name for name in sorted(rules.alert_rules) if name > after]
        response, room = pb.ListAlertRulesResponse(rule_revision=rules.revision), ANSWER_BYTES
        for number, name in enumerate(names[:size]):
            message = map_rule_to_proto(rules.alert_rules[name], rules)
            room -= message.ByteSize() + 8
            if room < 0 and number:
                break
            response.rules.append(message)
        if len(response.rules) < len(names):
            response.next_page_token = self._tokens.seal(binding, response.rules[-1].name)
        return response

    async def CheckRules(self, request: pb.CheckRulesRequest, context: Any) -> pb.CheckRulesResponse:
        """Whether files load, and what is most likely a mistake in them."""
        return map_checked_to_proto(await self._try(self._service.check, _draft(request)))

    async def TestRules(self, request: pb.TestRulesRequest, context: Any) -> pb.TestRulesResponse:
        """The outcomes of the tests in files."""
        return map_tested_to_proto(await self._try(self._service.test, _draft(request)))

    async def _try(self, work: Callable[[Draft, Stopped], Answer], draft: Draft) -> Answer:
        gone = threading.Event()
        async with self._drafts:
            try:
                return await asyncio.to_thread(work, draft, gone.is_set)
            finally:
                # A caller that has left takes the work along; the next draft waits for it no longer than a rule takes.
                gone.set()

    async def EvaluateRule(self, request: pb.EvaluateRuleRequest, context: Any) -> pb.EvaluateRuleResponse:
        """What a rule decides about values and live facts."""
        given = {name: map_value_from_proto(value, f"values[{name}]") for name, value in request.values.items()}
        at_us = instant_in(request, "at")
        limit = min(request.row_limit or 100, 1000)
        gone = threading.Event()
        async with self._evaluating:
            try:
                decided = await asyncio.to_thread(
                    self._service.evaluate,
                    current_tenant(),
                    request.rule,
                    given,
                    at_us,
                    row_limit=limit,
                    stopped=gone.is_set,
                )
            finally:
                # A caller that has left takes its evaluation along, after the read at hand.
                gone.set()
        return _map_decided(decided)


def _draft(request: pb.CheckRulesRequest | pb.TestRulesRequest) -> Draft:
    return Draft(tuple((file.name, file.text) for file in request.files), request.mapping)


def _map_decided(decided: Decided) -> pb.EvaluateRuleResponse:
    """As many rows as fit; the first is there whatever its size."""
    response = pb.EvaluateRuleResponse(
        rule=decided.rule,
        decision=DECISIONS[decided.decision],
        rule_revision=decided.revision,
        at=timestamp_of(decided.at_us),
        watermark=timestamp_if(decided.watermark_us),
        total_rows=decided.total_rows,
        notes=decided.notes,
        counts=decision_pb2.DecisionCounts(**dict(zip(BY_RANK, decided.counts, strict=True))),
        pushed_down=decided.pushed_down,
        pushdown_note=decided.pushdown_note,
        decision_id=decided.decision_id,
    )
    room = ANSWER_BYTES
    for number, row in enumerate(decided.rows):
        message = map_row_to_proto(row)
        room -= message.ByteSize() + 8
        if room < 0 and number:
            break
        response.rows.append(message)
    return response
