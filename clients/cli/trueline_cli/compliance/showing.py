"""Compliance in words and tables of at most 80 columns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.text import Text

from trueline_cli import style

if TYPE_CHECKING:
    from trueline import (
        ComplianceCoverage,
        ComplianceFrameworks,
        Evidence,
        PrivacyImpactAssessment,
        SecurityAssessment,
        Waiver,
    )

_WORDS = {
    "pass": ("pass", "green"),
    "fail": ("fail", "red"),
    "insufficient_evidence": ("unknown", "yellow"),
    "waived": ("waived", "cyan"),
    "not_applicable": ("n/a", "dim"),
    "unspecified": ("?", "dim"),
}
_SEVERITIES = {"critical": "red", "high": "yellow"}
# Statuses that leave something to do.
OPEN = ("fail", "insufficient_evidence")


def show_frameworks(found: ComplianceFrameworks, *, with_controls: bool) -> None:
    """Print frameworks in force, one a line, or with their controls."""
    if not with_controls:
        made = style.table("framework", "title", "version", "controls", right=("controls",), fold=("title", "version"))
        for each in found.frameworks.values():
            made.add_row(each.name, each.title, each.version, f"{each.total_controls:,}")
        style.show(made)
        return
    for each in found.frameworks.values():
        made = style.table("control", "severity", "asks for", fold=("asks for",), cut={"control": 18})
        for one in each.controls:
            told = [one.title, f"rule: {one.rule}"]
            told += [f"applies: {one.applies}"] if one.applies else []
            told += [f"evidence: {need.type}, {need.freshness.days} days" for need in one.evidence]
            made.add_row(one.control_id, severity_word(one.severity.value), "\n".join(told))
        style.show("", Text(f"{each.name}: {each.title} {each.version}", style="bold"), made)


def show_security(found: SecurityAssessment) -> None:
    """Print how secure something is, by area."""
    score = "" if found.score is None else f", score {found.score * 100:.0f} %"
    style.show(Text.assemble(f"{found.name}: ", (found.level, "bold"), score), f"as {found.level_reason}", "")
    made = style.table("area", "pass", "fail", "unknown", "worst", right=("pass", "fail", "unknown"))
    for area in found.areas:
        worst = severity_word("" if area.worst.value == "unspecified" else area.worst.value)
        made.add_row(area.area.replace("_", " "), str(area.passed), str(area.failed), str(area.unknown), worst)
    style.show(made)


def show_findings(found: SecurityAssessment) -> None:
    """Print each thing that is wrong or not known, with the reason and what to do."""
    for each in found.findings:
        severity, status = severity_word(each.severity.value), status_word(each.status.value)
        style.show("", Text.assemble(f"{each.control_id}  ", severity, "  ", status, f"  {each.title}"), each.reason)
        if each.mitigation:
            style.show(Text(each.mitigation, style="dim"))


def show_privacy(found: PrivacyImpactAssessment) -> None:
    """Print what a processing does to people: verdict, risk, findings."""
    verdict = Text("passed", style="bold green") if found.passed else Text("not passed", style="bold red")
    required = "required" if found.assessment_required else "not required"
    style.show(
        Text.assemble(f"{found.name}: ", verdict),
        f"full assessment {required}: {found.assessment_reason}",
        f"risk {_level(found.risk.value)}, left {_level(found.residual_risk.value)}: {found.risk_reason}",
    )
    if found.prior_consultation:
        style.show(Text("the authority must be asked before", style="red"))
    made = style.table("right", "reference", "served", fold=("right",))
    for right in found.rights:
        made.add_row(right.title, right.reference, right.support.value.replace("_", " "))
    style.show("", made)
    for each in found.findings:
        what = Text("unknown", style="yellow") if each.unknown else Text("wrong", style="red")
        head = Text.assemble(f"{each.about}  ", severity_word(each.severity.value), "  ", what, f"  {each.reference}")
        style.show("", head, each.text)
        if each.mitigation:
            style.show(Text(each.mitigation, style="dim"))


def show_coverage(found: ComplianceCoverage, framework: str, by_framework: str) -> None:
    """Print which controls are covered, and by which chain."""
    share = "" if found.mean_share is None else f", mean share {found.mean_share * 100:.1f} %"
    style.show(
        f"{framework} by {by_framework}: {found.covered_any:,} of {found.targets:,} in part or in all, "
        f"{found.covered_all:,} in all{share}"
    )
    made = style.table("control", "share", "by", "chain", right=("share",), fold=("chain",), cut={"control": 18})
    for each in found.controls:
        how = "" if not each.hops else "in full" if each.full else each.relation.value
        chain = " > ".join(f"{hop.framework} {hop.control_id}" for hop in each.hops)
        made.add_row(each.control_id, f"{each.share * 100:.0f} %", how, chain)
    style.show("", made)


def show_evidence(found: Sequence[Evidence]) -> None:
    """Print evidence, one a line."""
    made = style.table("evidence", "subject", "type", "collected", "source", fold=("subject", "type", "source"))
    for each in found:
        collected = style.moment(each.collected_at, short=True)
        made.add_row(each.evidence_id, str(each.subject), each.type, collected, each.source)
    style.show(made if found else "no evidence was recorded")


def show_waivers(found: Sequence[Waiver]) -> None:
    """Print waivers, one a line, with who approved them and until when."""
    made = style.table("waiver", "control", "until", "by", "instead", fold=("control", "by", "instead"))
    for each in found:
        until = style.moment(each.expires_at, short=True)
        if each.revoked_at is not None:
            until = f"revoked {each.revoked_at:%Y-%m-%d}"
        people = f"{each.requested_by}, {each.approved_by}"
        control = f"{each.framework} {each.control_id}\n{each.subject}"
        made.add_row(each.waiver_id, control, until, people, each.compensating_control)
    style.show(made if found else "no waiver is in force")


def status_word(status: str) -> Text:
    """A status in a word and its colour."""
    word, colour = _WORDS.get(status, (status, ""))
    return Text(word, style=colour)


def severity_word(severity: str) -> Text:
    """A severity in its colour."""
    return Text(severity, style=_SEVERITIES.get(severity, ""))


def _level(level: str) -> str:
    return "not known" if level == "unspecified" else level.replace("_", " ")
