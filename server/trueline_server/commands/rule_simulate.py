"""What `trueline rules simulate` does without a server: series of a file or a rule test, through the real parts."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from trueline_rules.names import hint, quoted

if TYPE_CHECKING:
    from trueline.v1 import simulation_pb2
    from trueline_rules.alert_model import TestCase
    from trueline_rules.model import RuleSet

    from trueline_server.simulation.model import Scenario


class _WrongUseError(Exception):
    """Told with status 2."""


def simulated(args: argparse.Namespace, rules: RuleSet) -> simulation_pb2.SimulateRulesResult | int:
    """What a simulation comes to; a status after telling why there is none.

    Raises:
        RuleFileError: the series file does not load.

    """
    from trueline_server.errors import TruelineError
    from trueline_server.simulation.engine import simulate
    from trueline_server.simulation.mapping import map_simulation_to_proto

    try:
        scenario = _of_test(args, rules) if args.test else _of_series(args, rules)
        return map_simulation_to_proto(simulate(scenario), None)
    except (_WrongUseError, TruelineError) as error:
        print(f"trueline rules simulate: {error}", file=sys.stderr)
        return 2


def _of_series(args: argparse.Namespace, rules: RuleSet) -> Scenario:
    from trueline_server.simulation.series_file import read_series_file

    for name in args.rule:
        if name not in rules.alert_rules:
            raise _WrongUseError(f"no AlertRule is called {quoted(name)}{hint(name, rules.alert_rules)}")
    try:
        text = args.series.read_bytes().decode("utf-8")
    except UnicodeDecodeError:
        raise _WrongUseError(f"{args.series} is not UTF-8") from None
    except OSError as error:
        raise _WrongUseError(f"{args.series} cannot be read: {error.strerror}") from None
    return read_series_file(text, str(args.series), rules, only=args.rule, start_us=_start(args), until_us=_until(args))


def _of_test(args: argparse.Namespace, rules: RuleSet) -> Scenario:
    from trueline_server.simulation.series_file import scenario_of_test

    if args.rule:
        raise _WrongUseError("--rule goes with --series and --history; a test is about one rule")
    test = rules.rule_tests.get(args.test)
    if test is None:
        raise _WrongUseError(f"no RuleTest is called {quoted(args.test)}{hint(args.test, rules.rule_tests)}")
    cases = {case.name: case for case in test.cases if case.series}
    if not cases:
        raise _WrongUseError(f"no case of {args.test} has series; a simulation needs some")
    case: TestCase | None = cases.get(args.case) if args.case else next(iter(cases.values()))
    if case is None:
        raise _WrongUseError(
            f"no case of {args.test} with series is called {quoted(args.case)}{hint(args.case, cases)}"
        )
    try:
        return scenario_of_test(rules, test, case, start_us=_start(args), until_us=_until(args))
    except ValueError as error:
        raise _WrongUseError(str(error)) from None


def _start(args: argparse.Namespace) -> int | None:
    return None if args.start is None else round(args.start.timestamp() * 1_000_000)


def _until(args: argparse.Namespace) -> int | None:
    return None if args.until is None else round(args.until.total_seconds() * 1_000_000)
