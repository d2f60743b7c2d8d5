"""What assessment results and plan of action have in common: metadata, components, observations and risks."""

from __future__ import annotations

from dataclasses import dataclass

from trueline_rules.compliance_model import TENANT, ComplianceFramework
from trueline_rules.expressions.showing import show_value

from trueline_server.compliance.export.oscal_values import (
    NS,
    Object,
    identify,
    line,
    present,
    prop,
    prose,
    reference,
    related,
)
from trueline_server.compliance.export.report import Report, instant
from trueline_server.compliance.model import ControlResult, EvidenceState, FoundEvidence, KnownFact, Status, Waiver

LATEST, EARLIER = "1.2.1", "1.0.4"
VERSIONS = (LATEST, EARLIER)


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands: in a report, under a framework; a plan of action has one place for all."""

    report: Report
    document: str
    framework: ComplianceFramework | None = None

    def identify(self, *names: str) -> str:
        """UUID of something by its names in this place."""
        subject, framework = self.report.subject, "" if self.framework is None else self.framework.metadata.name
        return identify(self.report.tenant, subject.kind, subject.id, self.document, framework, *names)


def metadata(report: Report, title: str, version: str) -> Object:
    """Whom the document is about, as of which instant, by what was known when, by which rules."""
    at = instant(report.at_us)
    known = None if report.known_us is None else instant(report.known_us)
    return {
        "title": line(f"{title}: {report.subject}"),
        "last-modified": at,
        "version": at if known is None else f"{at} known {known}",
        "oscal-version": version,
        "props": [
            *([prop("known-at", known)] if known is not None else []),
            prop("rule-revision", report.revision),
            *([prop("subject-id", report.subject.id)] if report.subject.id else []),
            prop("subject-kind", report.subject.kind),
            prop("tenant", report.tenant),
        ],
    }


def components(place: Place) -> list[Object]:
    """What is judged, and what judges."""
    subject = place.report.subject
    return [
        {
            "uuid": place.identify("subject"),
            "type": "this-system" if subject.kind == TENANT else "system",
            "title": line(str(subject)),
            "description": line(f"What is judged: {subject}, of tenant {place.report.tenant}."),
            "status": {"state": "operational"},
        },
        {
            "uuid": place.identify("tool"),
            "type": "software",
            "title": "Trueline",
            "description": "Judges controls as rules over facts and evidence.",
            "status": {"state": "operational"},
        },
    ]


def observe_fact(place: Place, name: str, fact: KnownFact) -> Object:
    """A fact that is known."""
    source = "given by the call" if fact.given else "kept"
    return {
        "uuid": place.identify("fact", name),
        "title": f"Fact {line(name)}",
        "description": prose(f"{name} is {show_value(fact.value)}, {source}."),
        "methods": ["TEST"],
        "types": ["control-objective"],
        "subjects": _about(place),
        "collected": instant(place.report.at_us if fact.given else fact.observed_at_us),
    }


def observe_evidence(place: Place, framework: str, control: str, found: FoundEvidence) -> Object | None:
    """Evidence as far as it counts for a control; None if there is none."""
    evidence = found.evidence
    if evidence is None:
        return None
    relevant = present(
        {
            "href": reference(evidence.uri),
            "description": prose(evidence.note, line(f"{evidence.type} from {evidence.source}")),
            "props": [prop("sha256", evidence.sha256)] if evidence.sha256 else [],
        }
    )
    return {
        "uuid": place.identify("evidence", framework, control, found.type, evidence.id),
        "title": line(f"Evidence {evidence.id}: {evidence.type}"),
        "description": line(
            f"{evidence.type} from {evidence.source}, which is {found.state} for {framework} {control}."
        ),
        "methods": ["EXAMINE"],
        "types": ["control-objective"],
        "props": [
            prop("evidence-id", evidence.id),
            prop("evidence-state", found.state),
            prop("evidence-subject", str(evidence.subject)),
        ],
        "subjects": _about(place),
        "relevant-evidence": [relevant],
        "collected": instant(evidence.collected_at_us),
        "expires": instant(found.fresh_until_us),
    }


def observations_of(place: Place, framework: ComplianceFramework, result: ControlResult) -> list[Object]:
    """What was seen for a control: facts that are known, and evidence that there is."""
    facts = [observe_fact(place, fact_name, fact) for fact_name, fact in result.facts.items() if fact is not None]
    name = framework.metadata.name
    evidence = [observe_evidence(place, name, result.control.id, found) for found in result.evidence]
    return [*facts, *(each for each in evidence if each is not None)]


def risk_id(place: Place, framework: ComplianceFramework, control: str) -> str:
    """UUID of the risk of a control."""
    return place.identify("risk", framework.metadata.name, control)


def risk_of(place: Place, framework: ComplianceFramework, result: ControlResult) -> Object:
    """What is at risk while a control does not pass. A waiver is a deviation that is approved until it ends."""
    control, waiver = result.control, result.waiver
    names = (framework.metadata.name, control.id)
    return present(
        {
            "uuid": risk_id(place, framework, control.id),
            "title": line(f"{control.id}: {control.title}"),
            "description": prose(result.reason),
            "statement": line(f"{framework.title} {control.id} is not shown to be met: {control.title}"),
            "props": state_props(result),
            "status": "open" if waiver is None else "deviation-approved",
            "characterizations": [
                {
                    "origin": {"actors": [{"type": "tool", "actor-uuid": place.identify("tool")}]},
                    "facets": [{"name": "severity", "system": NS, "value": control.severity.value}],
                }
            ],
            "mitigating-factors": [] if waiver is None else [_mitigating(place, waiver)],
            "deadline": None if waiver is None else instant(waiver.expires_at_us),
            "remediations": _remediations(place, names, result),
            "risk-log": None if waiver is None else {"entries": [_granted(place, waiver)]},
            "related-observations": related("observation-uuid", observations_of(place, framework, result)),
        }
    )


def state_props(result: ControlResult) -> list[Object]:
    """The reference of the standard, what the control came to, and what is lacking."""
    lacking = [found for found in result.evidence if found.state is not EvidenceState.FRESH]
    return [
        prop("control-reference", result.control.id),
        prop("severity", result.control.severity),
        prop("status", result.status),
        *([prop("status-without-waiver", result.without_waiver)] if result.waiver is not None else []),
        *(prop("missing-fact", name) for name in sorted(result.missing)),
        *(prop("missing-evidence", found.type, remarks=f"It is {found.state}.") for found in lacking),
    ]


def _about(place: Place) -> list[Object]:
    return [{"subject-uuid": place.identify("subject"), "type": "component"}]


def _mitigating(place: Place, waiver: Waiver) -> Object:
    return {
        "uuid": place.identify("compensating-control", waiver.id),
        "description": prose(waiver.compensating_control),
    }


def _granted(place: Place, waiver: Waiver) -> Object:
    return {
        "uuid": place.identify("granted", waiver.id),
        "title": line(f"{waiver.id} is granted"),
        "description": prose(f"Asked for by {waiver.requested_by}, approved by {waiver.approved_by}: {waiver.reason}"),
        "start": instant(waiver.granted_at_us),
        "end": instant(waiver.expires_at_us),
        "status-change": "deviation-approved",
    }


def _remediations(place: Place, names: tuple[str, str], result: ControlResult) -> list[Object]:
    """What to do, and, of a control that is waived, by when: its milestone is the end of the waiver."""
    waiver, text = result.waiver, result.control.remediation
    if not text and waiver is None:
        return []
    tasks = []
    if waiver is not None:
        tasks.append(
            {
                "uuid": place.identify("waiver-ends", waiver.id),
                "type": "milestone",
                "title": line(f"{waiver.id} ends"),
                "description": "From then on the control counts as it is.",
                "timing": {"on-date": {"date": instant(waiver.expires_at_us)}},
            }
        )
    return [
        present(
            {
                "uuid": place.identify("remediation", *names),
                "lifecycle": "planned" if result.status is Status.WAIVED else "recommendation",
                "title": line(f"Meet {result.control.id}"),
                "description": prose(text, line(f"Meet what it asks for: {result.control.title}")),
                "tasks": tasks,
            }
        )
    ]
