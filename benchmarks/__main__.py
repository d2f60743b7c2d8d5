"""`python -m benchmarks`: measures, keeps results, and prints or writes the table that the README shows."""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.result import Result, load_results, table, write_table

# Name -> what it measures. Each is a module with run(small) -> Result.
BENCHMARKS = {
    "ingest": "events sent by the SDK until they are queryable, against Arrow tables inserted by clickhouse-connect",
    "memory": "resident memory of the server after five times as many events",
    "alignment": "GetAlignmentScore while events come in at 20,000/s",
    "watch_lag": "accepted until visible in WatchMetrics at 20,000 events/s",
    "cli_start": "start of `trueline --help`",
    "rule_eval": "one compiled rule on one set of facts, against a hand-written closure and other engines",
    "rule_index": "one of 200 facts changes in a set of 2,000 rules",
    "rule_wakeup": "a minute of a server in which one of 200 facts was put anew, against one in which all were",
    "rule_load": "2,000 rules from text to compiled conditions",
    "rule_bulk": "50 rules over a million accounts in the warehouse, against rule-engine in a loop",
    "attribution_heuristics": "seven heuristics over five million touches, against a statement by hand and peers",
    "attribution_markov": "Markov attribution of a million journeys, against ChannelAttribution where it is installed",
    "score_rpc": "ScoreFeature for all personas over gRPC, against an empty unary call on the same server",
    "health_batch": "the health of a million accounts as a stream, against asking for one by one",
    "compliance": "a pattern by 300 controls with reasons, and the posture of 1,000 patterns by six frameworks",
    "alert_scale": "1,000 alert rules over 10,000 series evaluated once, against the minute until the next time",
}
README = Path(__file__).parent.parent / "README.md"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run; 0 = done (goals missed are shown, not failed), 2 = wrong use."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("name", nargs="?", choices=[*BENCHMARKS, "all", "table"], help="what to measure")
    parser.add_argument("--list", action="store_true", help="name the benchmarks")
    parser.add_argument(
        "--small", "--quick", action="store_true", help="few events: tries the benchmark, keeps no result"
    )
    parser.add_argument(
        "--write", nargs="?", type=Path, const=README, help="put the table into this file (default: README.md)"
    )
    args = parser.parse_args(arguments)
    if args.list:
        for name, about in BENCHMARKS.items():
            print(f"{name:<10} {about}")
        return 0
    if args.name is None:
        parser.error("name a benchmark, or use all, table or --list")
    if args.name != "table":
        for name in BENCHMARKS if args.name == "all" else [args.name]:
            _measure(name, small=args.small)
    if args.name == "table" or args.write:
        return _show(args.write)
    return 0


def _measure(name: str, *, small: bool) -> Result:
    print(f"{name}: {BENCHMARKS[name]}", file=sys.stderr)
    result: Result = importlib.import_module(f"benchmarks.{name}").run(small=small)
    if not small:
        result.save()
    print(result.summary, file=sys.stderr)
    print(result.line(), flush=True)
    return result


def _show(path: Path | None) -> int:
    text = table(load_results(tuple(BENCHMARKS)))
    if path is None:
        print(text)
        return 0
    try:
        write_table(text, path)
    except (OSError, ValueError) as error:
        print(f"python -m benchmarks: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
