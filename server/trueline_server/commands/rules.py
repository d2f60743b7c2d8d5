"""What the server extra adds to `trueline rules`: rule files checked, tested, explained, before they are in force."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trueline_rules.errors import Problem, RuleFileError
    from trueline_rules.model import RuleSet

# Of a longer line so many characters about the place are shown.
_LONGEST_LINE = 200
_EXCERPT = 120


class RulesCommand:
    """The entry point that the command line finds; it has actions of its own, too."""

    def add_actions(self, verbs: Any) -> None:
        """Add the actions and their arguments to the subparsers of the verb; each knows what it does as `act`."""
        check = _verb(verbs, "check", _check, "what is wrong with rule files")
        _add_paths(check)
        test = _verb(verbs, "test", _test, "run the tests of rules")
        _add_paths(test)
        test.add_argument("--run", default="", metavar="REGEX", help="only cases in whose 'test: case' it is found")
        test.add_argument("--junit", type=Path, metavar="FILE", help="write the outcomes as JUnit XML, too")
        test.add_argument(
            "--coverage", type=_percent, default=0.0, metavar="PERCENT", help="fail if fewer branches are taken"
        )
        schema = _verb(verbs, "schema", _schema, "the JSON Schema of a kind")
        schema.add_argument("kind", nargs="?", metavar="KIND", help="a kind, e.g. AlertRule; absent = of any kind")
        schema.add_argument("--out", type=Path, metavar="DIR", help="write those of all kinds and of any")

    def explain(self, args: argparse.Namespace) -> int:
        """Say what a rule decides about given facts; 0 = told, 2 = the rules do not load, or wrong arguments."""
        return _explain(args)

    def simulate(self, args: argparse.Namespace) -> Any:
        """A simulation of series as the contract's SimulateRulesResult; a status after telling problems."""
        from trueline_rules.errors import RuleFileError

        from trueline_server.commands.rule_simulate import simulated

        rules = _loaded(args)
        if rules is None:
            return 2
        try:
            return simulated(args, rules)
        except RuleFileError as error:
            _tell(error, args)
            return 2

    def document_changes(self, args: argparse.Namespace) -> list[dict[str, Any]] | None:
        """What a change from the files `before` to those `after` means, by document; None after telling problems."""
        from trueline_rules.backtesting.comparing import document_changes

        before, after = (
            _loaded(argparse.Namespace(**{**vars(args), "paths": [path]})) for path in (args.before, args.after)
        )
        if before is None or after is None:
            return None
        return [
            {
                "change": str(one.change),
                "kind": one.kind,
                "name": one.name,
                "fields": {field: {"before": was, "after": now} for field, (was, now) in one.fields.items()},
            }
            for one in document_changes(before, after)
        ]


command = RulesCommand()


def _verb(verbs: Any, name: str, act: Callable[[argparse.Namespace], int], about: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=about, description=about)
    parser.set_defaults(act=act)
    # Left out here it must not undo what was said before the verb.
    parser.add_argument(
        "--output", choices=("table", "json"), default=argparse.SUPPRESS, help="for people or for scripts"
    )
    return parser


def _add_paths(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths", nargs="*", type=Path, metavar="PATH", help="rule files and folders, on top of the default pack"
    )
    parser.add_argument("--mapping", default="", metavar="NAME", help="event mapping in force (default: the last)")


def _check(args: argparse.Namespace) -> int:
    from trueline_rules.analysis.findings import analyse
    from trueline_rules.errors import Problem
    from trueline_rules.model import EventMapping, Kpi, Place

    from trueline_server.commands.statements import refused_statements

    rules = _loaded(args)
    if rules is None:
        return 1
    own = [one for documents in rules.documents.values() for one in documents.values() if _is_own(one)]
    refused: list[Problem] = []
    # Those of the default pack are known to be allowed over its events, and looking takes a second.
    if any(isinstance(one, Kpi | EventMapping) for one in own):
        try:
            refused = refused_statements(args.paths, args.mapping)
        except OSError as error:
            refused = [Problem(Place("rule files", 0, 0), f"the statements of KPIs could not be read: {error}")]
    if args.paths and not own:
        named = ", ".join(map(str, args.paths))
        told = "holds no rules; files end in .yaml or .yml, and folders within folders are not read"
        refused.append(Problem(Place(named, 0, 0), told))
    findings = analyse(rules)
    counts = {kind: len(documents) for kind, documents in rules.documents.items() if documents}
    if _wants_json(args):
        warnings = [
            {"check": one.check, "document": one.document, "message": one.message, **_place_json(one.place)}
            for one in findings
        ]
        _print_json(
            {
                "revision": rules.revision,
                "documents": counts,
                "own": len(own),
                "problems": _problems_json(refused),
                "warnings": warnings,
            }
        )
        return 1 if refused else 0
    for finding in findings:
        print(f"! {finding}")
    _print_problems(refused)
    if not refused:
        counted = ", ".join(f"{count} {kind}" for kind, count in counts.items())
        print(f"✓ {counted}; {len(own)} of them yours\n  revision {rules.revision}")
    return 1 if refused else 0


def _is_own(document: Any) -> bool:
    return not document.metadata.place.file.startswith("trueline_rules/packs/")


def _place_json(place: Any) -> dict[str, Any]:
    return {"file": place.file, "line": place.line, "column": place.column}


def _test(args: argparse.Namespace) -> int:
    import re

    from trueline_rules.testing.junit import junit_xml
    from trueline_rules.testing.runner import run_tests

    from trueline_server.commands import rule_report

    rules = _loaded(args)
    if rules is None:
        return 2
    try:
        report = run_tests(rules, args.run)
    except re.error as error:
        print(f"trueline rules test: --run is no regular expression: {error}", file=sys.stderr)
        return 2
    if args.run and not report.results:
        print(f"trueline rules test: no case matches --run {args.run}", file=sys.stderr)
        return 2
    if args.junit is not None:
        try:
            args.junit.write_text(junit_xml(report), encoding="utf-8")
        except OSError as error:
            print(f"trueline rules test: {args.junit} cannot be written: {error.strerror}", file=sys.stderr)
            return 2
    if _wants_json(args):
        _print_json(rule_report.to_json(report))
    else:
        print(rule_report.to_text(report))
    enough = report.branch_share * 100 >= args.coverage
    if not enough:
        found = f"{report.branch_share:.0%} of the branches were taken, {args.coverage:g} % are asked for"
        print(f"trueline rules test: {found}", file=sys.stderr)
    return 0 if report.passed and enough else 1


def _explain(args: argparse.Namespace) -> int:
    from trueline_rules.alert_rules import compile_rule
    from trueline_rules.expressions import FactValueError
    from trueline_rules.names import hint, quoted

    from trueline_server.commands import rule_report

    rules = _loaded(args)
    if rules is None:
        return 2
    rule = rules.alert_rules.get(args.rule)
    if rule is None:
        told = f"no AlertRule is called {quoted(args.rule)}{hint(args.rule, rules.alert_rules)}"
        print(f"trueline rules explain: {told}", file=sys.stderr)
        return 2
    compiled = compile_rule(rule, rules.fact_types)
    try:
        values = rule_report.given_values(args.given, compiled.facts)
        explained = rule_report.explained(compiled, values)
    except (ValueError, FactValueError) as error:
        print(f"trueline rules explain: {error}", file=sys.stderr)
        return 2
    if _wants_json(args):
        _print_json(explained)
    else:
        print(rule_report.explanation_text(explained))
    return 0


def _schema(args: argparse.Namespace) -> int:
    from trueline_rules.kinds import KINDS
    from trueline_rules.schema import schema_for, schema_for_all

    if args.out is not None:
        try:
            args.out.mkdir(parents=True, exist_ok=True)
            schemas = {kind: schema_for(kind) for kind in KINDS} | {"rules": schema_for_all()}
            for name, schema in schemas.items():
                text = json.dumps(schema, ensure_ascii=False, indent=2)
                (args.out / f"{name}.schema.json").write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            print(f"trueline rules schema: {args.out} cannot be written: {error.strerror}", file=sys.stderr)
            return 2
        print(f"wrote {len(schemas)} schemas to {args.out}")
        return 0
    try:
        _print_json(schema_for_all() if args.kind is None else schema_for(args.kind))
    except KeyError as error:
        print(f"trueline rules schema: {error.args[0]}", file=sys.stderr)
        return 2
    return 0


def _loaded(args: argparse.Namespace) -> RuleSet | None:
    """The rules, or None after telling what is wrong with them."""
    from trueline_rules.errors import RuleFileError
    from trueline_rules.loader import load_rules

    try:
        return load_rules(args.paths, mapping=args.mapping or None)
    except RuleFileError as error:
        _tell(error, args)
        return None


def _tell(error: RuleFileError, args: argparse.Namespace) -> None:
    if _wants_json(args):
        _print_json({"problems": _problems_json(error.problems)})
        return
    _print_problems(error.problems)
    count = len(error.problems)
    print(f"✗ {count} problem{'s' if count > 1 else ''}; nothing was loaded", file=sys.stderr)


def _problems_json(problems: Sequence[Problem]) -> list[dict[str, Any]]:
    return [{**_place_json(one.place), "message": one.message} for one in problems]


def _print_problems(problems: Sequence[Problem]) -> None:
    """Each problem, with its line and a caret where there is one."""
    lines: dict[str, list[str]] = {}
    for problem in problems:
        print(problem, file=sys.stderr)
        place = problem.place
        if place.file not in lines:
            lines[place.file] = _lines_of(Path(place.file))
        if 0 < place.line <= len(lines[place.file]):
            print(*_excerpt(lines[place.file][place.line - 1], place.column), sep="\n", file=sys.stderr)


def _excerpt(line: str, column: int) -> tuple[str, str]:
    """A line and a caret below; of a long line what is about the place."""
    first = max(column - 1 - _EXCERPT // 2, 0) if len(line) > _LONGEST_LINE else 0
    part = line[first : first + _EXCERPT] if len(line) > _LONGEST_LINE else line
    # A file of a stranger does not write to the terminal as it likes.
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in part)
    return f"    {shown}", f"    {' ' * (column - 1 - first)}^"


def _lines_of(path: Path) -> list[str]:
    """The lines of a file; none where it cannot be read, is no text, or is no file of a size that rules have."""
    from trueline_rules.syntax import MOST_BYTES

    try:
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            return []
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return []


def _percent(text: str) -> float:
    number = float(text.removesuffix("%"))
    if not 0 <= number <= 100:
        raise argparse.ArgumentTypeError(f"is {text}; a share is 0 to 100 percent")
    return number


def _wants_json(args: argparse.Namespace) -> bool:
    return getattr(args, "output", None) == "json"


def _print_json(value: Any) -> None:
    print(json.dumps(value, ensure_ascii=False, indent=2))
