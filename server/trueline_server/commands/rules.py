"""`trueline rules`: check, test, explain and describe rule files; needs no server."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trueline_server.commands import rule_backtest

if TYPE_CHECKING:
    from trueline_rules.errors import RuleFileError
    from trueline_rules.model import RuleSet

_EPILOG = """examples:
  trueline rules check rules/                      are the files right, and if not, where
  trueline rules test rules/ --coverage 100        run the RuleTest documents, ask for every branch
  trueline rules explain churn_rate_high --given churn_rate=0.08
  trueline rules backtest rules/ --days 90 --every 6h
  trueline rules diff main/rules rules --history --days 30
  trueline rules schema AlertRule > alert-rule.schema.json
"""


class RulesCommand:
    """The entry point that the command line finds."""

    help = "check, test and explain rule files, or print their JSON Schemas"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the actions and their arguments."""
        parser.epilog = _EPILOG
        parser.formatter_class = argparse.RawDescriptionHelpFormatter
        verbs = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
        check = _verb(verbs, "check", "read rule files and tell everything that is wrong with them")
        _add_paths(check)
        test = _verb(verbs, "test", "run the tests of rules")
        _add_paths(test)
        test.add_argument("--run", default="", metavar="REGEX", help="only cases in whose 'test: case' it is found")
        test.add_argument("--junit", type=Path, metavar="FILE", help="write the outcomes as JUnit XML, too")
        test.add_argument(
            "--coverage", type=_percent, default=0.0, metavar="PERCENT", help="fail if fewer branches are taken"
        )
        explain = _verb(verbs, "explain", "say what a rule decides about facts, and why")
        explain.add_argument("rule", metavar="RULE", help="name of an AlertRule")
        _add_paths(explain)
        explain.add_argument(
            "--given", action="append", default=[], metavar="FACT=VALUE", help="a fact; may be given several times"
        )
        backtest = _verb(verbs, "backtest", "say what rules would have done on the history of a running server")
        _add_paths(backtest)
        rule_backtest.add_span(backtest)
        diff = _verb(verbs, "diff", "say what a change of rules means, and on history what it would have changed")
        diff.add_argument("before", type=Path, metavar="BEFORE", help="rule file or folder, on top of the default pack")
        diff.add_argument("after", type=Path, metavar="AFTER", help="the same after the change")
        diff.add_argument("--mapping", default="", metavar="NAME", help="event mapping in force (default: the last)")
        diff.add_argument("--history", action="store_true", help="replay both on the history of a running server")
        rule_backtest.add_span(diff)
        schema = _verb(verbs, "schema", "print the JSON Schema of a kind, or write those of all kinds")
        schema.add_argument("kind", nargs="?", metavar="KIND", help="a kind, e.g. AlertRule; absent = list the kinds")
        schema.add_argument("--out", type=Path, metavar="DIR", help="write KIND.schema.json for every kind")

    def run(self, args: argparse.Namespace) -> int:
        """Run the action; 0 = all is well, 1 = something is wrong with the rules, 2 = wrong arguments."""
        actions: dict[str, Callable[[argparse.Namespace], int]] = {
            "check": _check,
            "test": _test,
            "explain": _explain,
            "backtest": _backtest,
            "diff": _diff,
            "schema": _schema,
        }
        return actions[args.action](args)


command = RulesCommand()


def _verb(verbs: Any, name: str, about: str) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = verbs.add_parser(name, help=about, description=about)
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

    from trueline_server.commands.statements import refused_statements

    rules = _loaded(args)
    if rules is None:
        return 1
    try:
        refused = refused_statements(args.paths, args.mapping)
    except OSError as error:
        refused = [f"the statements of KPIs could not be read: {error}"]
    own = [one for documents in rules.documents.values() for one in documents.values() if _is_own(one)]
    if args.paths and not own:
        named = ", ".join(map(str, args.paths))
        refused.append(f"{named}: holds no rules; files end in .yaml or .yml, and folders within folders are not read")
    findings = analyse(rules)
    counts = {kind: len(documents) for kind, documents in rules.documents.items() if documents}
    if _wants_json(args):
        warnings = [
            {"check": one.check, "document": one.document, "message": one.message, **_place_json(one.place)}
            for one in findings
        ]
        told = {"revision": rules.revision, "documents": counts, "own": len(own), "problems": refused}
        _print_json(told | {"warnings": warnings})
        return 1 if refused else 0
    for finding in findings:
        print(f"! {finding}")
    for problem in refused:
        print(f"✗ {problem}", file=sys.stderr)
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
        return 1
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
        return 1
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


def _backtest(args: argparse.Namespace) -> int:
    rules = _loaded(args)
    if rules is None:
        return 1
    try:
        (found,) = rule_backtest.replays(args, [rules])
    except (ValueError, ConnectionError) as error:
        print(f"trueline rules backtest: {error}", file=sys.stderr)
        return 2 if isinstance(error, ValueError) else 1
    if _wants_json(args):
        _print_json(rule_backtest.replay_json(found))
    else:
        print(rule_backtest.replay_text(found))
    return 0


def _diff(args: argparse.Namespace) -> int:
    from trueline_rules.backtesting.comparing import document_changes, firing_changes

    before, after = (
        _loaded(argparse.Namespace(**{**vars(args), "paths": [path]})) for path in (args.before, args.after)
    )
    if before is None or after is None:
        return 1
    firings = None
    if args.history:
        try:
            found = rule_backtest.replays(args, [before, after])
        except (ValueError, ConnectionError) as error:
            print(f"trueline rules diff: {error}", file=sys.stderr)
            return 2 if isinstance(error, ValueError) else 1
        first, second = ([firing for one in each.values() for firing in one.firings] for each in found)
        firings = firing_changes(first, second)
    changes = document_changes(before, after)
    if _wants_json(args):
        _print_json(rule_backtest.changes_json(changes, firings))
    else:
        print(rule_backtest.changes_markdown(changes, firings))
    return 0


def _schema(args: argparse.Namespace) -> int:
    from trueline_rules.kinds import KINDS
    from trueline_rules.schema import schema_for

    if args.out is not None:
        try:
            args.out.mkdir(parents=True, exist_ok=True)
            for kind in KINDS:
                text = json.dumps(schema_for(kind), ensure_ascii=False, indent=2)
                (args.out / f"{kind}.schema.json").write_text(text + "\n", encoding="utf-8")
        except OSError as error:
            print(f"trueline rules schema: {args.out} cannot be written: {error.strerror}", file=sys.stderr)
            return 2
        print(f"wrote {len(KINDS)} schemas to {args.out}")
        return 0
    if args.kind is None:
        if _wants_json(args):
            _print_json({name: kind.about for name, kind in KINDS.items()})
        else:
            width = max(map(len, KINDS))
            print("\n".join(f"{name:<{width}}  {kind.about}" for name, kind in KINDS.items()))
        return 0
    try:
        _print_json(schema_for(args.kind))
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
        problems = [{**_place_json(one.place), "message": one.message} for one in error.problems]
        _print_json({"problems": problems})
        return
    lines: dict[str, list[str]] = {}
    for problem in error.problems:
        print(problem, file=sys.stderr)
        place = problem.place
        if place.file not in lines:
            lines[place.file] = _lines_of(Path(place.file))
        if 0 < place.line <= len(lines[place.file]):
            line = lines[place.file][place.line - 1]
            print(f"    {line}\n    {' ' * (place.column - 1)}^", file=sys.stderr)
    count = len(error.problems)
    print(f"✗ {count} problem{'s' if count > 1 else ''}; nothing was loaded", file=sys.stderr)


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
