"""A privacy impact assessment as a page that a person can file."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

from trueline_rules.privacy_model import RISK_LEVELS

from trueline_server.compliance.pages import Markup, marked, page, paragraph, section, table
from trueline_server.compliance.privacy import DataUse, PrivacyReport, RightResult, Support

_SAID: Mapping[bool | None, str] = {True: "yes", False: "no", None: "not known"}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SHORT = 24
_KINDS = {"low": "good", "medium": "open", "high": "bad", "very_high": "bad"}
_SUPPORT = {
    Support.SUPPORTED: ("served", "good"),
    Support.NOT_SUPPORTED: ("not served", "bad"),
    Support.UNKNOWN: ("not known", "open"),
    Support.NOT_APPLICABLE: ("does not apply", "note"),
}


def privacy_page(report: PrivacyReport, name: str, at_us: int, revision: str) -> str:
    """The report about a processing, as it was judged at an instant (µs since 1970, UTC) by a revision of the rules."""
    at = (_EPOCH + timedelta(microseconds=at_us)).strftime("%Y-%m-%d %H:%M UTC")
    made = f"Judged at {at} by profile {report.profile.metadata.name}, rules {revision}."
    return page(
        f"{report.profile.title}: {name}",
        [
            paragraph(made, "note"),
            *_verdict(report),
            _findings(report),
            _data(report),
            _risks(report),
            _sharing(report),
            _rights(report),
            _sign_off(),
        ],
    )


def _verdict(report: PrivacyReport) -> Iterator[str]:
    wrong = sum(not finding.unknown for finding in report.findings)
    unknown = len(report.findings) - wrong
    if report.passed:
        yield paragraph("Nothing is wrong, and all that was needed is known.", "good")
    else:
        yield paragraph(f"{wrong} wrong, {unknown} not known.", "bad")
    required = "It is required" if report.required else "It is not required"
    risk = f"Risk: {_words(report.risk)}. What measures leave of it: {_words(report.residual)}."
    rows = [
        ("Full assessment", f"{required}: {report.required_reason}."),
        ("Risk", f"{risk} {report.risk_reason[0].upper()}{report.risk_reason[1:]}."),
        ("Authority", _authority(report)),
        ("People concerned", f"{report.processing.people:,.0f}" if report.processing.people else "not known"),
        ("Automated decisions", _SAID[report.processing.automated_decisions]),
        ("Measures", _measures(report)),
    ]
    yield section("Verdict", table(("question", "answer"), rows))


def _authority(report: PrivacyReport) -> str:
    if not report.residual:
        return "Whether it must be asked before is not known, as the risk is not."
    return "It must be asked before." if report.prior_consultation else "It need not be asked before."


def _measures(report: PrivacyReport) -> str:
    taken = [report.profile.measures[name].title for name in sorted(report.processing.measures)]
    return "; ".join(taken) or "none"


def _findings(report: PrivacyReport) -> str:
    rows = [
        (
            marked(finding.severity, "open" if finding.unknown else "bad"),
            _spaced(finding.about),
            finding.text,
            _whole(finding.reference),
            finding.mitigation,
        )
        for finding in report.findings
    ]
    if not rows:
        return section("Findings", paragraph("None."))
    return section("Findings", table(("severity", "about", "what", "reference", "what to do"), rows))


def _data(report: PrivacyReport) -> str:
    rows = []
    for each in report.data:
        kept = "not known" if each.use.retention_days is None else f"{each.use.retention_days:g} days"
        limit = "no limit" if each.limit_days is None else f"{each.limit_days} days at most"
        rows.append(
            (
                each.use.data_type,
                f"{_spaced(each.category)}, {_words(each.sensitivity)} sensitivity",
                each.use.purpose or "not known",
                _basis(report, each.use),
                _SAID[each.use.encrypted],
                f"{kept} ({limit})",
            )
        )
    if not rows:
        return section("Data", paragraph("It is not said which data is processed.", "open"))
    return section("Data", table(("data", "kind", "purpose", "legal basis", "encrypted", "kept for"), rows))


def _basis(report: PrivacyReport, use: DataUse) -> str:
    basis = report.profile.legal_bases.get(use.legal_basis)
    if basis is None:
        return "not known"
    told = f"{basis.title} ({basis.reference})" if basis.reference else basis.title
    # Of other bases nobody keeps a consent.
    recorded = {True: ", recorded", False: ", not recorded", None: ""}[use.consent_recorded]
    return f"{told}{recorded}"


def _risks(report: PrivacyReport) -> str:
    rows = [
        (each.use.data_type, "; ".join(each.why) or "nothing", _risk(each.risk), _risk(each.residual))
        for each in report.data
    ]
    if not rows:
        return ""
    return section("Risk", table(("data", "what makes harm likely", "risk", "risk left"), rows))


def _sharing(report: PrivacyReport) -> str:
    rows = []
    for each in report.data:
        for sharing in each.use.shared_with:
            safeguard = report.profile.safeguards.get(sharing.safeguard)
            contract = {True: "signed", False: "none", None: "not known"}[sharing.contract]
            rows.append(
                (
                    each.use.data_type,
                    sharing.recipient,
                    sharing.country or "not known",
                    "none" if safeguard is None else f"{safeguard.title} ({safeguard.reference})",
                    contract,
                )
            )
    if not rows:
        return section("Sharing", paragraph("No data is given to others."))
    return section("Sharing", table(("data", "recipient", "country", "safeguard", "contract"), rows))


def _rights(report: PrivacyReport) -> str:
    rows = [
        (
            found.right.title,
            _whole(found.right.reference),
            _support(found),
            found.reason,
            f"{found.right.answer_days} days",
        )
        for found in report.rights
    ]
    columns = ("right", "reference", "state", "how", "answer within")
    return section("Rights of those whom the data is about", table(columns, rows))


def _sign_off() -> str:
    """Room for what persons add by hand."""
    asked = ("Assessed by", "Advice of the data protection officer", "Decision")
    return section("Sign-off", table(("what", "in words", "name and date"), [(each, "", "") for each in asked], "form"))


def _support(found: RightResult) -> Markup:
    return marked(*_SUPPORT[found.support])


def _spaced(name: str) -> str:
    """A name of the profile as people write it, so that it can take several lines."""
    return name.replace("_", " ")


def _whole(reference: str) -> str:
    """A reference on one line, if it is short."""
    return marked(reference, "") if len(reference) <= _SHORT else reference


def _risk(level: int) -> Markup:
    return marked(_words(level), _KINDS.get(RISK_LEVELS[level - 1], ""))


def _words(level: int) -> str:
    return RISK_LEVELS[level - 1].replace("_", " ") if level else "not known"
