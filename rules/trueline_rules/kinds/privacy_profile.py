"""Kind PrivacyProfile: types of data, rights, measures and checks that privacy impact assessments go by."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trueline_rules.compliance_model import ControlSeverity
from trueline_rules.compliance_rules import FactSet, compile_condition, compile_known
from trueline_rules.expressions import Expression, ExpressionError
from trueline_rules.kinds.alert_rule import CONDITION, tell_expression
from trueline_rules.kinds.compliance_framework import NAME, PROSE
from trueline_rules.kinds.kind import Kind, Spec
from trueline_rules.model import Metadata
from trueline_rules.names import quoted
from trueline_rules.privacy_model import (
    RISK_LEVELS,
    AssessmentNeed,
    DataType,
    Measure,
    Named,
    PrivacyCheck,
    PrivacyProfile,
    PrivacyScope,
    Right,
    RiskFactor,
)
from trueline_rules.privacy_rules import OF_NEEDS, READABLE
from trueline_rules.records import Key, ListOf, Record, map_of
from trueline_rules.scalars import Choice, Number, Text
from trueline_rules.site import Path, Site

MOST_DAYS = 100 * 366

_TITLE = Text("a text", most=512)
_LEVEL = Choice(RISK_LEVELS)
_DAYS = Number(least=1, most=MOST_DAYS, whole=True)
_STEPS = Number(least=0, most=len(RISK_LEVELS) - 1, whole=True)
_TITLED = Key(_TITLE, "What to call it.", required=True)
_REFERENCE = Key(_TITLE, "Reference of the law.")
_NAMED = Record({"title": _TITLED, "reference": _REFERENCE})
_SEVERITY = Key(Choice(tuple(ControlSeverity)), "Severity of the finding.", required=True)
_ROW = ListOf(_LEVEL, least=len(RISK_LEVELS), most=len(RISK_LEVELS), unique=False)

_DATA_TYPE = Record(
    {
        "sensitivity": Key(_LEVEL, "How much harm its loss or misuse does.", required=True),
        "category": Key(NAME, "What it counts as, e.g. contact or special_category.", required=True),
        "retention_days": Key(_DAYS, "How long it may be kept; absent = as long as it is needed."),
    }
)
_MEASURE = Record(
    {
        "title": _TITLED,
        "likelihood": Key(_STEPS, "By how many levels it makes harm less likely.", default=0),
        "severity": Key(_STEPS, "By how many levels it makes harm less severe.", default=0),
    }
)
_RIGHT = Record(
    {
        "title": _TITLED,
        "reference": Key(_TITLE, "Reference of the law.", required=True),
        "answer_days": Key(_DAYS, "Within how many days a request must be answered.", required=True),
        "applies": Key(CONDITION, "Condition about the processing; absent = always."),
        "severity": _SEVERITY,
    }
)
_CHECK = Record(
    {
        "name": Key(NAME, "Name of the check, unique in the profile.", required=True),
        "of": Key(
            Choice(tuple(PrivacyScope)), "What it is about: each use of data, each sharing, or all.", required=True
        ),
        "rule": Key(CONDITION, "What holds where all is well; where it is unknown, that is a finding.", required=True),
        "severity": _SEVERITY,
        "text": Key(PROSE, "What is wrong.", required=True),
        "reference": _REFERENCE,
        "mitigation": Key(PROSE, "What to do."),
    }
)
_FACTOR = Record(
    {
        "when": Key(CONDITION, "Condition about a use of data; where it is unknown, it counts.", required=True),
        "adds": Key(_STEPS, "By how many levels it makes harm more likely.", default=1),
        "text": Key(PROSE, "What it is, for people.", required=True),
    }
)
_NEED = Record(
    {
        "when": Key(CONDITION, "Condition about the processing.", required=True),
        "text": Key(PROSE, "Why, for people.", required=True),
        "reference": _REFERENCE,
    }
)


def _by_name(shape: Record, about: str) -> Record:
    return map_of(NAME, shape, about=about)


SPEC = Record(
    {
        "title": _TITLED,
        "data_types": Key(_by_name(_DATA_TYPE, "A type of data."), "Types of data, by name.", required=True),
        "legal_bases": Key(_by_name(_NAMED, "A legal basis."), "Legal bases, by name.", required=True),
        "safeguards": Key(_by_name(_NAMED, "A safeguard."), "What safeguards transfers, by name."),
        "countries": Key(
            ListOf(Text("a country of two capital letters (ISO 3166-1)", "[A-Z]{2}")),
            "Countries that are no third countries.",
        ),
        "measures": Key(_by_name(_MEASURE, "A measure."), "Measures, by name."),
        "rights": Key(_by_name(_RIGHT, "A right."), "Rights of those whom data is about, by name.", required=True),
        "checks": Key(ListOf(_CHECK), "What must hold."),
        "factors": Key(ListOf(_FACTOR), "What makes harm more likely than low."),
        "matrix": Key(
            Record(
                {level: Key(_ROW, f"Risk of {level} severity, by likelihood.", required=True) for level in RISK_LEVELS}
            ),
            "Risk by severity and likelihood, each low, medium, high and very_high.",
            required=True,
        ),
        "assessment_required": Key(
            ListOf(_NEED), "When the law asks for a full assessment; `risk` is the highest before measures, 1 to 4."
        ),
        "prior_consultation": Key(
            _LEVEL, "The risk left from which the authority must be asked before.", default="high"
        ),
    }
)


def build(metadata: Metadata, spec: Spec, site: Site) -> PrivacyProfile:
    """Make a profile; its conditions read what a call tells, so they are compiled at once."""
    profile = PrivacyProfile(
        metadata=metadata,
        title=spec["title"],
        data_types={
            name: DataType(_number(each["sensitivity"]), each["category"], each.get("retention_days"))
            for name, each in spec["data_types"].items()
        },
        legal_bases={name: Named(**each) for name, each in spec["legal_bases"].items()},
        safeguards={name: Named(**each) for name, each in spec.get("safeguards", {}).items()},
        countries=tuple(spec.get("countries", ())),
        measures={name: Measure(**each) for name, each in spec.get("measures", {}).items()},
        rights={name: Right(**_with_severity(each)) for name, each in spec["rights"].items()},
        checks=tuple(
            PrivacyCheck(**_with_severity(each) | {"of": PrivacyScope(each["of"])}) for each in spec.get("checks", ())
        ),
        factors=tuple(RiskFactor(**({"adds": 1} | each)) for each in spec.get("factors", ())),
        matrix=tuple(tuple(map(_number, spec["matrix"][level])) for level in RISK_LEVELS),
        needs=tuple(AssessmentNeed(**each) for each in spec.get("assessment_required", ())),
        consultation=_number(spec.get("prior_consultation", "high")),
    )
    _check_matrix(profile, site)
    _check_names(profile, site)
    _check_conditions(profile, site)
    return profile


def dump(profile: PrivacyProfile) -> dict[str, Any]:
    """Write a profile as a spec."""
    spec: dict[str, Any] = {
        "title": profile.title,
        "data_types": {
            name: _plain(each) | {"sensitivity": RISK_LEVELS[each.sensitivity - 1]}
            for name, each in profile.data_types.items()
        },
        "countries": list(profile.countries),
        "matrix": {
            level: [RISK_LEVELS[cell - 1] for cell in row]
            for level, row in zip(RISK_LEVELS, profile.matrix, strict=True)
        },
        "prior_consultation": RISK_LEVELS[profile.consultation - 1],
    }
    for key in ("legal_bases", "safeguards", "measures", "rights"):
        spec[key] = {name: _plain(each) for name, each in getattr(profile, key).items()}
    for key, values in (
        ("checks", profile.checks),
        ("factors", profile.factors),
        ("assessment_required", profile.needs),
    ):
        spec[key] = [_plain(each) for each in values]
    return {key: value for key, value in spec.items() if value}


def _check_matrix(profile: PrivacyProfile, site: Site) -> None:
    """Note a risk that falls where severity or likelihood grow."""
    for row, levels in enumerate(profile.matrix):
        for column, level in enumerate(levels):
            before = max(levels[column - 1] if column else 0, profile.matrix[row - 1][column] if row else 0)
            if level < before:
                told = f"is {RISK_LEVELS[level - 1]}, less than the risk of less severity or likelihood beside it"
                site.problem(("spec", "matrix", RISK_LEVELS[row], column), told)


def _check_names(profile: PrivacyProfile, site: Site) -> None:
    first: dict[str, int] = {}
    for place, check in enumerate(profile.checks):
        before = first.setdefault(check.name, place)
        if before != place:
            line = site.place(("spec", "checks", before, "name")).line
            told = f"is {quoted(check.name)}, as on line {line} already; each has one of its own"
            site.problem(("spec", "checks", place, "name"), told)


def _check_conditions(profile: PrivacyProfile, site: Site) -> None:
    for place, check in enumerate(profile.checks):
        _compile(compile_known, check.rule, READABLE[check.of], ("spec", "checks", place, "rule"), site)
    for place, factor in enumerate(profile.factors):
        _compile(compile_condition, factor.when, READABLE[PrivacyScope.DATA], ("spec", "factors", place, "when"), site)
    for place, need in enumerate(profile.needs):
        path: Path = ("spec", "assessment_required", place, "when")
        _compile(compile_condition, need.when, OF_NEEDS, path, site)
    for name, right in profile.rights.items():
        if right.applies:
            path = ("spec", "rights", name, "applies")
            _compile(compile_condition, right.applies, READABLE[PrivacyScope.PROCESSING], path, site)


def _compile(compiled: Callable[[str, FactSet], Expression], text: str, facts: FactSet, path: Path, site: Site) -> None:
    try:
        compiled(text, facts)
    except ExpressionError as error:
        tell_expression(error, path, site)


def _with_severity(written: Spec) -> dict[str, Any]:
    return {**written, "severity": ControlSeverity(written["severity"])}


def _plain(value: Any) -> dict[str, Any]:
    """The attributes that say something."""
    found = {name: getattr(value, name) for name in value.__slots__}
    return {
        name: str(each) if isinstance(each, str) else each for name, each in found.items() if each not in ("", None)
    }


def _number(level: str) -> int:
    return RISK_LEVELS.index(level) + 1


KIND = Kind(
    "PrivacyProfile",
    "What privacy impact assessments go by: types of data, rights, measures, checks and risk.",
    SPEC,
    build,
    dump,
)
