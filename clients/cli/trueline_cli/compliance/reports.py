"""`trueline compliance export` and `validate`: a posture as a file, and whether a file is valid OSCAL."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from trueline_cli import exits, options

_EXPORT = (
    "trueline compliance export automated_reporting -o results.json",
    "trueline compliance export automated_reporting --format poam -o plan.json",
    "trueline compliance export --format html --at 2026-03-31 -o posture.html",
    "trueline compliance export --at 2026-03-31 --known-at 2026-04-15 -o q1.json",
)
_VALIDATE = ("trueline compliance validate results.json",)
# What is asked for -> form of the contract.
_FORMS = {"oscal": "oscal_assessment_results", "poam": "oscal_plan_of_action", "csv": "csv", "html": "html"}
_TO_STDOUT = "-"


def add_reports(verbs: Any) -> None:
    """Add the actions."""
    export = options.action(
        verbs,
        "export",
        "write a posture as OSCAL, CSV or a page",
        "Writes where a subject stands: OSCAL assessment results, an OSCAL plan of action\n"
        "and milestones, CSV with a line for each control, or a page for people. With --at\n"
        "and --known-at the same command gives the same bytes for ever.",
        _EXPORT,
    )
    export.add_argument("subject", nargs="?", default="", metavar="SUBJECT", help="an id (the tenant)")
    export.add_argument("--kind", default="", metavar="KIND", help="of the subject (pattern)")
    export.add_argument("--framework", action="append", default=[], metavar="NAME", help="by this one; repeatable")
    export.add_argument("--format", choices=tuple(_FORMS), default="oscal", help="form of the file (oscal)")
    export.add_argument("--oscal-version", default="", metavar="VERSION", help="1.2.1 or 1.0.4 (1.2.1)")
    options.add_instants(export)
    export.add_argument("-o", "--out", default=_TO_STDOUT, metavar="FILE", help="where to; - is standard output (-)")
    export.set_defaults(act=_export)
    validate = options.action(
        verbs,
        "validate",
        "check an OSCAL file; 1 if it is not valid",
        "Checks OSCAL assessment results or a plan of action, written by whomever, against\n"
        "the structure of the version that it says: 1.0, 1.1 or 1.2. Needs no server.",
        _VALIDATE,
    )
    validate.add_argument("file", type=Path, metavar="FILE", help="JSON")
    validate.set_defaults(act=_validate)


def _export(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        report = client.export_report(
            args.subject,
            _FORMS[args.format],
            kind=args.kind,
            frameworks=args.framework,
            oscal_version=args.oscal_version,
            at=args.at,
            known_at=args.known_at,
        )
    if args.out == _TO_STDOUT:
        sys.stdout.buffer.write(report.content)
        return 0
    try:
        Path(args.out).write_bytes(report.content)
    except OSError as error:
        raise options.UsageError(f"{args.out} cannot be written: {error.strerror}") from None
    return 0


def _validate(args: argparse.Namespace) -> int:
    import json

    from trueline_cli.compliance.oscal import check, version_of

    try:
        document = json.loads(args.file.read_bytes())
    except OSError as error:
        raise options.UsageError(f"{args.file} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise options.UsageError(f"{args.file} is no JSON: {error}") from None
    except RecursionError:
        raise options.UsageError(f"{args.file} is nested too deeply") from None
    problems = check(document)
    version = version_of(document) if isinstance(document, dict) else ""
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json({"valid": not problems, "oscal_version": version, "problems": problems})
    elif problems:
        for problem in problems:
            print(f"{problem.place or args.file}: {problem.text}")
    else:
        print(f"{args.file} is valid OSCAL {version}.")
    return exits.FINDING if problems else exits.YES
