"""Each call of the RuleService as a value; see `trueline.calls`."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import uuid4

from trueline import decisions, mapping, rule_mapping, rule_sets
from trueline.backtests import RuleSource, source_to_proto
from trueline.calls import Call, built
from trueline.decisions import DecisionExplanation, DecisionKind, LoggedDecision, ShadowDifferences
from trueline.differences import RulesDifference, rules_difference
from trueline.rule_results import AlertRules, RuleCheck, RuleDecision, RuleTestReport
from trueline.rule_sets import (
    Activation,
    RuleDocuments,
    RuleRevisionContent,
    RuleRevisions,
    RuleStage,
    RuleText,
)
from trueline.v1 import rule_service_pb2 as pb
from trueline.v1 import rule_set_pb2

_SERVICE = "RuleService"
_PAGE = 1_000


@built
def list_rules(kind: str, revision: str) -> Call[RuleDocuments]:
    """ListRules, all pages."""
    request = pb.ListRulesRequest(kind=kind, revision=revision, page_size=_PAGE)
    return Call(_SERVICE, "ListRules", request, rule_sets.rule_documents, paged=True)


@built
def get_rule(kind: str, name: str, revision: str) -> Call[RuleText]:
    """GetRule."""
    request = pb.GetRuleRequest(kind=kind, name=name, revision=revision)
    return Call(_SERVICE, "GetRule", request, lambda answers: rule_sets.rule_text(answers[0]))


@built
def alert_rules(page_size: int) -> Call[AlertRules]:
    """ListAlertRules, all pages."""
    request = pb.ListAlertRulesRequest(page_size=page_size)
    return Call(_SERVICE, "ListAlertRules", request, rule_mapping.alert_rules, paged=True)


@built
def check_rules(files: Mapping[str, str], mapping_name: str) -> Call[RuleCheck]:
    """CheckRules."""
    request = pb.CheckRulesRequest(files=_files(files), mapping=mapping_name)
    return Call(_SERVICE, "CheckRules", request, lambda answers: rule_mapping.rule_check(answers[0]))


@built
def test_rules(files: Mapping[str, str], mapping_name: str) -> Call[RuleTestReport]:
    """TestRules."""
    request = pb.TestRulesRequest(files=_files(files), mapping=mapping_name)
    return Call(_SERVICE, "TestRules", request, lambda answers: rule_mapping.rule_test_report(answers[0]))


@built
def evaluate_rule(
    rule: str, values: Mapping[str, object] | None, at: datetime | None, row_limit: int
) -> Call[RuleDecision]:
    """EvaluateRule."""
    request = pb.EvaluateRuleRequest(
        rule=rule,
        values={name: rule_mapping.fact_value_to_proto(value) for name, value in (values or {}).items()},
        at=mapping.timestamp(at),
        row_limit=row_limit,
    )
    return Call(_SERVICE, "EvaluateRule", request, lambda answers: rule_mapping.rule_decision(answers[0]))


@built
def diff_rules(before: RuleSource, after: RuleSource) -> Call[RulesDifference]:
    """DiffRules."""
    request = pb.DiffRulesRequest(before=source_to_proto(before), after=source_to_proto(after))
    return Call(_SERVICE, "DiffRules", request, lambda answers: rules_difference(answers[0]))


@built
def activate_rules(
    files: Mapping[str, str] | None,
    *,
    revision: str,
    base_alone: bool,
    stage: RuleStage,
    etag: str,
    validate_only: bool,
    author: str,
    note: str,
    request_id: str,
) -> Call[Activation]:
    """ActivateRules with files, a revision, or the base alone."""
    if (files is not None) + bool(revision) + base_alone != 1:
        raise ValueError("give exactly one of files, a revision, and base_alone=True")
    request = pb.ActivateRulesRequest(
        stage=rule_sets.stage_to_proto(stage),
        etag=etag,
        validate_only=validate_only,
        request_id=request_id or uuid4().hex,
        author=author,
        note=note,
    )
    if files is not None:
        request.files.SetInParent()
        request.files.files.extend(_files(files))
    elif revision:
        request.revision = revision
    else:
        request.base_alone = True
    return Call(_SERVICE, "ActivateRules", request, lambda answers: rule_sets.activation(answers[0]))


@built
def rollback_rules(revision: str, etag: str, author: str, note: str, request_id: str) -> Call[Activation]:
    """RollbackRules."""
    request = pb.RollbackRulesRequest(
        revision=revision, etag=etag, author=author, note=note, request_id=request_id or uuid4().hex
    )
    return Call(_SERVICE, "RollbackRules", request, lambda answers: rule_sets.rollback(answers[0]))


@built
def end_shadow(etag: str, author: str, note: str) -> Call[Activation]:
    """EndShadow."""
    request = pb.EndShadowRequest(etag=etag, author=author, note=note)
    return Call(_SERVICE, "EndShadow", request, lambda answers: rule_sets.shadow_end(answers[0]))


@built
def rule_revisions(limit: int) -> Call[RuleRevisions]:
    """ListRevisions, as many pages as it takes."""
    request = pb.ListRevisionsRequest(page_size=_page(limit))
    return Call(_SERVICE, "ListRevisions", request, rule_sets.rule_revisions, paged=True, items="revisions", most=limit)


@built
def rule_revision(revision: str) -> Call[RuleRevisionContent]:
    """GetRevision."""
    request = pb.GetRevisionRequest(revision=revision)
    return Call(_SERVICE, "GetRevision", request, lambda answers: rule_sets.rule_revision_content(answers[0]))


@built
def shadow_differences(rule: str, start: datetime | None, end: datetime | None, limit: int) -> Call[ShadowDifferences]:
    """ListShadowDifferences, as many pages as it takes."""
    request = pb.ListShadowDifferencesRequest(
        rule=rule, start_time=mapping.timestamp(start), end_time=mapping.timestamp(end), page_size=_page(limit)
    )
    read = decisions.shadow_differences
    return Call(_SERVICE, "ListShadowDifferences", request, read, paged=True, items="differences", most=limit)


@built
def list_decisions(
    rule: str,
    *,
    kind: DecisionKind | str,
    labels: Mapping[str, str] | None,
    start: datetime | None,
    end: datetime | None,
    limit: int,
) -> Call[tuple[LoggedDecision, ...]]:
    """ListDecisions, as many pages as it takes."""
    request = pb.ListDecisionsRequest(
        rule=rule,
        kind=decisions.kind_to_proto(kind),
        labels=labels,
        start_time=mapping.timestamp(start),
        end_time=mapping.timestamp(end),
        page_size=_page(limit),
    )
    return Call(_SERVICE, "ListDecisions", request, decisions.decisions, paged=True, items="decisions", most=limit)


@built
def explain_decision(decision_id: str) -> Call[DecisionExplanation]:
    """ExplainDecision."""
    request = pb.ExplainDecisionRequest(id=decision_id)
    return Call(_SERVICE, "ExplainDecision", request, lambda answers: decisions.decision_explanation(answers[0]))


def _files(files: Mapping[str, str]) -> list[rule_set_pb2.RuleFile]:
    return [rule_set_pb2.RuleFile(name=name, text=text) for name, text in files.items()]


def _page(limit: int) -> int:
    if limit < 0:
        raise ValueError(f"limit is {limit}; give how many are wanted, or 0 for all")
    return min(limit, _PAGE) if limit else _PAGE
