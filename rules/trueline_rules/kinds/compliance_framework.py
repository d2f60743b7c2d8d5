"""Kind ComplianceFramework: the controls of a standard as rules over facts, and the evidence that they need."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from trueline_rules.compliance_model import (
    TENANT,
    ComplianceFramework,
    Contradiction,
    Control,
    ControlSeverity,
    EvidenceNeed,
    Level,
)
from trueline_rules.compliance_rules import COUNTS, FactSet, compile_condition, compile_rule, fact_set, readable
from trueline_rules.expressions import Expression, ExpressionError
from trueline_rules.kinds.alert_rule import CONDITION, tell_expression
from trueline_rules.kinds.fact_type import SUBJECT
from trueline_rules.kinds.kind import Kind, Known, Spec
from trueline_rules.model import Metadata
from trueline_rules.names import quoted
from trueline_rules.records import Key, ListOf, Record
from trueline_rules.scalars import Choice, Flag, Text
from trueline_rules.site import Path, Site
from trueline_rules.spans import WINDOW_OF_TIME, format_span, parse_span

MOST_CONTROLS = 2000

CONTROL_ID = Text("a control's reference", most=128)
NAME = Text("a name of lowercase letters, digits and '_'", "[a-z][a-z0-9_]{0,62}", most=63)
PROSE = Text("a text", lines=True, most=2048)
_TITLE = Text("a text", most=512)

_EVIDENCE = Record(
    {
        "type": Key(NAME, "Its type, as evidence is recorded.", required=True),
        "description": Key(PROSE, "What it is, for people."),
        "freshness": Key(WINDOW_OF_TIME, "How old it may be.", required=True),
    }
)
_CONTROL = Record(
    {
        "id": Key(CONTROL_ID, "Reference of the standard, unique in the framework.", required=True),
        "title": Key(_TITLE, "What it asks for, in your own words.", required=True),
        "group": Key(_TITLE, "Where it stands in the standard."),
        "area": Key(NAME, "Area of security that it belongs to."),
        "severity": Key(Choice(tuple(ControlSeverity)), "How much it weighs: 1, 3, 7 or 10 in a score.", required=True),
        "subject": Key(SUBJECT, "Whose facts, evidence and waivers count: that of the framework, or tenant."),
        "applies": Key(CONDITION, "When it concerns a subject; absent = always. Where it is unknown, it does."),
        "rule": Key(CONDITION, "What holds where it is met; where it is unknown, it does not pass.", required=True),
        "evidence": Key(ListOf(_EVIDENCE, most=16), "Evidence that must be there beside the rule."),
        "remediation": Key(PROSE, "What to do if it does not pass."),
        "waivable": Key(Flag(), "Whether a waiver may be granted.", default=True),
    }
)

SPEC = Record(
    {
        "title": Key(_TITLE, "What to call it.", required=True),
        "version": Key(Text("a version", most=64), "Version of the standard.", required=True),
        "reference": Key(Text("an address", most=2048), "Where the standard is to be found."),
        "subject": Key(SUBJECT, "Kind of subject that it judges.", required=True),
        "controls": Key(ListOf(_CONTROL, most=MOST_CONTROLS, unique=False), "What it asks for.", required=True),
        "contradictions": Key(
            ListOf(
                Record(
                    {
                        "when": Key(CONDITION, "What cannot hold.", required=True),
                        "text": Key(PROSE, "Why, for people.", required=True),
                    }
                )
            ),
            "Facts that cannot hold together; who gives them is refused.",
        ),
        "levels": Key(
            ListOf(
                Record(
                    {
                        "name": Key(NAME, "Name of the level.", required=True),
                        "when": Key(CONDITION, f"Condition over {', '.join(COUNTS)}.", required=True),
                    }
                ),
                most=16,
            ),
            "Levels of security; the first whose condition holds is the level.",
        ),
    }
)


def build(metadata: Metadata, spec: Spec, site: Site) -> ComplianceFramework:
    """Make a framework; its conditions are compiled once the fact types are known."""
    controls = tuple(_control(written, spec["subject"]) for written in spec["controls"])
    _refuse_twice([("spec", "controls", at, "id") for at in range(len(controls))], [c.id for c in controls], site)
    for place, control in enumerate(controls):
        if control.subject not in {spec["subject"], TENANT}:
            told = f"is {quoted(control.subject)}, must be {spec['subject']} or {TENANT}"
            site.problem(("spec", "controls", place, "subject"), told)
        paths: list[Path] = [("spec", "controls", place, "evidence", at, "type") for at in range(len(control.evidence))]
        _refuse_twice(paths, [need.type for need in control.evidence], site)
    levels = tuple(Level(written["name"], written["when"]) for written in spec.get("levels", ()))
    _refuse_twice([("spec", "levels", at, "name") for at in range(len(levels))], [level.name for level in levels], site)
    return ComplianceFramework(
        metadata=metadata,
        title=spec["title"],
        version=spec["version"],
        subject=spec["subject"],
        controls=controls,
        reference=spec.get("reference", ""),
        contradictions=tuple(Contradiction(each["when"], each["text"]) for each in spec.get("contradictions", ())),
        levels=levels,
    )


def dump(framework: ComplianceFramework) -> dict[str, Any]:
    """Write a framework as a spec."""
    spec: dict[str, Any] = {
        "title": framework.title,
        "version": framework.version,
        "reference": framework.reference,
        "subject": framework.subject,
        "controls": [_dump_control(control, framework.subject) for control in framework.controls],
        "contradictions": [{"when": each.when, "text": each.text} for each in framework.contradictions],
        "levels": [{"name": level.name, "when": level.when} for level in framework.levels],
    }
    return {key: value for key, value in spec.items() if value}


def check(framework: ComplianceFramework, site: Site, known: Known) -> None:
    """Note conditions that do not compile against the facts of the subject and of the tenant."""
    facts = {subject: readable(subject, known.fact_types) for subject in (framework.subject, TENANT)}
    for place, control in enumerate(framework.controls):
        path: Path = ("spec", "controls", place)
        for key, text in (("applies", control.applies), ("rule", control.rule)):
            if text:
                read = facts[control.subject]
                _check_condition(partial(compile_rule, text, read), read, (*path, key), site, known)
    for place, contradiction in enumerate(framework.contradictions):
        path, read = ("spec", "contradictions", place, "when"), facts[framework.subject]
        _check_condition(partial(compile_condition, contradiction.when, read), read, path, site, known)
    for place, level in enumerate(framework.levels):
        try:
            compile_condition(level.when, fact_set(COUNTS))
        except ExpressionError as error:
            tell_expression(error, ("spec", "levels", place, "when"), site)


def _check_condition(compiled: Callable[[], Expression], facts: FactSet, path: Path, site: Site, known: Known) -> None:
    try:
        compiled()
    except ExpressionError as error:
        strange = error.fragment
        if strange in facts or strange not in known.names.get("FactType", frozenset()):
            tell_expression(error, path, site)
        elif strange in known.fact_types:
            told = f"reads {quoted(strange)}, a fact of subject {known.fact_types[strange].subject}"
            exact = None if error.start is None else site.place_in(path, error.start)
            site.problem(path, f"{told}; conditions read facts of their own subject and of the tenant", at=exact)
        # A fact type that is broken is told already.


def _refuse_twice(paths: Iterable[Path], names: Iterable[str], site: Site) -> None:
    first: dict[str, Path] = {}
    for path, name in zip(paths, names, strict=True):
        before = first.setdefault(name, path)
        if before != path:
            line = site.place(before).line
            site.problem(path, f"is {quoted(name)}, as on line {line} already; each has one of its own")


def _control(written: Spec, subject: str) -> Control:
    return Control(
        id=written["id"],
        title=written["title"],
        severity=ControlSeverity(written["severity"]),
        rule=written["rule"],
        subject=written.get("subject", subject),
        applies=written.get("applies", ""),
        group=written.get("group", ""),
        area=written.get("area", ""),
        evidence=tuple(
            EvidenceNeed(each["type"], each.get("description", ""), parse_span(each["freshness"]).us)
            for each in written.get("evidence", ())
        ),
        remediation=written.get("remediation", ""),
        waivable=written.get("waivable", True),
    )


def _dump_control(control: Control, subject: str) -> dict[str, Any]:
    spec: dict[str, Any] = {
        "id": control.id,
        "title": control.title,
        "group": control.group,
        "area": control.area,
        "severity": str(control.severity),
        "subject": control.subject if control.subject != subject else "",
        "applies": control.applies,
        "rule": control.rule,
        "evidence": [_dump_evidence(need) for need in control.evidence],
        "remediation": control.remediation,
    }
    return {key: value for key, value in spec.items() if value} | ({} if control.waivable else {"waivable": False})


def _dump_evidence(need: EvidenceNeed) -> dict[str, str]:
    written = {"type": need.type, "description": need.description, "freshness": format_span(need.freshness_us)}
    return {key: value for key, value in written.items() if value}


KIND = Kind(
    "ComplianceFramework",
    "What a standard asks for: controls as rules over facts, with the evidence that they need.",
    SPEC,
    build,
    dump,
    check,
)
