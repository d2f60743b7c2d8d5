"""Kind Study: which events are deals, revenue and campaigns, and how their figures are broken down and judged."""

from __future__ import annotations

from typing import Any

from trueline_rules.kinds.fields import LABEL_FIELD
from trueline_rules.kinds.kind import Kind, Known, Spec
from trueline_rules.kinds.study_events import CAMPAIGNS, DEALS, REVENUE, read_events, selections_of, write_events
from trueline_rules.model import Metadata
from trueline_rules.names import hint, quoted
from trueline_rules.records import Key, Record, map_of
from trueline_rules.scalars import Choice, Number, Text
from trueline_rules.site import Site
from trueline_rules.study_model import PERSONA, Previous, StudyModel, StudyType

MOST_BREAKDOWNS = 8

_CURRENCY = Text("a currency of three capital letters (ISO 4217)", "[A-Z]{3}")
_BREAKDOWN = Text("a name of lowercase letters, digits and '_'", "[a-z][a-z0-9_]{0,62}", most=63)
# What each type looks at.
_PARTS: dict[StudyType, tuple[str, ...]] = {
    StudyType.RENEWAL_RATE: ("deals",),
    StudyType.REVENUE_GROWTH: ("revenue",),
    StudyType.CAMPAIGN_EFFICIENCY: ("campaigns",),
    StudyType.PERSONA_IMPACT: ("deals", "revenue", "campaigns"),
}
_ALL = _PARTS[StudyType.PERSONA_IMPACT]

SPEC = Record(
    {
        "type": Key(Choice(tuple(StudyType)), "What the study is about.", required=True),
        "deals": Key(DEALS, "Which events are deals that are due, renewed or ended."),
        "revenue": Key(REVENUE, "Which events are payments and refunds of users."),
        "campaigns": Key(CAMPAIGNS, "Which events are what campaigns cost and brought in."),
        "breakdowns": Key(
            map_of(_BREAKDOWN, LABEL_FIELD, most=MOST_BREAKDOWNS, about="Event field whose values are told apart."),
            "What figures are broken down by: names and event fields, like persona: properties.persona.",
        ),
        "previous": Key(
            Choice(tuple(Previous)),
            "What a period is compared with: the period before it of the same length (of whole months as many months), "
            "or the same period a year before.",
            default="period",
        ),
        "confidence": Key(Number(least=0.5, most=0.9999), "Of intervals and verdicts (0.95)."),
        "minimum_observations": Key(
            Number(least=2, most=1_000_000, whole=True),
            "Deals, users or campaigns below which a figure is not told.",
            default=10,
        ),
        "currency": Key(_CURRENCY, "Currency of all amounts that are told.", required=True),
        "rates": Key(
            map_of(_CURRENCY, Number(above=0), about="How much of `currency` one unit of it is worth."),
            "Rates of other currencies; amounts in a currency without one are refused.",
        ),
    }
)


def build(metadata: Metadata, spec: Spec, site: Site) -> StudyModel:
    """Make a study."""
    kind = StudyType(spec["type"])
    for part in _ALL:
        if part in spec and part not in _PARTS[kind]:
            site.problem(("spec", part), f"does not go with type {kind}, which looks at {_words(kind)}", key=True)
    present = [part for part in _PARTS[kind] if part in spec]
    if len(present) < len(_PARTS[kind]) and (kind is not StudyType.PERSONA_IMPACT or not present):
        site.problem(("spec", "type"), f"is {kind}, which needs {_words(kind)}")
    breakdowns, rates, currency = spec.get("breakdowns", {}), spec.get("rates", {}), spec["currency"]
    if kind is StudyType.PERSONA_IMPACT and PERSONA not in breakdowns:
        told = f"is {kind}, which needs spec.breakdowns.{PERSONA}, e.g. {PERSONA}: properties.{PERSONA}"
        site.problem(("spec", "type"), told)
    if currency in rates:
        site.problem(("spec", "rates", currency), "is the currency that amounts are told in; leave it out", key=True)
    return StudyModel(
        metadata=metadata,
        type=kind,
        currency=currency,
        rates=rates,
        breakdowns=breakdowns,
        **read_events({part: spec[part] for part in present}, site),
        previous=Previous(spec.get("previous", Previous.PERIOD)),
        confidence=spec.get("confidence", 0.95),
        least=spec.get("minimum_observations", 10),
    )


def dump(study: StudyModel) -> dict[str, Any]:
    """Write a study as a spec."""
    spec: dict[str, Any] = {
        "type": str(study.type),
        **write_events(study),
        "breakdowns": dict(study.breakdowns),
        "previous": str(study.previous),
        "confidence": study.confidence,
        "minimum_observations": study.least,
        "currency": study.currency,
        "rates": dict(study.rates),
    }
    return {key: value for key, value in spec.items() if value}


def check(study: StudyModel, site: Site, known: Known) -> None:
    """Note roles that no mapping fills and that are no standard ones either."""
    for where, selection in selections_of(study).items():
        for index, role in enumerate(selection.roles):
            if role not in known.roles:
                told = f"is {quoted(role)}, a role that no event mapping fills{hint(role, known.roles)}"
                site.problem(("spec", *where, "roles", index), told)


def _words(kind: StudyType) -> str:
    parts = [f"spec.{part}" for part in _PARTS[kind]]
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} or {parts[-1]}"


KIND = Kind(
    "Study",
    "A study over periods: renewal rates, revenue growth, campaign efficiency, and what they are for each persona.",
    SPEC,
    build,
    dump,
    check,
)
