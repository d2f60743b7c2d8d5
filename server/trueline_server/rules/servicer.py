"""The RuleService over the wire: pages, and work on threads, little of it at once."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from trueline.v1 import rule_service_pb2 as pb
from trueline.v1 import rule_service_pb2_grpc

from trueline_server.rules.drafts import Draft
from trueline_server.rules.explaining import DECISIONS, map_row_to_proto
from trueline_server.rules.mapping import ANSWER_BYTES, map_checked_to_proto, map_rule_to_proto, map_tested_to_proto
from trueline_server.rules.service import Decided, RuleService
from trueline_server.rules.values import map_value_from_proto
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import microseconds_of, timestamp_of
from trueline_server.transport.tokens import Tokens, binding_of

# Loading and testing rule files is plain Python for as long as it takes, which ingestion shares the machine with.
_DRAFTS_AT_ONCE = 1
_EVALUATED_AT_ONCE = 2


class RuleServicer(rule_service_pb2_grpc.RuleServiceServicer):
    """ListAlertRules, CheckRules, TestRules, EvaluateRule."""

    def __init__(self, service: RuleService, tokens: Tokens) -> None:
        self._service = service
        self._tokens = tokens
        self._drafts = asyncio.Semaphore(_DRAFTS_AT_ONCE)
        self._evaluating = asyncio.Semaphore(_EVALUATED_AT_ONCE)

    async def ListAlertRules(self, request: pb.ListAlertRulesRequest, context: Any) -> pb.ListAlertRulesResponse:
        """Rules by name; the token of a page is the last name on it."""
        binding = binding_of(request, "page_size", "page_token")
        after = self._tokens.open(binding, request.page_token, "page_token") if request.page_token else ""
        size = min(request.page_size or 100, 1000)
        rules = self._service.in_force()
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
        async with self._drafts:
            return map_checked_to_proto(await asyncio.to_thread(self._service.check, _draft(request)))

    async def TestRules(self, request: pb.TestRulesRequest, context: Any) -> pb.TestRulesResponse:
        """The outcomes of the tests in files."""
        async with self._drafts:
            return map_tested_to_proto(await asyncio.to_thread(self._service.test, _draft(request)))

    async def EvaluateRule(self, request: pb.EvaluateRuleRequest, context: Any) -> pb.EvaluateRuleResponse:
        """What a rule decides about values and live facts."""
        given = {name: map_value_from_proto(value, f"values[{name}]") for name, value in request.values.items()}
        at_us = microseconds_of(request.at, "at") if request.HasField("at") else None
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
        watermark=None if decided.watermark_us is None else timestamp_of(decided.watermark_us),
        total_rows=decided.total_rows,
        notes=decided.notes,
    )
    room = ANSWER_BYTES
    for number, row in enumerate(decided.rows):
        message = map_row_to_proto(row)
        room -= message.ByteSize() + 8
        if room < 0 and number:
            break
        response.rows.append(message)
    return response
