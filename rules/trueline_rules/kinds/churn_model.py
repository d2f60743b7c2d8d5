"""Kind ChurnModel: which facts and metrics tell who will leave, what leaving is, and what is done about it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trueline_rules.attribution_model import Selection
from trueline_rules.churn_model import (
    PROBABILITY,
    SUBJECT,
    ChurnLabel,
    ChurnModel,
    FallbackRule,
    Segment,
    compile_churn,
    facts_of,
)
from trueline_rules.expressions import ExpressionError
from trueline_rules.kinds.alert_rule import tell_expression
from trueline_rules.kinds.churn_feature import FEATURES, check_feature, read_features, write_feature
from trueline_rules.kinds.fact_type import FACT_NAME
from trueline_rules.kinds.fields import EVENT_NAMES, ROLE, event_names
from trueline_rules.kinds.kind import Kind, Known, Spec
from trueline_rules.model import ANY, Metadata
from trueline_rules.names import hint, quoted
from trueline_rules.records import Key, ListOf, OneOf, Record
from trueline_rules.scalars import Choice, Number, Text
from trueline_rules.site import Path, Site
from trueline_rules.spans import WINDOW_OF_TIME, format_span, parse_span

_MOST = 10_000_000
_DEFAULTS: Mapping[str, Any] = {
    "within": "30d",
    "accounts": 200,
    "of_each_class": 30,
    "shifted": 0.1,
    "drifted": 0.25,
    "probability": 0.05,
}
_NAME = Text("a name of lowercase letters, digits and '_'", "[a-z][a-z0-9_]{0,62}", most=63)
_CONDITION = Text("a condition", lines=True, most=4096)
_SHARE = Number(least=0, most=1)
_BASIS = {"basis": Key(Choice(("measured", "assumed", "seed")), "How firm these numbers are.")}

SPEC = Record(
    {
        "features": Key(
            FEATURES,
            "What is learned from: names of facts of accounts, or {name, from} of a metric, as inputs of a "
            "ScoringProfile say it.",
            required=True,
        ),
        "among": Key(
            _CONDITION, "Accounts that it is about: condition over the features (absent = all). Others are left out."
        ),
        "label": Key(
            Record(
                {
                    "fact": Key(FACT_NAME, "A fact of type bool that becomes true when an account leaves."),
                    "events": Key(EVENT_NAMES, "Names of events by which an account leaves."),
                    "roles": Key(ListOf(ROLE), "Roles of events by which an account leaves."),
                    "within": Key(WINDOW_OF_TIME, "How far ahead it is foreseen.", default=_DEFAULTS["within"]),
                }
                | _BASIS,
                rules=(OneOf(("fact", "events", "roles")),),
            ),
            "What leaving is.",
            required=True,
        ),
        "minimum": Key(
            Record(
                {
                    "accounts": Key(
                        Number(least=50, most=_MOST, whole=True),
                        "Accounts that there must be to learn from.",
                        default=_DEFAULTS["accounts"],
                    ),
                    "of_each_class": Key(
                        Number(least=10, most=_MOST, whole=True),
                        "How many of them must have left, and have stayed.",
                        default=_DEFAULTS["of_each_class"],
                    ),
                }
                | _BASIS
            ),
            "With fewer the fallback rule answers.",
        ),
        "drift": Key(
            Record(
                {
                    "shifted": Key(Number(above=0, most=10), "PSI from which on accounts differ (absent = 0.1)."),
                    "drifted": Key(Number(above=0, most=10), "PSI from which on they are others (absent = 0.25)."),
                }
                | _BASIS
            ),
            "How far accounts may be from those that were learned from.",
        ),
        "fallback": Key(
            ListOf(
                Record(
                    {
                        "when": Key(_CONDITION, "Condition over the features.", required=True),
                        "probability": Key(_SHARE, "Probability of leaving.", required=True),
                    }
                    | _BASIS
                ),
                most=100,
            ),
            "What answers while there is no model: the first whose condition holds.",
        ),
        "otherwise": Key(
            Record({"probability": Key(_SHARE, "Probability of leaving.", required=True)} | _BASIS),
            "What answers where no rule of the fallback holds (absent = 0.05).",
        ),
        "segments": Key(
            ListOf(
                Record(
                    {
                        "name": Key(_NAME, "Its name.", required=True),
                        "when": Key(_CONDITION, f"Condition over the features and `{PROBABILITY}`.", required=True),
                        "intervention": Key(Text("a text", lines=True, most=4096), "What to do.", required=True),
                    }
                    | _BASIS
                ),
                most=100,
            ),
            "Accounts that are treated alike: each is in the first whose condition holds.",
        ),
    }
)


def build(metadata: Metadata, spec: Spec, site: Site) -> ChurnModel:
    """Make a churn model."""
    label, minimum, drift = spec["label"], spec.get("minimum", {}), spec.get("drift", {})
    otherwise = spec.get("otherwise", {})
    shifted, drifted = (float(drift.get(key, _DEFAULTS[key])) for key in ("shifted", "drifted"))
    if shifted >= drifted:
        site.problem(("spec", "drift"), f"must have shifted below drifted, has {shifted:g} and {drifted:g}")
    features = read_features(spec["features"], label.get("fact", ""), site)
    segments = tuple(
        Segment(one["name"], one["when"], one["intervention"], one.get("basis", "")) for one in spec.get("segments", ())
    )
    names = [segment.name for segment in segments]
    for place, name in enumerate(names):
        if name in names[:place]:
            site.problem(("spec", "segments", place, "name"), f"repeats {quoted(name)}")
    parts = {"label": label, "minimum": minimum, "drift": drift, "otherwise": otherwise}
    return ChurnModel(
        metadata=metadata,
        features=features,
        label=_label(label, site),
        least_accounts=int(minimum.get("accounts", _DEFAULTS["accounts"])),
        least_of_each_class=int(minimum.get("of_each_class", _DEFAULTS["of_each_class"])),
        shifted=shifted,
        drifted=drifted,
        fallback=tuple(
            FallbackRule(one["when"], float(one["probability"]), one.get("basis", ""))
            for one in spec.get("fallback", ())
        ),
        otherwise=float(otherwise.get("probability", _DEFAULTS["probability"])),
        segments=segments,
        among=spec.get("among", ""),
        bases={part: written["basis"] for part, written in parts.items() if "basis" in written},
    )


def dump(model: ChurnModel) -> dict[str, Any]:
    """Write a churn model as a spec."""
    label, of = model.label, model.label.of

    def with_basis(part: str, written: dict[str, Any]) -> dict[str, Any]:
        return written | ({"basis": model.bases[part]} if part in model.bases else {})

    told: dict[str, Any] = {"fact": label.fact} if of is None else {}
    if of is not None:
        told = {"events": list(of.events)} if of.events else {"roles": list(of.roles)}
    spec: dict[str, Any] = {
        "features": [write_feature(one) for one in model.features],
        "among": model.among,
        "label": with_basis("label", told | {"within": format_span(label.within_us)}),
        "minimum": with_basis(
            "minimum", {"accounts": model.least_accounts, "of_each_class": model.least_of_each_class}
        ),
        "drift": with_basis("drift", {"shifted": model.shifted, "drifted": model.drifted}),
        "fallback": [_written(one, {"when": one.when, "probability": one.probability}) for one in model.fallback],
        "otherwise": with_basis("otherwise", {"probability": model.otherwise}),
        "segments": [
            _written(one, {"name": one.name, "when": one.when, "intervention": one.intervention})
            for one in model.segments
        ],
    }
    return {key: value for key, value in spec.items() if value}


def check(model: ChurnModel, site: Site, known: Known) -> None:
    """Note features that nothing defines or that cannot be learned from, and conditions that do not compile."""
    checked = [check_feature(one, ("spec", "features", place), site, known) for place, one in enumerate(model.features)]
    label = model.label
    if label.fact:
        found = known.fact_types.get(label.fact)
        path: Path = ("spec", "label", "fact")
        if label.fact not in known.names.get("FactType", frozenset()):
            site.problem(path, f"is {quoted(label.fact)}, but there is no FactType of that name")
        elif found is not None and (found.type != "bool" or found.subject != SUBJECT):
            site.problem(
                path, f"is {quoted(label.fact)}, a {found.type} of {found.subject}; it must be a bool of account"
            )
    for place, role in enumerate(() if label.of is None else label.of.roles):
        if role not in known.roles:
            told = f"is {quoted(role)}, a role that no event mapping fills{hint(role, known.roles)}"
            site.problem(("spec", "label", "roles", place), told)
    if not all(checked):
        return
    facts = facts_of(model, known.fact_types)
    conditions: list[tuple[Path, str, bool]] = [(("spec", "among"), model.among, False)] if model.among else []
    conditions += [(("spec", "fallback", place, "when"), one.when, False) for place, one in enumerate(model.fallback)]
    conditions += [(("spec", "segments", place, "when"), one.when, True) for place, one in enumerate(model.segments)]
    for where, text, scored in conditions:
        try:
            compiled = compile_churn(text, facts, scored=scored)
        except ExpressionError as error:
            tell_expression(error, where, site)
            continue
        if compiled.reads_now:
            site.problem(where, "reads $now; the same facts must always come to the same: make it a fact")
        elif compiled.pushdown_problem:
            told = f"cannot be asked of all accounts at once: {compiled.pushdown_problem}"
            site.problem(where, told)


def _label(written: Spec, site: Site) -> ChurnLabel:
    within_us = parse_span(written.get("within", _DEFAULTS["within"])).us
    if "fact" in written:
        return ChurnLabel(written["fact"], None, within_us)
    events = event_names(written.get("events", ()))
    if ANY in events:
        site.problem(("spec", "label", "events"), f"has {quoted(ANY)}, but not every event is one; name the events")
    return ChurnLabel("", Selection(events, tuple(written.get("roles", ()))), within_us)


def _written(one: FallbackRule | Segment, written: dict[str, Any]) -> dict[str, Any]:
    return written | ({"basis": one.basis} if one.basis else {})


KIND = Kind(
    "ChurnModel",
    "Which facts and metrics of accounts tell who will leave, what leaving is, and what is done about it.",
    SPEC,
    build,
    dump,
    check,
)
