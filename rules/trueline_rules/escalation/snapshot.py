"""Policies as cases keep them: plain values that stay what they were when the rule files change."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from functools import lru_cache
from typing import Any

from trueline_rules.escalation_model import (
    BusinessHours,
    CaseKind,
    EscalationPolicy,
    Inform,
    Level,
    PostMortem,
    Reaches,
    Target,
    Targets,
)
from trueline_rules.model import Metadata

# Policies in use: each case of a burst has an equal one, which is read once.
_REMEMBERED = 256


def snapshot(policy: EscalationPolicy) -> dict[str, Any]:
    """Write a policy in plain values that JSON can hold: its name and what it does, not for whom it is."""
    written = asdict(replace(policy, match=None))
    for name in ("metadata", "match", "order"):
        del written[name]
    plain: dict[str, Any] = json.loads(json.dumps({"name": policy.metadata.name, **written}))
    return plain


def policy_of(kept: Mapping[str, Any]) -> EscalationPolicy:
    """Read what `snapshot` wrote."""
    return _read(json.dumps(kept, sort_keys=True))


@lru_cache(maxsize=_REMEMBERED)
def _read(text: str) -> EscalationPolicy:
    kept = json.loads(text)
    hours, targets = kept["hours"], kept["targets"]
    return EscalationPolicy(
        metadata=Metadata(kept["name"]),
        levels=tuple(_level(level) for level in kept["levels"]),
        rounds=kept["rounds"],
        round_after_us=kept["round_after_us"],
        acknowledge_timeout_us=kept["acknowledge_timeout_us"],
        hours=None if hours is None else _hours(hours),
        targets=Targets(
            **targets
            | {
                "post_mortem": PostMortem(targets["post_mortem"]),
                "inform": tuple(Inform(**inform) for inform in targets["inform"]),
                "assumed": tuple(targets["assumed"]),
            }
        ),
        case=CaseKind(kept["case"]),
        basis=kept["basis"],
    )


def _level(kept: Mapping[str, Any]) -> Level:
    notify = tuple(Target(Reaches(found["kind"]), found["name"], found.get("every", False)) for found in kept["notify"])
    return Level(**{**kept, "notify": notify})


def _hours(kept: Mapping[str, Any]) -> BusinessHours:
    return BusinessHours(**{**kept, "weekdays": tuple(kept["weekdays"]), "holidays": tuple(kept["holidays"])})
