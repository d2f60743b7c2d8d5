"""Privacy impact assessment: what is done with personal data, judged by a profile. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from trueline_rules.compliance_model import ControlSeverity
from trueline_rules.expressions import Expression
from trueline_rules.expressions.finding import Find, undecided
from trueline_rules.privacy_model import RISK_LEVELS, PrivacyCheck, PrivacyProfile, PrivacyScope, Right
from trueline_rules.privacy_rules import CompiledProfile

Values = Mapping[str, object]

_SEVERITIES = list(ControlSeverity)
# What people call facts that are computed.
_TOLD = {
    "within_retention": "how long it is kept",
    "third_country": "the country",
    "safeguarded": "the safeguard",
    "encrypted": "whether it is encrypted",
    "people": "how many people are concerned",
    "automated_decisions": "whether it decides about people by itself",
}


class Support(StrEnum):
    """Whether a right is served."""

    SUPPORTED = "supported"
    NOT_SUPPORTED = "not_supported"
    UNKNOWN = "unknown"
    NOT_APPLICABLE = "not_applicable"


@dataclass(frozen=True, slots=True)
class Sharing:
    """Somebody whom data is given to; "" and None = not known, but of `safeguard` "" = there is none."""

    recipient: str
    country: str = ""
    safeguard: str = ""
    contract: bool | None = None


@dataclass(frozen=True, slots=True)
class DataUse:
    """What is done with a type of data; "" and None = not known."""

    data_type: str
    purpose: str = ""
    retention_days: float | None = None
    legal_basis: str = ""
    consent_recorded: bool | None = None
    shared_with: tuple[Sharing, ...] = ()
    encrypted: bool | None = None


@dataclass(frozen=True, slots=True)
class Processing:
    """All that is told of a processing of personal data.

    Attributes:
        data: what is done with which data.
        rights: right -> whether it is served, and how; those left out are not known.
        measures: that are taken.
        people: how many are concerned; None = not known.
        automated_decisions: whether it decides about people by itself; None = not known.

    """

    data: tuple[DataUse, ...]
    rights: Mapping[str, tuple[bool, str]]
    measures: frozenset[str] = frozenset()
    people: float | None = None
    automated_decisions: bool | None = None


@dataclass(frozen=True, slots=True)
class PrivacyFinding:
    """Something that is wrong, or not known, about a type of data, a right or "processing"."""

    about: str
    text: str
    severity: ControlSeverity
    reference: str
    mitigation: str
    unknown: bool


@dataclass(frozen=True, slots=True)
class DataRisk:
    """What a use of data came to; risks are 1 (low) to 4 (very high), before measures and after.

    Attributes:
        use: which.
        sensitivity: of its type.
        category: of its type.
        limit_days: how long it may be kept; None = there is no limit.
        risk, residual: before measures, and what is left; what is not known counts as if it made harm likely.
        certain: risk before measures if nothing that is not known made harm likely.
        unknown: facts that are not known and may make harm likely.
        why: what makes harm likely, for people.

    """

    use: DataUse
    sensitivity: int
    category: str
    limit_days: int | None
    risk: int
    residual: int
    certain: int
    unknown: tuple[str, ...]
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RightResult:
    """What a right came to."""

    name: str
    right: Right
    support: Support
    reason: str


@dataclass(frozen=True, slots=True)
class PrivacyReport:
    """A privacy impact assessment.

    Attributes:
        profile: by which it was made.
        processing: what was told.
        data, rights, findings: the parts; findings are the most severe first.
        required: whether the law asks for a full assessment, and why or why not.
        risk, residual: the highest of the uses; 0 = nothing is known of any.
        risk_reason: why, for people.

    """

    profile: PrivacyProfile
    processing: Processing
    data: tuple[DataRisk, ...]
    rights: tuple[RightResult, ...]
    findings: tuple[PrivacyFinding, ...]
    required: bool
    required_reason: str
    risk: int
    residual: int
    risk_reason: str

    @property
    def passed(self) -> bool:
        """Whether nothing is wrong and nothing that is needed is unknown."""
        return not self.findings

    @property
    def prior_consultation(self) -> bool:
        """Whether the authority must be asked before; False of a risk that is not known."""
        return self.residual >= self.profile.consultation


def assess_privacy(compiled: CompiledProfile, processing: Processing) -> PrivacyReport:
    """Judge a processing whose names the profile all has."""
    profile = compiled.profile
    whole = _of_processing(profile, processing)
    data = tuple(_risk(compiled, processing, use) for use in processing.data)
    rights = tuple(_right(compiled, name, processing, whole) for name in profile.rights)
    findings = [*_checked(compiled, processing, whole), *_of_rights(rights)]
    if not processing.data:
        told = "It is not said which data is processed."
        findings.append(PrivacyFinding("processing", told, ControlSeverity.CRITICAL, "", "List the data.", True))
    required, why, unknown = _need(compiled, whole, data)
    if unknown:
        findings.append(_not_ruled_out(unknown))
    findings.sort(key=lambda each: (-_SEVERITIES.index(each.severity), each.unknown))
    worst = max(data, key=lambda each: (each.residual, each.risk), default=None)
    return PrivacyReport(
        profile=profile,
        processing=processing,
        data=data,
        rights=rights,
        findings=tuple(findings),
        required=required,
        required_reason=why,
        risk=max((each.risk for each in data), default=0),
        residual=0 if worst is None else worst.residual,
        risk_reason=_risk_reason(profile, processing, worst),
    )


def _third_country(profile: PrivacyProfile, sharing: Sharing) -> bool | None:
    return sharing.country not in profile.countries if sharing.country else None


def _any(truths: Iterable[bool | None]) -> bool | None:
    """Kleene's `or`."""
    found = set(truths)
    return True if True in found else None if None in found else False


def _of_all(processing: Processing) -> dict[str, object]:
    return {
        "people": processing.people,
        "automated_decisions": processing.automated_decisions,
        "measures": processing.measures,
    }


def _of_use(profile: PrivacyProfile, processing: Processing, use: DataUse) -> dict[str, object]:
    data_type = profile.data_types[use.data_type]
    limit, kept = data_type.retention_days, use.retention_days
    third = [_third_country(profile, each) for each in use.shared_with]
    # Whether some transfer lacks a safeguard; of one whose country is not known nobody can say that it needs none.
    bare = [False if each.safeguard else _third_country(profile, each) for each in use.shared_with]
    lacking = _any(bare)
    return _of_all(processing) | {
        "data_type": use.data_type,
        "sensitivity": float(data_type.sensitivity),
        "category": data_type.category,
        "legal_basis": use.legal_basis or None,
        "purpose": use.purpose or None,
        "retention_days": kept,
        "retention_limit_days": None if limit is None else float(limit),
        "within_retention": True if limit is None else None if kept is None else kept <= limit,
        "consent_recorded": use.consent_recorded,
        "encrypted": use.encrypted,
        "recipients": float(len(use.shared_with)),
        "third_country": _any(third),
        "safeguarded": None if lacking is None else not lacking,
    }


def _of_sharing(profile: PrivacyProfile, of_use: Values, sharing: Sharing) -> dict[str, object]:
    of_sharing = {
        "recipient": sharing.recipient,
        "country": sharing.country or None,
        "third_country": _third_country(profile, sharing),
        "safeguard": sharing.safeguard,
        "safeguarded": bool(sharing.safeguard),
        "contract": sharing.contract,
    }
    return {**of_use, **of_sharing}


def _of_processing(profile: PrivacyProfile, processing: Processing) -> dict[str, object]:
    types = [profile.data_types[use.data_type] for use in processing.data]
    bases = {use.legal_basis for use in processing.data}
    shared = [sharing for use in processing.data for sharing in use.shared_with]
    return _of_all(processing) | {
        "sensitivity": float(max((each.sensitivity for each in types), default=0)) or None,
        "data_types": frozenset(use.data_type for use in processing.data) if types else None,
        "categories": frozenset(each.category for each in types) if types else None,
        # With one that is not known none can be ruled out.
        "legal_bases": frozenset(bases) if bases and "" not in bases else None,
        "recipients": float(len({sharing.recipient for sharing in shared})),
        "third_country": _any(_third_country(profile, sharing) for sharing in shared),
    }


def _checked(compiled: CompiledProfile, processing: Processing, whole: Values) -> Iterator[PrivacyFinding]:
    profile = compiled.profile
    for check, rule in zip(profile.checks, compiled.checks, strict=True):
        for about, added, values in _cases(profile, check.of, processing, whole):
            found = _finding(check, rule, about, added, values)
            if found is not None:
                yield found


def _cases(
    profile: PrivacyProfile, scope: PrivacyScope, processing: Processing, whole: Values
) -> Iterator[tuple[str, str, Values]]:
    """What a check looks at: what each is about, what is said beside it, and what is known of it."""
    if scope is PrivacyScope.PROCESSING:
        yield "processing", "", whole
        return
    for use in processing.data:
        of_use = _of_use(profile, processing, use)
        if scope is PrivacyScope.DATA:
            yield use.data_type, "", of_use
            continue
        for sharing in use.shared_with:
            where = sharing.country or "country not known"
            yield use.data_type, f" Recipient: {sharing.recipient} ({where}).", _of_sharing(profile, of_use, sharing)


def _finding(check: PrivacyCheck, rule: Expression, about: str, added: str, values: Values) -> PrivacyFinding | None:
    truth = rule.evaluate(values)
    if truth:
        return None
    text = check.text
    if truth is None:
        missing = undecided(Find(rule.text, rule.tree)(values))
        text = f"{check.text} This cannot be ruled out, as it is not known: {_shown(missing) or rule.text}."
    return PrivacyFinding(about, text + added, check.severity, check.reference, check.mitigation, truth is None)


def _right(compiled: CompiledProfile, name: str, processing: Processing, whole: Values) -> RightResult:
    right, applies = compiled.profile.rights[name], compiled.rights.get(name)
    if applies is not None and applies.evaluate(whole) is False:
        return RightResult(name, right, Support.NOT_APPLICABLE, f"it does not apply, as not ({applies.text})")
    given = processing.rights.get(name)
    if given is None:
        return RightResult(name, right, Support.UNKNOWN, "nobody said whether it is served")
    served, how = given
    if served:
        return RightResult(name, right, Support.SUPPORTED, how or "it is served")
    return RightResult(name, right, Support.NOT_SUPPORTED, how or "it is not served")


def _of_rights(rights: Iterable[RightResult]) -> Iterator[PrivacyFinding]:
    for found in rights:
        if found.support is Support.UNKNOWN:
            told = f"It is not said whether this right is served: {found.right.title}."
        elif found.support is Support.NOT_SUPPORTED:
            told = f"This right is not served: {found.right.title}."
        else:
            continue
        mitigation = f"Offer a way to use it, and answer within {found.right.answer_days} days."
        unknown = found.support is Support.UNKNOWN
        yield PrivacyFinding(found.name, told, found.right.severity, found.right.reference, mitigation, unknown)


def _risk(compiled: CompiledProfile, processing: Processing, use: DataUse) -> DataRisk:
    profile = compiled.profile
    values, data_type = _of_use(profile, processing, use), profile.data_types[use.data_type]
    likelihood, certain, unknown, why = 1, 1, list[str](), []
    for factor, condition in zip(profile.factors, compiled.factors, strict=True):
        truth = condition.evaluate(values)
        if truth is not False:
            likelihood += factor.adds
            certain += factor.adds if truth else 0
            unknown += () if truth else undecided(Find(condition.text, condition.tree)(values))
            why.append(factor.text if truth else f"it is not known whether {factor.text}")
    likelihood, certain = min(likelihood, len(RISK_LEVELS)), min(certain, len(RISK_LEVELS))
    taken = [profile.measures[name] for name in processing.measures]
    # Of several measures the strongest counts: they do not add up to no risk at all.
    milder = max((measure.severity for measure in taken), default=0)
    rarer = max((measure.likelihood for measure in taken), default=0)
    return DataRisk(
        use=use,
        sensitivity=data_type.sensitivity,
        category=data_type.category,
        limit_days=data_type.retention_days,
        risk=profile.matrix[data_type.sensitivity - 1][likelihood - 1],
        certain=profile.matrix[data_type.sensitivity - 1][certain - 1],
        unknown=tuple(dict.fromkeys(unknown)),
        residual=profile.matrix[max(data_type.sensitivity - milder, 1) - 1][max(likelihood - rarer, 1) - 1],
        why=tuple(why),
    )


def _risk_reason(profile: PrivacyProfile, processing: Processing, worst: DataRisk | None) -> str:
    if worst is None:
        return "it is not said which data is processed"
    level = RISK_LEVELS[worst.sensitivity - 1].replace("_", " ")
    told = "; ".join((f"{worst.use.data_type} is of {level} sensitivity", *worst.why))
    taken = [profile.measures[name].title for name in sorted(processing.measures)]
    if taken and worst.residual < worst.risk:
        told += f"; it is lowered, as {_joined(taken)}"
    return told


def _joined(parts: Sequence[str]) -> str:
    shown = [part[0].lower() + part[1:] for part in parts]
    return " and ".join(filter(None, (", ".join(shown[:-1]), shown[-1])))


def _need(compiled: CompiledProfile, whole: Values, data: Sequence[DataRisk]) -> tuple[bool, str, dict[str, str]]:
    """Whether a full assessment is required, why, and what must be known to rule it out, with the law that asks.

    What cannot be ruled out is required.
    """
    # The risk lies between what is certain of it and what cannot be ruled out; without data nothing is known of it.
    risks = {max(each.certain for each in data), max(each.risk for each in data)} if data else set()
    of_risk = list(dict.fromkeys(name for each in data for name in each.unknown)) if data else ["data_types"]
    reason, missing = "", dict[str, str]()
    for need, condition in zip(compiled.profile.needs, compiled.needs, strict=True):
        truths = {condition.evaluate({**whole, "risk": float(risk)}) for risk in risks} or {condition.evaluate(whole)}
        truth = truths.pop() if len(truths) == 1 else None
        said = f"{need.text} ({need.reference})" if need.reference else need.text
        if truth:
            return True, said, {}
        if truth is None:
            found = undecided(Find(condition.text, condition.tree)(whole))
            names = [name for each in found for name in (of_risk if each == "risk" else [each])]
            missing |= {name: need.reference for name in names if name not in missing}
            reason = reason or f"it cannot be ruled out that {said}, as {_shown(names)} is not known"
    return (True, reason, missing) if reason else (False, "nothing that would require it holds", {})


def _not_ruled_out(missing: Mapping[str, str]) -> PrivacyFinding:
    shown = _shown(missing)
    told = f"Whether a full assessment is required is not known, as it is not known: {shown}."
    return PrivacyFinding(
        about="processing",
        text=told,
        severity=ControlSeverity.MEDIUM,
        reference=next(iter(missing.values()), ""),
        mitigation=f"Find out and tell: {shown}.",
        unknown=True,
    )


def _shown(names: Iterable[str]) -> str:
    """Names of facts as people call them."""
    return ", ".join(_TOLD.get(name, name.replace("_", " ")) for name in names)
