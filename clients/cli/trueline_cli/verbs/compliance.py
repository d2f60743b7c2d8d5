"""`trueline compliance`: does it comply, where does it stand, what shows it."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trueline_cli import exits, options
from trueline_cli.compliance.reports import add_reports

if TYPE_CHECKING:
    from trueline_cli.compliance.rows import Table

_OUTPUTS = ("table", "json", "csv")
_EXAMPLES = (
    "trueline compliance assess pattern.yaml --framework gdpr --framework soc2",
    "trueline compliance security pattern.yaml",
    "trueline compliance privacy processing.yaml --html report.html",
    "trueline compliance posture --at 2026-03-31",
    "trueline compliance posture automated_reporting --controls",
    "trueline compliance posture --kind pattern",
    "trueline compliance controls gdpr",
    "trueline compliance coverage iso27001 --by soc2",
    "trueline compliance evidence add change_log --source ci --subject reporting",
    "trueline compliance waivers --ended",
    "trueline compliance revoke waiver-7 --by grace",
    "trueline compliance export automated_reporting -o results.json",
)
# These and the next are too many for the page of the verb.
_SECURITY = (*_EXAMPLES[1:2], "trueline compliance security pattern.yaml --all | less")
_POSTURE = (
    *_EXAMPLES[3:6],
    "trueline compliance posture --framework gdpr --controls --all | less",
    "trueline compliance posture automated_reporting --controls --output csv > open.csv",
)
_WAIVE = (
    "trueline compliance waive soc2 CC8.1 --subject reporting --by ada \\\n"
    '    --reason "tool is late" --instead "review by two" \\\n'
    "    --approved-by grace --until 2026-06-30",
)


class ComplianceVerb:
    """Compliance: assess, security, privacy, posture, controls, coverage, evidence, waivers, reports."""

    help = "does it comply, where does it stand, what shows it"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the actions."""
        options.describe(
            parser,
            "Judges patterns and the tenant by ComplianceFramework documents: controls are\n"
            "rules over facts. What is not known is never a pass. Exit status 1 says that\n"
            "something fails or is not known, so that a build can stop.",
            _EXAMPLES,
        )
        verbs = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
        _assessments(verbs)
        _standing(verbs)
        _evidence(verbs)
        _waivers(verbs)
        add_reports(verbs)

    def run(self, args: argparse.Namespace) -> int:
        """Do what was asked."""
        status: int = args.act(args)
        return status


command = ComplianceVerb()


def _action(
    verbs: Any, name: str, about: str, examples: Sequence[str], act: Callable[[argparse.Namespace], int]
) -> argparse.ArgumentParser:
    made = options.action(verbs, name, about, about[0].upper() + about[1:] + ".", examples, outputs=_OUTPUTS)
    made.set_defaults(act=act)
    return made


def _assessments(verbs: Any) -> None:
    assess = _action(
        verbs, "assess", "judge a pattern against standards; 1 if it does not pass", _EXAMPLES[:1], _assess
    )
    assess.add_argument("file", type=Path, metavar="FILE", help="YAML or JSON: subject, name, frameworks, facts")
    assess.add_argument("--framework", action="append", default=[], metavar="NAME", help="by this one; repeatable")
    assess.add_argument("--keep", action="store_true", help="keep the facts of the file")
    assess.add_argument("--controls", action="store_true", help="each control that is open, with reasons")
    assess.add_argument("--all", action="store_true", help="every control, with reasons")
    security = _action(verbs, "security", "judge its security by area; 1 if anything is open", _SECURITY, _security)
    security.add_argument("file", type=Path, metavar="FILE", help="YAML or JSON: subject, name, facts")
    security.add_argument("--framework", default="", metavar="NAME", help="by this one (security_baseline)")
    security.add_argument("--all", action="store_true", help="every finding, with the reason and what to do")
    privacy = _action(
        verbs, "privacy", "assess the impact on people's privacy; 1 if anything is open", _EXAMPLES[2:3], _privacy
    )
    privacy.add_argument("file", type=Path, metavar="FILE", help="YAML or JSON: subject, data, rights, measures, …")
    privacy.add_argument("--html", type=Path, metavar="FILE", help="write the report as a page, too")
    privacy.add_argument("--at", type=options.instant, metavar="TIME", help="as it was then (now)")
    options.add_instants(assess)
    options.add_instants(security)


def _standing(verbs: Any) -> None:
    posture = _action(verbs, "posture", "where subjects stand; 1 if anything is open", _POSTURE, _posture)
    posture.add_argument("subject", nargs="?", default="", metavar="SUBJECT", help="an id (the tenant)")
    posture.add_argument(
        "--kind", default="", metavar="KIND", help="of the subject (pattern); without SUBJECT: all of it"
    )
    posture.add_argument("--framework", action="append", default=[], metavar="NAME", help="by this one; repeatable")
    posture.add_argument(
        "--controls", action="store_true", help="the worst that is open; with --all: all that is open, with reasons"
    )
    posture.add_argument("--all", action="store_true", help="every control, with reasons")
    options.add_instants(posture)
    posture.add_argument("--limit", type=options.count, default=20, metavar="N", help="so many subjects; 0 = all (20)")
    controls = _action(verbs, "controls", "frameworks in force, and what they ask for", _EXAMPLES[6:7], _controls)
    controls.add_argument("frameworks", nargs="*", metavar="FRAMEWORK", help="with the controls of these")
    coverage = _action(verbs, "coverage", "which controls another framework covers", _EXAMPLES[7:8], _coverage)
    coverage.add_argument("framework", metavar="FRAMEWORK", help="that is covered")
    coverage.add_argument("--by", required=True, metavar="FRAMEWORK", help="that covers it")
    coverage.add_argument(
        "--control", action="append", default=[], metavar="ID", help="in place (those that pass); repeatable"
    )
    coverage.add_argument("--hops", type=int, choices=(1, 2, 3), default=3, help="most mappings between them (3)")
    _add_subject(coverage)


def _evidence(verbs: Any) -> None:
    evidence = verbs.add_parser("evidence", help="record and list what shows that controls are in place")
    actions = evidence.add_subparsers(dest="what", metavar="add | list", required=True)
    add = _action(actions, "add", "record evidence", _EXAMPLES[8:9], _add_evidence)
    add.add_argument("type", metavar="TYPE", help="as controls name it")
    add.add_argument("--source", required=True, metavar="WHO", help="who or what collected it")
    add.add_argument("--file", type=Path, metavar="FILE", help="is hashed, and not kept")
    add.add_argument("--uri", default="", metavar="URI", help="where it lies")
    add.add_argument("--note", default="", metavar="TEXT", help="in words")
    add.add_argument("--collected-at", type=options.instant, metavar="TIME", help="when it was collected (now)")
    add.add_argument("--expires-at", type=options.instant, metavar="TIME", help="until when it counts at most")
    add.add_argument("--request-id", default="", metavar="ID", help="the same evidence for the same id")
    _add_subject(add)
    listing = _action(
        actions, "list", "evidence, the newest first", ("trueline compliance evidence list",), _list_evidence
    )
    listing.add_argument("--type", default="", metavar="TYPE", help="only of this type")
    listing.add_argument("--limit", type=options.count, default=20, metavar="N", help="so many; 0 = all (20)")
    _add_subject(listing)


def _waivers(verbs: Any) -> None:
    waive = _action(verbs, "waive", "let a control not pass for a time, at most 90 days", _WAIVE, _waive)
    waive.add_argument("framework", metavar="FRAMEWORK", help="its framework")
    waive.add_argument("control", metavar="CONTROL", help="the control")
    waive.add_argument("--reason", required=True, metavar="TEXT", help="why")
    waive.add_argument("--instead", required=True, metavar="TEXT", help="what is done in its place")
    waive.add_argument("--by", default="", metavar="WHO", help="who asks (you)")
    waive.add_argument("--approved-by", required=True, metavar="WHO", help="who approves: another person")
    waive.add_argument("--until", required=True, type=options.instant, metavar="TIME", help="when it ends")
    waive.add_argument("--request-id", default="", metavar="ID", help="the same waiver for the same id")
    _add_subject(waive)
    listing = _action(verbs, "waivers", "waivers, the newest first", _EXAMPLES[9:10], _list_waivers)
    listing.add_argument("--framework", default="", metavar="NAME", help="only of this one")
    listing.add_argument("--ended", action="store_true", help="those that ended, too")
    listing.add_argument("--limit", type=options.count, default=20, metavar="N", help="so many; 0 = all (20)")
    _add_subject(listing)
    revoke = _action(verbs, "revoke", "end a waiver before its time", _EXAMPLES[10:11], _revoke)
    revoke.add_argument("waiver", metavar="WAIVER", help="as waivers shows it")
    revoke.add_argument("--by", default="", metavar="WHO", help="who revokes it (you)")


def _add_subject(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--subject", default="", metavar="ID", help="of this subject (the tenant)")
    parser.add_argument("--kind", default="", metavar="KIND", help="kind of the subject (pattern)")


def _assess(args: argparse.Namespace) -> int:
    from trueline_cli.compliance.reading import read_pattern
    from trueline_cli.compliance.rows import csv_controls
    from trueline_cli.compliance.verdict import show_verdict, show_verdict_in_full

    file = read_pattern(args.file)
    frameworks = args.framework or file.frameworks
    if not frameworks:
        raise options.UsageError(f"{args.file} names no frameworks; add them there, or give --framework")
    with options.connect(args) as client:
        found = client.assess_pattern(
            file.subject,
            frameworks,
            file.facts,
            kind=file.kind,
            name=file.name,
            keep_facts=args.keep,
            at=args.at,
            known_at=args.known_at,
        )

    def show() -> None:
        if args.controls or args.all:
            show_verdict_in_full(found, every=not args.controls)
        else:
            show_verdict(found)

    _print(args, found, lambda: csv_controls(found.frameworks), show)
    return exits.YES if found.validation_passed else exits.FINDING


def _security(args: argparse.Namespace) -> int:
    from trueline_cli.compliance.reading import read_pattern
    from trueline_cli.compliance.rows import csv_security
    from trueline_cli.compliance.showing import show_findings, show_security
    from trueline_cli.compliance.worst import open_of_security, show_worst

    file = read_pattern(args.file)
    with options.connect(args) as client:
        found = client.assess_security(
            file.subject,
            file.facts,
            kind=file.kind,
            name=file.name,
            framework=args.framework,
            at=args.at,
            known_at=args.known_at,
        )

    def show() -> None:
        show_security(found)
        if args.all:
            show_findings(found)
        else:
            show_worst(open_of_security(found), "--all")

    _print(args, found, lambda: csv_security(found), show)
    return exits.FINDING if found.findings else exits.YES


def _privacy(args: argparse.Namespace) -> int:
    from trueline_cli.compliance.reading import read_privacy
    from trueline_cli.compliance.rows import csv_privacy
    from trueline_cli.compliance.showing import show_privacy

    file = read_privacy(args.file)
    with options.connect(args) as client:
        found = client.assess_privacy_impact(
            file.subject,
            file.data,
            rights=file.rights,
            measures=file.measures,
            people=file.people,
            automated_decisions=file.automated_decisions,
            kind=file.kind,
            name=file.name,
            profile=file.profile,
            at=args.at,
        )
    if args.html is not None:
        try:
            args.html.write_text(found.report_html, encoding="utf-8")
        except OSError as error:
            raise options.UsageError(f"{args.html} cannot be written: {error.strerror}") from None
    _print(args, found, lambda: csv_privacy(found), lambda: show_privacy(found))
    return exits.YES if found.passed else exits.FINDING


def _posture(args: argparse.Namespace) -> int:
    from trueline_cli.compliance.rows import csv_controls, csv_posture
    from trueline_cli.compliance.standing import open_controls, show_posture
    from trueline_cli.compliance.worst import open_of_postures, show_worst

    with_controls = args.controls or args.all
    how: dict[str, Any] = {
        "frameworks": args.framework,
        "with_controls": with_controls,
        "at": args.at,
        "known_at": args.known_at,
    }
    with options.connect(args) as client:
        if args.subject or not args.kind or args.kind == "tenant":
            found = client.get_posture(args.subject, kind=args.kind, **how)
        else:
            found = client.list_postures(args.kind, limit=args.limit, **how)
    single = found.subjects[0].frameworks if with_controls and len(found.subjects) == 1 else None

    def show() -> None:
        show_posture(found, reasons=args.all, every=not args.controls)
        if args.controls and not args.all and found.subjects:
            show_worst(open_of_postures(found.subjects), "--controls --all")

    _print(args, found, lambda: csv_posture(found) if single is None else csv_controls(single), show)
    still_open = open_controls(one for each in found.subjects for one in each.frameworks.values())
    return exits.FINDING if still_open else exits.YES


def _controls(args: argparse.Namespace) -> int:
    from trueline_cli.compliance.rows import csv_frameworks
    from trueline_cli.compliance.showing import show_frameworks

    with_controls = bool(args.frameworks) or args.output == "csv"
    with options.connect(args) as client:
        found = client.list_frameworks(*args.frameworks, with_controls=with_controls)
    show = lambda: show_frameworks(found, with_controls=with_controls)  # noqa: E731 - one of two forms
    return _print(args, found, lambda: csv_frameworks(found), show)


def _coverage(args: argparse.Namespace) -> int:
    from trueline_cli.compliance.rows import csv_coverage
    from trueline_cli.compliance.showing import show_coverage

    with options.connect(args) as client:
        found = client.get_coverage(
            args.framework, args.by, controls=args.control, subject=args.subject, kind=args.kind, hops=args.hops
        )
    return _print(args, found, lambda: csv_coverage(found), lambda: show_coverage(found, args.framework, args.by))


def _add_evidence(args: argparse.Namespace) -> int:
    from trueline_cli.compliance.rows import csv_evidence
    from trueline_cli.compliance.showing import show_evidence

    digest = ""
    if args.file is not None:
        try:
            digest = _sha256(args.file.read_bytes())
        except OSError as error:
            raise options.UsageError(f"{args.file} cannot be read: {error.strerror}") from None
    with options.connect(args) as client:
        # Hashed here: a large file need not travel.
        kept = client.record_evidence(
            args.type,
            args.source,
            subject=args.subject,
            kind=args.kind,
            sha256=digest,
            uri=args.uri,
            note=args.note,
            collected_at=args.collected_at,
            expires_at=args.expires_at,
            request_id=args.request_id,
        )
    return _print(args, kept, lambda: csv_evidence([kept]), lambda: show_evidence([kept]))


def _sha256(content: bytes) -> str:
    from hashlib import sha256

    return sha256(content).hexdigest()


def _list_evidence(args: argparse.Namespace) -> int:
    from trueline_cli.compliance.rows import csv_evidence
    from trueline_cli.compliance.showing import show_evidence

    with options.connect(args) as client:
        found = client.list_evidence(args.subject, kind=args.kind, of_type=args.type, limit=args.limit)
    return _print(args, {"evidence": found}, lambda: csv_evidence(found), lambda: show_evidence(found))


def _waive(args: argparse.Namespace) -> int:
    from trueline_cli.compliance.rows import csv_waivers
    from trueline_cli.compliance.showing import show_waivers

    with options.connect(args) as client:
        granted = client.grant_waiver(
            args.framework,
            args.control,
            reason=args.reason,
            compensating_control=args.instead,
            requested_by=args.by or options.author(),
            approved_by=args.approved_by,
            expires_at=args.until,
            subject=args.subject,
            kind=args.kind,
            request_id=args.request_id,
        )
    return _print(args, granted, lambda: csv_waivers([granted]), lambda: show_waivers([granted]))


def _list_waivers(args: argparse.Namespace) -> int:
    from trueline_cli.compliance.rows import csv_waivers
    from trueline_cli.compliance.showing import show_waivers

    with options.connect(args) as client:
        found = client.list_waivers(
            args.subject, kind=args.kind, framework=args.framework, with_ended=args.ended, limit=args.limit
        )
    return _print(args, {"waivers": found}, lambda: csv_waivers(found), lambda: show_waivers(found))


def _revoke(args: argparse.Namespace) -> int:
    from trueline_cli.compliance.rows import csv_waivers
    from trueline_cli.compliance.showing import show_waivers

    with options.connect(args) as client:
        revoked = client.revoke_waiver(args.waiver, args.by or options.author())
    return _print(args, revoked, lambda: csv_waivers([revoked]), lambda: show_waivers([revoked]))


def _print(args: argparse.Namespace, found: object, rows: Callable[[], Table], show: Callable[[], None]) -> int:
    from trueline_cli.output import print_found

    print_found(args.output, found, rows, show)
    return 0
