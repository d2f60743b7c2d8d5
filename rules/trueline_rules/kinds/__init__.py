"""The kinds of rule documents, by name. A further kind is one more module with a KIND, and one more line here."""

from __future__ import annotations

from collections.abc import Mapping

from trueline_rules.kinds import (
    alert_rule,
    attribution_model,
    checkpoint_policy,
    churn_model,
    compliance_framework,
    control_mapping,
    escalation_policy,
    event_mapping,
    fact_type,
    inhibition,
    kpi,
    maintenance,
    metric,
    notification_channel,
    on_call_schedule,
    privacy_profile,
    route,
    rule_test,
    schedule,
    scorecard,
    scoring_profile,
    silence,
    study,
)
from trueline_rules.kinds.kind import Kind, Known

MODULES = (
    fact_type,
    event_mapping,
    metric,
    kpi,
    scorecard,
    alert_rule,
    rule_test,
    escalation_policy,
    on_call_schedule,
    checkpoint_policy,
    attribution_model,
    churn_model,
    compliance_framework,
    control_mapping,
    privacy_profile,
    scoring_profile,
    study,
    schedule,
    route,
    inhibition,
    silence,
    maintenance,
    notification_channel,
)
KINDS: Mapping[str, Kind] = {module.KIND.name: module.KIND for module in MODULES}

__all__ = ["KINDS", "Kind", "Known"]
