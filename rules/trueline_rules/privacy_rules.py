"""From a profile of privacy to what judges by it: its conditions compiled against what a call tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trueline_rules.compliance_rules import FactSet, compile_condition, compile_known, fact_set
from trueline_rules.expressions import Expression, Fact
from trueline_rules.expressions import FactType as Type
from trueline_rules.privacy_model import PrivacyProfile, PrivacyScope


def _facts(**types: Type) -> dict[str, Fact]:
    return {name: Fact(name, kind) for name, kind in types.items()}


_ANY = _facts(people=Type.NUMBER, automated_decisions=Type.BOOL, measures=Type.TEXTS)
_OF_DATA = _facts(sensitivity=Type.NUMBER, category=Type.TEXT, legal_basis=Type.TEXT, purpose=Type.TEXT)

# What conditions may read; a fact that a call does not tell is missing.
READABLE: Mapping[PrivacyScope, FactSet] = {
    PrivacyScope.DATA: fact_set(
        _ANY
        | _OF_DATA
        | _facts(
            data_type=Type.TEXT,
            retention_days=Type.NUMBER,
            retention_limit_days=Type.NUMBER,
            within_retention=Type.BOOL,
            consent_recorded=Type.BOOL,
            encrypted=Type.BOOL,
            recipients=Type.NUMBER,
            third_country=Type.BOOL,
            safeguarded=Type.BOOL,
        )
    ),
    PrivacyScope.SHARING: fact_set(
        _ANY
        | _OF_DATA
        | _facts(
            data_type=Type.TEXT,
            recipient=Type.TEXT,
            country=Type.TEXT,
            third_country=Type.BOOL,
            safeguard=Type.TEXT,
            safeguarded=Type.BOOL,
            contract=Type.BOOL,
        )
    ),
    PrivacyScope.PROCESSING: fact_set(
        _ANY
        | _facts(
            sensitivity=Type.NUMBER,
            data_types=Type.TEXTS,
            categories=Type.TEXTS,
            legal_bases=Type.TEXTS,
            recipients=Type.NUMBER,
            third_country=Type.BOOL,
        )
    ),
}

# When a full assessment is required may depend on the highest risk before measures, too: 1 (low) to 4 (very high).
OF_NEEDS: FactSet = fact_set({**READABLE[PrivacyScope.PROCESSING], **_facts(risk=Type.NUMBER)})


@dataclass(frozen=True, slots=True)
class CompiledProfile:
    """A profile that can be judged by; conditions stand in the order of what they belong to, rights by name."""

    profile: PrivacyProfile
    checks: tuple[Expression, ...]
    factors: tuple[Expression, ...]
    needs: tuple[Expression, ...]
    rights: Mapping[str, Expression]


def compile_profile(profile: PrivacyProfile) -> CompiledProfile:
    """Compile all conditions of a profile that was checked.

    Raises:
        ExpressionError: a condition does not compile.

    """
    processing = READABLE[PrivacyScope.PROCESSING]
    return CompiledProfile(
        profile,
        tuple(compile_known(check.rule, READABLE[check.of]) for check in profile.checks),
        tuple(compile_condition(factor.when, READABLE[PrivacyScope.DATA]) for factor in profile.factors),
        tuple(compile_condition(need.when, OF_NEEDS) for need in profile.needs),
        {name: compile_condition(right.applies, processing) for name, right in profile.rights.items() if right.applies},
    )
