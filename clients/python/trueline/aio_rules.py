"""The methods of the async client that are about rules and decisions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from datetime import datetime

from trueline import rule_calls, watching
from trueline.backtests import RuleSource
from trueline.calls import Answer, Call
from trueline.decisions import DecisionExplanation, DecisionKind, LoggedDecision, ShadowDifferences
from trueline.differences import RulesDifference
from trueline.rule_results import AlertRules, RuleCheck, RuleDecision, RuleTestReport
from trueline.rule_sets import (
    Activation,
    RuleDocuments,
    RuleRevisionContent,
    RuleRevisions,
    RulesMessage,
    RuleStage,
    RuleText,
)


class AsyncRuleMethods:
    """Calls of the RuleService, over the calls of the client that has them."""

    async def _call(self, call: Call[Answer], timeout: float | None) -> Answer:
        raise NotImplementedError

    def _watch(
        self, watch: watching.Watch[watching.Read], give_up_after: float, on_wait: watching.OnWait
    ) -> AsyncGenerator[watching.Read, None]:
        raise NotImplementedError

    async def list_rules(self, kind: str = "", *, revision: str = "", timeout: float | None = None) -> RuleDocuments:
        """See `TruelineClient.list_rules`."""
        return await self._call(rule_calls.list_rules(kind, revision), timeout)

    async def get_rule(self, kind: str, name: str, *, revision: str = "", timeout: float | None = None) -> RuleText:
        """See `TruelineClient.get_rule`."""
        return await self._call(rule_calls.get_rule(kind, name, revision), timeout)

    async def alert_rules(self, *, page_size: int = 0, timeout: float | None = None) -> AlertRules:
        """See `TruelineClient.alert_rules`."""
        return await self._call(rule_calls.alert_rules(page_size), timeout)

    async def check_rules(
        self, files: Mapping[str, str] | None = None, *, mapping: str = "", timeout: float | None = None
    ) -> RuleCheck:
        """See `TruelineClient.check_rules`."""
        return await self._call(rule_calls.check_rules(files or {}, mapping), timeout)

    async def test_rules(
        self, files: Mapping[str, str] | None = None, *, mapping: str = "", timeout: float | None = None
    ) -> RuleTestReport:
        """See `TruelineClient.test_rules`."""
        return await self._call(rule_calls.test_rules(files or {}, mapping), timeout)

    async def evaluate_rule(
        self,
        rule: str,
        values: Mapping[str, object] | None = None,
        *,
        at: datetime | None = None,
        row_limit: int = 0,
        timeout: float | None = None,
    ) -> RuleDecision:
        """See `TruelineClient.evaluate_rule`."""
        return await self._call(rule_calls.evaluate_rule(rule, values, at, row_limit), timeout)

    async def diff_rules(
        self, before: RuleSource | None = None, after: RuleSource | None = None, *, timeout: float | None = None
    ) -> RulesDifference:
        """See `TruelineClient.diff_rules`."""
        call = rule_calls.diff_rules(before or RuleSource(), after or RuleSource())
        return await self._call(call, timeout)

    async def activate_rules(
        self,
        files: Mapping[str, str] | None = None,
        *,
        revision: str = "",
        base_alone: bool = False,
        stage: RuleStage = RuleStage.ACTIVE,
        etag: str = "",
        validate_only: bool = False,
        author: str = "",
        note: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> Activation:
        """See `TruelineClient.activate_rules`."""
        call = rule_calls.activate_rules(
            files,
            revision=revision,
            base_alone=base_alone,
            stage=stage,
            etag=etag,
            validate_only=validate_only,
            author=author,
            note=note,
            request_id=request_id,
        )
        return await self._call(call, timeout)

    async def rollback_rules(
        self,
        revision: str = "",
        *,
        etag: str = "",
        author: str = "",
        note: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> Activation:
        """See `TruelineClient.rollback_rules`."""
        return await self._call(rule_calls.rollback_rules(revision, etag, author, note, request_id), timeout)

    async def end_shadow(
        self, *, etag: str = "", author: str = "", note: str = "", timeout: float | None = None
    ) -> Activation:
        """See `TruelineClient.end_shadow`."""
        return await self._call(rule_calls.end_shadow(etag, author, note), timeout)

    async def rule_revisions(self, *, limit: int = 0, timeout: float | None = None) -> RuleRevisions:
        """See `TruelineClient.rule_revisions`."""
        return await self._call(rule_calls.rule_revisions(limit), timeout)

    async def rule_revision(self, revision: str = "", *, timeout: float | None = None) -> RuleRevisionContent:
        """See `TruelineClient.rule_revision`."""
        return await self._call(rule_calls.rule_revision(revision), timeout)

    async def shadow_differences(
        self,
        rule: str = "",
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 100,
        timeout: float | None = None,
    ) -> ShadowDifferences:
        """See `TruelineClient.shadow_differences`."""
        return await self._call(rule_calls.shadow_differences(rule, start, end, limit), timeout)

    def watch_rules(
        self,
        *,
        resume_token: str = "",
        heartbeat: float = 10.0,
        give_up_after: float = 120.0,
        on_wait: watching.OnWait = None,
    ) -> AsyncGenerator[RulesMessage, None]:
        """See `TruelineClient.watch_rules`."""
        return self._watch(watching.rules_watch(resume_token, heartbeat), give_up_after, on_wait)

    async def list_decisions(
        self,
        rule: str = "",
        *,
        kind: DecisionKind | str = "",
        labels: Mapping[str, str] | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 100,
        timeout: float | None = None,
    ) -> tuple[LoggedDecision, ...]:
        """See `TruelineClient.list_decisions`."""
        call = rule_calls.list_decisions(rule, kind=kind, labels=labels, start=start, end=end, limit=limit)
        return await self._call(call, timeout)

    async def explain_decision(self, decision_id: str, *, timeout: float | None = None) -> DecisionExplanation:
        """See `TruelineClient.explain_decision`."""
        return await self._call(rule_calls.explain_decision(decision_id), timeout)
