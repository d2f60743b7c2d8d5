"""OSCAL assessment results: for each framework the controls that were reviewed, what was seen, and what was found."""

from __future__ import annotations

from collections.abc import Mapping

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
    Object,
    line,
    ordered,
    present,
    prop,
    prose,
    reference,
    related,
    tokens_of,
)
from trueline_server.compliance.export.report import Report, instant
from trueline_server.compliance.model import ControlResult, FrameworkResult, Status

_DOCUMENT = "assessment-results"
# OSCAL knows two states; what is not known, or waived, is not shown to be met.
_REASONS: Mapping[Status, str] = {Status.PASS: "pass", Status.FAIL: "fail"}


def assessment_results(report: Report, version: str) -> Object:
    """The document.

    Args:
        report: what is told.
        version: of OSCAL, see oscal_parts.VERSIONS; both have all that is used here.

    """
    whole = Place(report, _DOCUMENT)
    plan = whole.identify("plan")
    return {
        _DOCUMENT: {
            "uuid": whole.identify(),
            "metadata": metadata(report, "Assessment results", version),
            "import-ap": {"href": f"#{plan}"},
            "results": [_result(Place(report, _DOCUMENT, each.framework), each) for each in report.results]
            or [_nothing(whole)],
            "back-matter": {
                "resources": [
                    {
                        "uuid": plan,
                        "title": "Plan of the assessment",
                        "description": line(
                            f"Controls are judged as rules of revision {report.revision} say, with facts, evidence and"
                            f" waivers as of {instant(report.at_us)}{_knowledge(report)}."
                        ),
                    }
                ]
            },
        }
    }


def _knowledge(report: Report) -> str:
    return "" if report.known_us is None else f", as far as they had been recorded by {instant(report.known_us)}"


def _result(place: Place, result: FrameworkResult) -> Object:
    framework, tokens = result.framework, tokens_of(each.control.id for each in result.controls)
    judged = [each for each in result.controls if each.status is not Status.NOT_APPLICABLE]
    seen = {each["uuid"]: each for one in judged for each in observations_of(place, framework, one)}
    return present(
        {
            "uuid": place.identify("result"),
            "title": line(f"{framework.title} {framework.version}"),
            "description": prose(framework.metadata.description, line(framework.title)),
            "start": instant(place.report.at_us),
            "end": instant(place.report.at_us),
            "props": [prop("framework", framework.metadata.name), prop("framework-version", framework.version)],
            "links": [{"href": reference(framework.reference), "rel": "reference"}] if framework.reference else [],
            "local-definitions": {"components": components(place)},
            "reviewed-controls": _reviewed(result, tokens),
            "observations": ordered(seen.values()),
            "risks": ordered(risk_of(place, framework, each) for each in judged if each.status is not Status.PASS),
            "findings": ordered(_finding(place, result, each, tokens) for each in judged),
        }
    )


def _nothing(place: Place) -> Object:
    """OSCAL asks for a result even where nothing was asked."""
    return {
        "uuid": place.identify("result"),
        "title": "Nothing was assessed",
        "description": "No framework in force judges the subject.",
        "start": instant(place.report.at_us),
        "end": instant(place.report.at_us),
        "reviewed-controls": {"control-selections": [{"include-all": {}, "remarks": "There are no controls."}]},
    }


def _reviewed(result: FrameworkResult, tokens: Mapping[str, str]) -> Object:
    """Which controls were reviewed, with their references, and which do not concern the subject, with the reason."""
    judged = [each for each in result.controls if each.status is not Status.NOT_APPLICABLE]
    left_out = [each for each in result.controls if each.status is Status.NOT_APPLICABLE]
    props = [
        *(prop("control-reference", each.control.id, of=tokens[each.control.id]) for each in judged),
        *(
            prop("not-applicable", each.control.id, of=tokens[each.control.id], remarks=each.reason)
            for each in left_out
        ),
    ]
    selection = present(
        {
            "props": props,
            "include-controls": [{"control-id": tokens[each.control.id]} for each in judged],
            "exclude-controls": [{"control-id": tokens[each.control.id]} for each in left_out],
        }
    )
    if not judged:
        selection["include-all"] = {}
    objectives = [{"objective-id": _objective(tokens[each.control.id])} for each in judged]
    return present(
        {
            "control-selections": [selection],
            "control-objective-selections": [{"include-objectives": objectives}] if objectives else [],
        }
    )


def _finding(place: Place, result: FrameworkResult, one: ControlResult, tokens: Mapping[str, str]) -> Object:
    framework, control = result.framework, one.control
    satisfied = one.status is Status.PASS
    return present(
        {
            "uuid": place.identify("finding", control.id),
            "title": line(f"{control.id}: {control.title}"),
            "description": prose(one.reason),
            "props": state_props(one),
            "target": {
                "type": "objective-id",
                "target-id": _objective(tokens[control.id]),
                "title": line(control.title),
                "description": prose(f"Rule: {control.rule}"),
                "status": present(
                    {
                        "state": "satisfied" if satisfied else "not-satisfied",
                        "reason": _REASONS.get(one.status, "other"),
                        "remarks": _remarks(one),
                    }
                ),
            },
            "related-observations": related("observation-uuid", observations_of(place, framework, one)),
            "related-risks": [] if satisfied else [{"risk-uuid": risk_id(place, framework, control.id)}],
        }
    )


def _objective(token: str) -> str:
    return f"{token}_obj"


def _remarks(one: ControlResult) -> str:
    if one.status is Status.INSUFFICIENT:
        return "Insufficient evidence: it is not known whether it is met."
    if one.waiver is not None:
        return line(f"Waived by {one.waiver.id} until {instant(one.waiver.expires_at_us)}.")
    return ""
