"""Kind AttributionModel: which events are touches and conversions, how journeys are made, and who earns what."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trueline_rules.attribution_model import (
    AttributionModel,
    ConversionEvents,
    CostEvents,
    Formula,
    Selection,
    TouchEvents,
    Transform,
    TransformKind,
)
from trueline_rules.kinds.attribution_models import MODEL, read_model, write_model
from trueline_rules.kinds.fields import ANY_FIELD, EVENT_NAMES, LABEL_FIELD, PROPERTY, ROLE, event_names
from trueline_rules.kinds.kind import Kind, Known, Spec
from trueline_rules.model import ANY, Metadata
from trueline_rules.names import hint, quoted
from trueline_rules.records import Either, Key, ListOf, OneOf, Record, map_of
from trueline_rules.scalars import Choice, Flag, Number, Text
from trueline_rules.site import Path, Site
from trueline_rules.spans import DELAY, format_span, parse_span

MOST_TYPES = 32
MOST_MODELS = 32
MOST_TRIM = 1000

_NAME = Text("a name of lowercase letters, digits and '_'", "[a-z][a-z0-9_]{0,62}", most=63)
_CURRENCY = Text("a currency of three capital letters (ISO 4217)", "[A-Z]{3}")
_OF = {
    "events": Key(EVENT_NAMES, "Names of the events. Either this or roles."),
    "roles": Key(ListOf(ROLE), "Roles of the event mapping. Either this or events."),
}
_EITHER = (OneOf(("events", "roles")),)
_SELECTION = Record(_OF, rules=_EITHER)
_PATHS = tuple(str(kind) for kind in TransformKind if kind is not TransformKind.TRIM)
_TRANSFORM = Either(
    scalar=Choice(_PATHS),
    mapping=Record(
        {"trim": Key(Number(least=1, most=MOST_TRIM, whole=True), "Only the last touches, so many.", required=True)}
    ),
)
_CHANNEL = Key(LABEL_FIELD, 'Event field with the channel; without it a touch is of "(none)".', required=True)
_CAMPAIGN = Key(LABEL_FIELD, "Event field with the campaign.")

SPEC = Record(
    {
        "touches": Key(
            Record(_OF | {"channel": _CHANNEL, "campaign": _CAMPAIGN}, rules=_EITHER),
            "Which events are touches, and of which channel.",
            required=True,
        ),
        "conversions": Key(
            map_of(
                _NAME,
                Record(
                    _OF
                    | {
                        "lookback": Key(
                            DELAY, "How long before the conversion a touch may be to have a part in it.", required=True
                        ),
                        "value": Key(ANY_FIELD, "Event field with its value; absent = conversions are only counted."),
                        "refunds": Key(_SELECTION, "Events that take value back from the conversion before them."),
                        "segment": Key(LABEL_FIELD, "Event field that reports may be broken down by."),
                    },
                    rules=_EITHER,
                ),
                most=MOST_TYPES,
                about="A type of conversion.",
            ),
            "Which events are conversions, by type.",
            required=True,
        ),
        "costs": Key(
            Record(
                _OF
                | {
                    "channel": Key(LABEL_FIELD, "Event field with the channel.", required=True),
                    "campaign": _CAMPAIGN,
                    "value": Key(ANY_FIELD, "Event field with what was spent.", default="value"),
                },
                rules=_EITHER,
            ),
            "What was spent on channels; without it there is no return on it.",
        ),
        "stitches": Key(_SELECTION, "Events whose ids (user, account, anonymous, device) belong to one person."),
        "milestones": Key(
            Record(
                {
                    "lead": Key(_SELECTION, "Events that make a lead of a person.", required=True),
                    "opportunity": Key(_SELECTION, "Events that make an opportunity of a person.", required=True),
                }
            ),
            "What w_shaped models look for in a journey.",
        ),
        "journeys": Key(
            Record(
                {
                    "split": Key(Flag(), "Whether a journey begins anew after each conversion.", default=True),
                    "transforms": Key(
                        ListOf(_TRANSFORM, most=5),
                        "Steps that touches go through: exposure, first, frequency, unique or {trim: n}.",
                    ),
                }
            ),
            "How touches become journeys.",
        ),
        "currency": Key(_CURRENCY, "Currency of all values that are told.", required=True),
        "rates": Key(
            map_of(_CURRENCY, Number(above=0), about="How much of `currency` one unit of it is worth."),
            "Rates of other currencies; values in a currency without one are refused.",
        ),
        "models": Key(map_of(_NAME, MODEL, most=MOST_MODELS, about="A model."), "Models by name.", required=True),
    }
)


def build(metadata: Metadata, spec: Spec, site: Site) -> AttributionModel:
    """Make an attribution model."""
    milestones, journeys, currency = spec.get("milestones", {}), spec.get("journeys", {}), spec["currency"]
    touches, rates = spec["touches"], spec.get("rates", {})
    if currency in rates:
        site.problem(("spec", "rates", currency), "is the currency that values are told in; leave it out", key=True)
    models = {name: read_model(written, ("spec", "models", name), site) for name, written in spec["models"].items()}
    for name, model in models.items():
        if model.formula is Formula.W_SHAPED and not milestones:
            told = "needs spec.milestones, the events that make a lead and an opportunity of a person"
            site.problem(("spec", "models", name, "formula"), told)
    return AttributionModel(
        metadata=metadata,
        touches=TouchEvents(
            _selection(touches, ("spec", "touches"), site), touches["channel"], touches.get("campaign", "")
        ),
        conversions={name: _conversion(name, written, site) for name, written in spec["conversions"].items()},
        models=models,
        currency=currency,
        rates=rates,
        costs=_costs(spec["costs"], site) if "costs" in spec else None,
        stitches=_optional(spec, "stitches", ("spec",), site),
        lead=_optional(milestones, "lead", ("spec", "milestones"), site),
        opportunity=_optional(milestones, "opportunity", ("spec", "milestones"), site),
        transforms=tuple(_transform(written) for written in journeys.get("transforms", ())),
        split=journeys.get("split", True),
    )


def dump(model: AttributionModel) -> dict[str, Any]:
    """Write an attribution model as a spec."""
    touches, costs = model.touches, model.costs
    spec: dict[str, Any] = {
        "touches": _written(touches.of, channel=touches.channel, campaign=touches.campaign),
        "conversions": {
            name: _written(
                of.of,
                lookback=format_span(of.lookback_us),
                value=of.value,
                refunds=_written(of.refunds),
                segment=of.segment,
            )
            for name, of in model.conversions.items()
        },
        "costs": {}
        if costs is None
        else _written(costs.of, channel=costs.channel, campaign=costs.campaign, value=costs.value),
        "stitches": _written(model.stitches),
        "milestones": {}
        if model.lead is None
        else {"lead": _written(model.lead), "opportunity": _written(model.opportunity)},
        "journeys": {"split": model.split}
        | ({"transforms": [_dump_transform(one) for one in model.transforms]} if model.transforms else {}),
        "currency": model.currency,
        "rates": dict(model.rates),
        "models": {name: write_model(one) for name, one in model.models.items()},
    }
    return {key: value for key, value in spec.items() if value}


def check(model: AttributionModel, site: Site, known: Known) -> None:
    """Note roles that no mapping fills and that are no standard ones either."""
    selections: list[tuple[Path, Selection | None]] = [
        (("spec", "touches"), model.touches.of),
        (("spec", "costs"), None if model.costs is None else model.costs.of),
        (("spec", "stitches"), model.stitches),
        (("spec", "milestones", "lead"), model.lead),
        (("spec", "milestones", "opportunity"), model.opportunity),
    ]
    for name, conversion in model.conversions.items():
        path: Path = ("spec", "conversions", name)
        selections += [(path, conversion.of), ((*path, "refunds"), conversion.refunds)]
    for where, selection in selections:
        for index, role in enumerate(() if selection is None else selection.roles):
            if role not in known.roles:
                told = f"is {quoted(role)}, a role that no event mapping fills{hint(role, known.roles)}"
                site.problem((*where, "roles", index), told)


def _selection(written: Spec, path: Path, site: Site) -> Selection:
    events = event_names(written.get("events", ()))
    if ANY in events:
        site.problem((*path, "events"), f"has {quoted(ANY)}, but not every event is one; name the events")
    return Selection(events, written.get("roles", ()))


def _optional(written: Spec, key: str, path: Path, site: Site) -> Selection | None:
    return _selection(written[key], (*path, key), site) if key in written else None


def _conversion(name: str, written: Spec, site: Site) -> ConversionEvents:
    path: Path = ("spec", "conversions", name)
    lookback_us = parse_span(written["lookback"]).us
    if lookback_us == 0:
        site.problem((*path, "lookback"), "must be above 0, or no touch could be before the conversion; write 30d")
    value = written.get("value", "")
    _check_value(value, (*path, "value"), site)
    if "refunds" in written and not value:
        site.problem((*path, "refunds"), "needs 'value', from which refunds are taken back", key=True)
    of, refunds = _selection(written, path, site), _optional(written, "refunds", path, site)
    if refunds is not None:
        for both in sorted({*of.events, *of.roles} & {*refunds.events, *refunds.roles}):
            told = f"has {quoted(both)}, which is a conversion here; name the events that take back what it brings"
            site.problem((*path, "refunds"), told)
    return ConversionEvents(
        of=of,
        lookback_us=lookback_us,
        value=value,
        refunds=refunds,
        segment=written.get("segment", ""),
    )


def _costs(written: Spec, site: Site) -> CostEvents:
    value = written.get("value", "value")
    _check_value(value, ("spec", "costs", "value"), site)
    return CostEvents(
        _selection(written, ("spec", "costs"), site), written["channel"], written.get("campaign", ""), value
    )


def _check_value(field: str, path: Path, site: Site) -> None:
    if field and field != "value" and not field.startswith(PROPERTY):
        site.problem(path, f"must be value or properties.<key>, which hold numbers, is {quoted(field)}")


def _transform(written: str | Spec) -> Transform:
    if isinstance(written, Mapping):
        return Transform(TransformKind.TRIM, written["trim"])
    return Transform(TransformKind(written))


def _dump_transform(transform: Transform) -> str | dict[str, int]:
    return {"trim": transform.last} if transform.kind is TransformKind.TRIM else str(transform.kind)


def _written(of: Selection | None, **further: Any) -> dict[str, Any]:
    if of is None:
        return {}
    written = {"events": list(of.events), "roles": list(of.roles)} | further
    return {key: value for key, value in written.items() if value}


KIND = Kind(
    "AttributionModel",
    "Which events are touches and conversions, and how models share conversions out.",
    SPEC,
    build,
    dump,
    check,
)
