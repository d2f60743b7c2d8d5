"""The methods of the sync client that are about rules and decisions."""

from __future__ import annotations

from collections.abc import Generator, Mapping
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


class RuleMethods:
    """Calls of the RuleService, over the calls of the client that has them."""

    def _call(self, call: Call[Answer], timeout: float | None) -> Answer:
        raise NotImplementedError

    def _watch(
        self, watch: watching.Watch[watching.Read], give_up_after: float, on_wait: watching.OnWait
    ) -> Generator[watching.Read, None, None]:
        raise NotImplementedError

    def list_rules(self, kind: str = "", *, revision: str = "", timeout: float | None = None) -> RuleDocuments:
        """The documents in force, by kind and name: of one kind ("AlertRule", "Kpi", …) or of all.

        Args:
            kind: "" = all.
            revision: of a rule set that is kept; "" = the active one.
            timeout: seconds for each page.

        """
        return self._call(rule_calls.list_rules(kind, revision), timeout)

    def get_rule(self, kind: str, name: str, *, revision: str = "", timeout: float | None = None) -> RuleText:
        """A document as YAML, where it comes from, and where it stands; of the active rule set, or of a revision."""
        return self._call(rule_calls.get_rule(kind, name, revision), timeout)

    def alert_rules(self, *, page_size: int = 0, timeout: float | None = None) -> AlertRules:
        """The alert rules in force, by name."""
        return self._call(rule_calls.alert_rules(page_size), timeout)

    def check_rules(
        self, files: Mapping[str, str] | None = None, *, mapping: str = "", timeout: float | None = None
    ) -> RuleCheck:
        """What is wrong with rule files on top of the default pack: problems, and what is most likely a mistake.

        Args:
            files: name -> text, in the order in which they are loaded; files that do not load are no error here.
            mapping: name of the event mapping in force; "" = the one loaded last.
            timeout: seconds.

        """
        return self._call(rule_calls.check_rules(files or {}, mapping), timeout)

    def test_rules(
        self, files: Mapping[str, str] | None = None, *, mapping: str = "", timeout: float | None = None
    ) -> RuleTestReport:
        """Run the tests in rule files and in the default pack; arguments are those of `check_rules`."""
        return self._call(rule_calls.test_rules(files or {}, mapping), timeout)

    def evaluate_rule(
        self,
        rule: str,
        values: Mapping[str, object] | None = None,
        *,
        at: datetime | None = None,
        row_limit: int = 0,
        timeout: float | None = None,
    ) -> RuleDecision:
        """What a rule in force decides, and why.

        Args:
            rule: its name.
            values: fact -> number, text, bool, aware datetime, Decimal, texts, or None = missing; those that are not
                given are read live. Facts that were put in about a million subjects are judged within seconds.
            at: the instant judged; None = now (or the end of the data, if nothing is live).
            row_limit: most label sets answered, the worst first; 0 = 100.
            timeout: seconds.

        """
        return self._call(rule_calls.evaluate_rule(rule, values, at, row_limit), timeout)

    def diff_rules(
        self, before: RuleSource | None = None, after: RuleSource | None = None, *, timeout: float | None = None
    ) -> RulesDifference:
        """What a change of rules means, by document: order, layout and how a condition is written do not count.

        Args:
            before: the rules before; None = those in force.
            after: the rules after; None = those in force.
            timeout: seconds.

        Raises:
            PreconditionError: one of them does not load.

        """
        call = rule_calls.diff_rules(before or RuleSource(), after or RuleSource())
        return self._call(call, timeout)

    def activate_rules(
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
        """Put rules into force, or into the shadow. It replaces all that was activated before.

        Args:
            files: name -> text, on top of the default pack and the operator's files, in this order.
            revision: instead of files: a rule set that is kept, e.g. the one in the shadow.
            base_alone: instead of files: the default pack and the operator's files, nothing else.
            stage: where to.
            etag: of the stage as it was seen (`rule_revisions`); "" = whatever it is.
            validate_only: only say what would happen; `problems` says what keeps the rules from loading.
            author: who does it.
            note: why.
            request_id: the same for the same change, however often it is called; "" = a new one.
            timeout: seconds.

        Raises:
            PreconditionError: the rules do not load (`violations` has the first problems); nothing was changed.
            EtagMismatchError: somebody else changed the stage; nothing was changed.

        """
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
        return self._call(call, timeout)

    def rollback_rules(
        self,
        revision: str = "",
        *,
        etag: str = "",
        author: str = "",
        note: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> Activation:
        """Go back to a revision that is kept, by default to the one that was active before.

        Arguments and errors are those of `activate_rules`.
        """
        return self._call(rule_calls.rollback_rules(revision, etag, author, note, request_id), timeout)

    def end_shadow(
        self, *, etag: str = "", author: str = "", note: str = "", timeout: float | None = None
    ) -> Activation:
        """End the shadow; without one it changes nothing."""
        return self._call(rule_calls.end_shadow(etag, author, note), timeout)

    def rule_revisions(self, *, limit: int = 0, timeout: float | None = None) -> RuleRevisions:
        """The rule sets that are kept, the newest first, and what is in force; `limit` 0 = all."""
        return self._call(rule_calls.rule_revisions(limit), timeout)

    def rule_revision(self, revision: str = "", *, timeout: float | None = None) -> RuleRevisionContent:
        """What a rule set that is kept consists of; "" = the active one."""
        return self._call(rule_calls.rule_revision(revision), timeout)

    def shadow_differences(
        self,
        rule: str = "",
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        limit: int = 100,
        timeout: float | None = None,
    ) -> ShadowDifferences:
        """Where the shadow decides otherwise than the active rules, the newest first, with counts by rule.

        Args:
            rule: only of this rule; "" = of all.
            start: only at or after it; None = since the shadow began.
            end: only before it; None = to the newest.
            limit: at most so many; 0 = all.
            timeout: seconds for each page.

        """
        return self._call(rule_calls.shadow_differences(rule, start, end, limit), timeout)

    def watch_rules(
        self,
        *,
        resume_token: str = "",
        heartbeat: float = 10.0,
        give_up_after: float = 120.0,
        on_wait: watching.OnWait = None,
    ) -> Generator[RulesMessage, None, None]:
        """What is in force, `Synced`, then each change of the rules; see `watch_metrics`.

        After a reconnect come the changes that were missed and `Synced`, without a snapshot: each change comes once.
        """
        return self._watch(watching.rules_watch(resume_token, heartbeat), give_up_after, on_wait)

    def list_decisions(
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
        """Decisions in the log, by the instant judged, the newest first.

        Args:
            rule: only of this rule; "" = of all.
            kind: only of this kind; "" = of all.
            labels: only of label sets that have these.
            start: only about instants at or after it.
            end: only about instants before it.
            limit: at most so many; 0 = all.
            timeout: seconds for each page.

        """
        call = rule_calls.list_decisions(rule, kind=kind, labels=labels, start=start, end=end, limit=limit)
        return self._call(call, timeout)

    def explain_decision(self, decision_id: str, *, timeout: float | None = None) -> DecisionExplanation:
        """Replay a logged decision: the facts of then, judged by the rules of then."""
        return self._call(rule_calls.explain_decision(decision_id), timeout)
