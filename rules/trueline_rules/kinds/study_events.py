"""The events of a Study: deals, revenue and campaigns, as files write them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trueline_rules.attribution_model import Selection
from trueline_rules.kinds.fields import ANY_FIELD, EVENT_NAMES, LABEL_FIELD, PROPERTY, ROLE, event_names
from trueline_rules.kinds.kind import Spec
from trueline_rules.model import ANY
from trueline_rules.names import quoted
from trueline_rules.records import Key, ListOf, OneOf, Record
from trueline_rules.site import Path, Site
from trueline_rules.study_model import CampaignEvents, DealEvents, RevenueEvents, StudyModel

_SELECTION = Record(
    {
        "events": Key(EVENT_NAMES, "Names of the events. Either this or roles."),
        "roles": Key(ListOf(ROLE), "Roles of the event mapping. Either this or events."),
    },
    rules=(OneOf(("events", "roles")),),
)

DEALS = Record(
    {
        "due": Key(_SELECTION, "A deal's term runs out; without it each renewal and each end is a term of its own."),
        "renewed": Key(_SELECTION, "A deal goes on for another term.", required=True),
        "ended": Key(_SELECTION, "A deal does not go on.", required=True),
        "deal": Key(LABEL_FIELD, "Event field with the deal's id.", required=True),
        "value": Key(ANY_FIELD, "Event field with the value of a term.", default="value"),
    }
)
REVENUE = Record(
    {
        "payments": Key(_SELECTION, "What users pay.", required=True),
        "refunds": Key(_SELECTION, "What they get back, whether it is written as a negative number or not."),
        "user": Key(LABEL_FIELD, "Event field with who pays.", default="user_id"),
        "value": Key(ANY_FIELD, "Event field with the amount.", default="value"),
    }
)
CAMPAIGNS = Record(
    {
        "spend": Key(_SELECTION, "What a campaign cost.", required=True),
        "results": Key(_SELECTION, "What a campaign brought in.", required=True),
        "finished": Key(
            _SELECTION,
            "A campaign is over: those that finished in a period count, with all they cost and brought in up to its "
            "end; without it all count, with what they cost and brought in during the period.",
        ),
        "campaign": Key(LABEL_FIELD, "Event field with the campaign's id.", required=True),
        "cost": Key(ANY_FIELD, "Event field of `spend` with the amount.", default="value"),
        "value": Key(ANY_FIELD, "Event field of `results` with the amount.", default="value"),
        "conversions": Key(ANY_FIELD, "Event field of `results` with a number of conversions (each event is one)."),
    }
)


def read_events(spec: Mapping[str, Spec], site: Site) -> dict[str, Any]:
    """The deals, revenue and campaigns that are written, by the names of their attributes."""
    read = {"deals": _deals, "revenue": _revenue, "campaigns": _campaigns}
    return {part: read[part](written, ("spec", part), site) for part, written in spec.items()}


def write_events(study: StudyModel) -> dict[str, Any]:
    """The deals, revenue and campaigns of a study as they are read."""
    spec: dict[str, dict[str, Any]] = {}
    for (part, key), selection in selections_of(study).items():
        written = {"events": list(selection.events), "roles": list(selection.roles)}
        spec.setdefault(part, {})[key] = {name: value for name, value in written.items() if value}
    deals, revenue, campaigns = study.deals, study.revenue, study.campaigns
    if deals is not None:
        spec["deals"] |= {"deal": deals.deal, "value": deals.value}
    if revenue is not None:
        spec["revenue"] |= {"user": revenue.user, "value": revenue.value}
    if campaigns is not None:
        fields = {"campaign": campaigns.campaign, "cost": campaigns.cost, "value": campaigns.value}
        spec["campaigns"] |= fields | ({"conversions": campaigns.conversions} if campaigns.conversions else {})
    return spec


def selections_of(study: StudyModel) -> dict[tuple[str, str], Selection]:
    """The events that a study reads, by part and key of its spec."""
    deals, revenue, campaigns = study.deals, study.revenue, study.campaigns
    found: dict[tuple[str, str], Selection | None] = {}
    if deals is not None:
        found |= {("deals", "due"): deals.due, ("deals", "renewed"): deals.renewed, ("deals", "ended"): deals.ended}
    if revenue is not None:
        found |= {("revenue", "payments"): revenue.payments, ("revenue", "refunds"): revenue.refunds}
    if campaigns is not None:
        found |= {
            ("campaigns", "spend"): campaigns.spend,
            ("campaigns", "results"): campaigns.results,
            ("campaigns", "finished"): campaigns.finished,
        }
    return {where: selection for where, selection in found.items() if selection is not None}


def _deals(written: Spec, path: Path, site: Site) -> DealEvents:
    return DealEvents(
        renewed=_selection(written["renewed"], (*path, "renewed"), site),
        ended=_selection(written["ended"], (*path, "ended"), site),
        deal=written["deal"],
        due=_optional(written, "due", path, site),
        value=_number(written, "value", path, site),
    )


def _revenue(written: Spec, path: Path, site: Site) -> RevenueEvents:
    return RevenueEvents(
        payments=_selection(written["payments"], (*path, "payments"), site),
        refunds=_optional(written, "refunds", path, site),
        user=written.get("user", "user_id"),
        value=_number(written, "value", path, site),
    )


def _campaigns(written: Spec, path: Path, site: Site) -> CampaignEvents:
    return CampaignEvents(
        spend=_selection(written["spend"], (*path, "spend"), site),
        results=_selection(written["results"], (*path, "results"), site),
        campaign=written["campaign"],
        finished=_optional(written, "finished", path, site),
        cost=_number(written, "cost", path, site),
        value=_number(written, "value", path, site),
        conversions=_number(written, "conversions", path, site) if "conversions" in written else "",
    )


def _selection(written: Spec, path: Path, site: Site) -> Selection:
    events = event_names(written.get("events", ()))
    if ANY in events:
        site.problem((*path, "events"), f"has {quoted(ANY)}, but not every event is one; name the events")
    return Selection(events, written.get("roles", ()))


def _optional(written: Spec, key: str, path: Path, site: Site) -> Selection | None:
    return _selection(written[key], (*path, key), site) if key in written else None


def _number(written: Spec, key: str, path: Path, site: Site) -> str:
    field: str = written.get(key, "value")
    if field != "value" and not field.startswith(PROPERTY):
        site.problem((*path, key), f"must be value or properties.<key>, which hold numbers, is {quoted(field)}")
    return field
