"""A report as a page for people: what is open first, then waivers, evidence with its age, and every control."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from trueline_server.compliance.export.report import OPEN, Report, minute, severest, what_to_do
from trueline_server.compliance.model import ControlResult, EvidenceState, FoundEvidence, FrameworkResult, Status
from trueline_server.compliance.pages import Markup, bar, marked, page, paragraph, section, shown, table
from trueline_server.compliance.tally import Tally, tally_of

_DAY_US = 86_400_000_000
_WORDS: Mapping[Status, tuple[str, str]] = {
    Status.PASS: ("passes", "good"),
    Status.WAIVED: ("waived", "note"),
    Status.INSUFFICIENT: ("not known", "open"),
    Status.FAIL: ("fails", "bad"),
    Status.NOT_APPLICABLE: ("n/a", "note"),
}
_STATES = {EvidenceState.FRESH: "good", EvidenceState.EXPIRED: "bad", EvidenceState.MISSING: "bad"}


def html_report(report: Report) -> str:
    """The page."""
    known = "" if report.known_us is None else f"what was known at {minute(report.known_us)} and "
    asked = f"Judged at {minute(report.at_us)} by {known}rules {report.revision}, for tenant {report.tenant}."
    parts = [paragraph(asked, "note"), *_verdict(report)]
    if report.results:
        parts += [_summary(report), _findings(report), _waivers(report), _evidence(report), *_controls(report)]
    return page(f"Compliance of {report.subject}", parts)


def _verdict(report: Report) -> Iterator[str]:
    statuses = [one.status for _, one in report.controls()]
    failed, unknown = statuses.count(Status.FAIL), statuses.count(Status.INSUFFICIENT)
    waived = statuses.count(Status.WAIVED)
    if not any(status is not Status.NOT_APPLICABLE for status in statuses):
        yield paragraph("Nothing was judged: no control of a framework in force concerns it.", "open")
    elif failed or unknown:
        yield paragraph(f"Not satisfied: {failed} fail, {unknown} not known, {waived} waived.", "bad")
    else:
        yield paragraph(f"Satisfied: all that applies passes{f', but {waived} waived' if waived else ''}.", "good")


def _summary(report: Report) -> str:
    rows = []
    for result in report.results:
        tally = tally_of((each.status, each.control.severity) for each in result.controls)
        counts = [tally.statuses.get(status, 0) for status in _WORDS]
        named = f"{result.framework.title} {result.framework.version}"
        rows.append((named, _bar(tally), *map(str, counts), _score(tally)))
    columns = ("framework", "share", *(word for word, _ in _WORDS.values()), "score")
    note = (
        "Score: share of what applies that passes, weighted by severity; what is not known or waived does not pass."
        " N/a: does not concern the subject."
    )
    return section("Summary", table(columns, rows), paragraph(note, "note"))


def _bar(tally: Tally) -> Markup:
    applying = [(status, words) for status, words in _WORDS.items() if status is not Status.NOT_APPLICABLE]
    return bar([(tally.statuses.get(status, 0), word, kind) for status, (word, kind) in applying])


def _score(tally: Tally) -> str:
    score = tally.rates.weighted_score
    return "-" if score is None else f"{score:.0%}"


def _findings(report: Report) -> str:
    rows = [
        (
            Markup(f"{marked(one.control.severity, _WORDS[one.status][1])}<br>{_status(one)}"),
            _named(result, one),
            one.control.title,
            _sentence(one.reason),
            what_to_do(one.control),
        )
        for result in report.results
        for one in severest(each for each in result.controls if each.status in OPEN)
    ]
    if not rows:
        return section("Findings", paragraph("None."))
    return section("Findings", table(("severity", "control", "what it asks for", "why it is open", "what to do"), rows))


def _waivers(report: Report) -> str:
    rows = []
    for result, one in report.controls():
        waiver = one.waiver
        if waiver is not None:
            rows.append(
                (
                    _named(result, one),
                    f"{waiver.id}: {waiver.reason}",
                    waiver.compensating_control,
                    f"{waiver.requested_by}, approved by {waiver.approved_by}",
                    f"{minute(waiver.expires_at_us)}, {_days(waiver.expires_at_us - report.at_us)} left",
                )
            )
    if not rows:
        return section("Waivers", paragraph("None is in force."))
    return section("Waivers", table(("control", "why", "instead", "asked for by", "until"), rows))


def _evidence(report: Report) -> str:
    """What controls need that concern the subject; a piece that counts as long for several is one row."""
    users: dict[tuple[str, str, int], tuple[FoundEvidence, list[str]]] = {}
    for result, one in report.controls():
        for found in one.evidence if one.status is not Status.NOT_APPLICABLE else ():
            key = (found.type, found.evidence.id if found.evidence is not None else "", found.fresh_until_us)
            users.setdefault(key, (found, []))[1].append(f"{result.framework.metadata.name} {one.control.id}")
    rows = [
        (marked(found.type, ""), marked(found.state, _STATES[found.state]), *_piece(report, found), ", ".join(controls))
        for _, (found, controls) in sorted(users.items(), key=lambda each: each[0])
    ]
    if not rows:
        return section("Evidence", paragraph("No control asks for any."))
    return section("Evidence", table(("type", "state", "piece", "collected", "counts until", "for"), rows))


def _piece(report: Report, found: FoundEvidence) -> tuple[str, str, str]:
    evidence = found.evidence
    if evidence is None:
        return ("none", "", "")
    age = _days(report.at_us - evidence.collected_at_us)
    collected = f"{minute(evidence.collected_at_us)}, {age} old"
    where = f", {evidence.uri}" if evidence.uri else ""
    digest = f", SHA-256 {evidence.sha256}" if evidence.sha256 else ""
    return (f"{evidence.id} from {evidence.source}{where}{digest}", collected, minute(found.fresh_until_us))


def _controls(report: Report) -> Iterator[str]:
    for result in report.results:
        rows = [
            (marked(one.control.id, ""), one.control.title, one.control.severity, _status(one), _why(one))
            for one in result.controls
        ]
        title = f"All controls of {result.framework.title} {result.framework.version}"
        yield section(title, table(("control", "asks for", "severity", "status", "why"), rows))


def _named(result: FrameworkResult, one: ControlResult) -> Markup:
    return Markup(f"{shown(result.framework.title)} {marked(one.control.id, '')}")


def _why(one: ControlResult) -> str:
    return "See findings." if one.status in OPEN else _sentence(one.reason)


def _status(one: ControlResult) -> Markup:
    return marked(*_WORDS[one.status])


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


def _days(span_us: int) -> str:
    days = span_us / _DAY_US
    return f"{days:.0f} days" if days >= 2 else f"{days * 24:.0f} hours"
