"""The kinds of rule documents, by name. A further kind is one more module with a KIND, and one more line here."""

from __future__ import annotations

from collections.abc import Mapping

from trueline_rules.kinds import alert_rule, event_mapping, fact_type, kpi, metric, rule_test, scorecard
from trueline_rules.kinds.kind import Kind, Known

MODULES = (fact_type, event_mapping, metric, kpi, scorecard, alert_rule, rule_test)
KINDS: Mapping[str, Kind] = {module.KIND.name: module.KIND for module in MODULES}

__all__ = ["KINDS", "Kind", "Known"]
