"""OSCAL plan of action and milestones: an item for each control that does not pass."""

from __future__ import annotations

from trueline_rules.compliance_model import ComplianceFramework

from trueline_server.compliance.export.oscal_parts import (
    Place,
    components,
    metadata,
    observations_of,
    risk_id,
    risk_of,
    state_props,
)
from trueline_server.compliance.export.oscal_values import (
    NS,
    Object,
    line,
    ordered,
    present,
    prop,
    prose,
    related,
)
from trueline_server.compliance.export.report import UNMET, Report
from trueline_server.compliance.model import ControlResult

_DOCUMENT = "plan-of-action-and-milestones"


def plan_of_action(report: Report, version: str) -> Object:
    """The document.

    Args:
        report: what is told.
        version: of OSCAL, see oscal_parts.VERSIONS; both have all that is used here.

    """
    place = Place(report, _DOCUMENT)
    open_ = [(one.framework, each) for one, each in report.controls() if each.status in UNMET]
    seen = {each["uuid"]: each for name, one in open_ for each in observations_of(place, name, one)}
    return {
        _DOCUMENT: present(
            {
                "uuid": place.identify(),
                "metadata": metadata(report, "Plan of action and milestones", version),
                "system-id": {"identifier-type": NS, "id": line(f"{report.tenant}: {report.subject}")},
                "local-definitions": {"components": components(place)},
                "observations": ordered(seen.values()),
                "risks": ordered(risk_of(place, framework, each) for framework, each in open_),
                "poam-items": ordered(_item(place, framework, each) for framework, each in open_) or [_nothing(place)],
            }
        )
    }


def _item(place: Place, framework: ComplianceFramework, one: ControlResult) -> Object:
    control = one.control
    name = framework.metadata.name
    return present(
        {
            "uuid": place.identify("item", name, control.id),
            "title": line(f"{framework.title} {control.id}: {control.title}"),
            "description": prose(control.remediation, line(f"Meet what it asks for: {control.title}")),
            "props": [prop("framework", name), *state_props(one)],
            "related-observations": related("observation-uuid", observations_of(place, framework, one)),
            "related-risks": [{"risk-uuid": risk_id(place, framework, control.id)}],
            "remarks": prose(one.reason),
        }
    )


def _nothing(place: Place) -> Object:
    """OSCAL asks for an item even where nothing is open."""
    return {
        "uuid": place.identify("nothing"),
        "title": "Nothing to do",
        "description": "No control that was judged is open or waived.",
        "props": [prop("status", "none")],
    }
