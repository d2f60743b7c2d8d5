"""The kinds of rule documents, by name. A further kind is one more module with a KIND, and one more line here."""

from __future__ import annotations

from collections.abc import Mapping

from trueline_rules.kinds import event_mapping, kpi, metric, scorecard
from trueline_rules.kinds.kind import Kind, Known

KINDS: Mapping[str, Kind] = {module.KIND.name: module.KIND for module in (event_mapping, metric, kpi, scorecard)}

__all__ = ["KINDS", "Kind", "Known"]
