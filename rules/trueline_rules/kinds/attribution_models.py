"""The models of an AttributionModel: formulas and their parameters, as files write them."""

from __future__ import annotations

from typing import Any

from trueline_rules.attribution_model import Formula, ModelSpec
from trueline_rules.kinds.kind import Spec
from trueline_rules.records import Key, ListOf, Record, When
from trueline_rules.scalars import Choice, Number, Text
from trueline_rules.site import Path, Site
from trueline_rules.spans import DELAY, format_span, parse_span

WEEK = "7d"
DIRECT = ("direct",)
FORMS = ("subset", "conversion_rate")
MOST_ORDER = 4
# What is shared out among places, unless a file says otherwise.
_SHARES = {Formula.POSITION: (0.4, 0.2, 0.4), Formula.W_SHAPED: (0.3, 0.3, 0.3, 0.1)}

# The parameters of each formula; all others do not go with it.
_PARAMETERS: dict[Formula, tuple[str, ...]] = {
    Formula.LAST_NON_DIRECT: ("direct",),
    Formula.TIME_DECAY: ("half_life",),
    Formula.POSITION: ("shares",),
    Formula.W_SHAPED: ("shares",),
    Formula.CUSTOM: ("from_first", "from_last", "between"),
    Formula.MARKOV: ("order",),
    Formula.SHAPLEY: ("form",),
}
_ALL = tuple(dict.fromkeys(name for names in _PARAMETERS.values() for name in names))
_WEIGHTS = ListOf(Number(least=0, most=1_000_000), most=32, unique=False)

CHANNEL = Text("a channel", most=256)
MODEL = Record(
    {
        "formula": Key(Choice(tuple(Formula)), "How a conversion is shared out.", required=True),
        "half_life": Key(DELAY, "A touch so much older earns half.", default=WEEK),
        "shares": Key(
            ListOf(Number(least=0, most=1), least=3, most=4, unique=False),
            "position: of the first, middle and last touches [0.4, 0.2, 0.4]; w_shaped: of the first touch, the "
            "lead's, the opportunity's and all others [0.3, 0.3, 0.3, 0.1]. They add up to 1.",
        ),
        "from_first": Key(_WEIGHTS, "Weights of the first touch, the second, …"),
        "from_last": Key(_WEIGHTS, "Weights of the last touch, the last but one, …"),
        "between": Key(Number(least=0, most=1_000_000), "Weight that all other touches share (0 unless it says so)."),
        "direct": Key(ListOf(CHANNEL), "Channels that nobody chose (direct unless it says so)."),
        "order": Key(Number(least=1, most=MOST_ORDER, whole=True), "Touches that the next one depends on.", default=1),
        "form": Key(Choice(FORMS), "What a set of channels is worth: conversions, or their rate.", default="subset"),
    },
    rules=tuple(
        When(
            "formula",
            (str(formula),),
            bars=tuple(name for name in _ALL if name not in _PARAMETERS.get(formula, ())),
        )
        for formula in Formula
    ),
)


def read_model(written: Spec, path: Path, site: Site) -> ModelSpec:
    """Make a model; what its parameters cannot be is noted at the site."""
    formula = Formula(written["formula"])
    if formula is Formula.CUSTOM:
        return _custom(written, path, site)
    half_life_us = parse_span(written.get("half_life", WEEK)).us if formula is Formula.TIME_DECAY else 0
    if formula is Formula.TIME_DECAY and half_life_us == 0:
        site.problem((*path, "half_life"), f"must be above 0, or no touch would earn anything; write {WEEK}")
    return ModelSpec(
        formula,
        half_life_us=half_life_us,
        shares=_shares(formula, written, path, site) if formula in _SHARES else (),
        direct=tuple(written.get("direct", DIRECT)) if formula is Formula.LAST_NON_DIRECT else (),
        order=written.get("order", 1) if formula is Formula.MARKOV else 0,
        form=written.get("form", FORMS[0]) if formula is Formula.SHAPLEY else "",
    )


def write_model(model: ModelSpec) -> dict[str, Any]:
    """Write a model as it is read."""
    parameters = {
        "half_life": format_span(model.half_life_us) if model.half_life_us else None,
        "shares": list(model.shares),
        "from_first": list(model.from_first),
        "from_last": list(model.from_last),
        "between": model.between,
        "direct": list(model.direct),
        "order": model.order,
        "form": model.form,
    }
    return {"formula": str(model.formula)} | {name: value for name, value in parameters.items() if value}


def _shares(formula: Formula, written: Spec, path: Path, site: Site) -> tuple[float, ...]:
    standard = _SHARES[formula]
    shares = tuple(written.get("shares", standard))
    example = f"write {list(standard)}"
    if len(shares) != len(standard):
        site.problem((*path, "shares"), f"must have {len(standard)} shares for {formula}, has {len(shares)}; {example}")
    elif abs(sum(shares) - 1) > 1e-9:
        site.problem((*path, "shares"), f"must add up to 1, add up to {sum(shares):g}; {example}")
    return shares


def _custom(written: Spec, path: Path, site: Site) -> ModelSpec:
    model = ModelSpec(
        Formula.CUSTOM,
        from_first=tuple(written.get("from_first", ())),
        from_last=tuple(written.get("from_last", ())),
        between=written.get("between", 0.0),
    )
    if not any((*model.from_first, *model.from_last, model.between)):
        site.problem(path, "gives no touch any weight; give from_first, from_last or between a number above 0")
    return model
