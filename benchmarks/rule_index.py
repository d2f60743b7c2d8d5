"""One fact changes in a set of many rules: what evaluating the rules that it wakes costs, against evaluating all."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from trueline_rules.alert_rules import CompiledRule, compile_rule
from trueline_rules.loader import load_rules
from trueline_rules.rule_index import RuleIndex

from benchmarks.result import Result, machine
from benchmarks.rule_files import write_rules

# Times the share of the rules that read the fact: 1 would be no overhead at all.
LIMIT = 2.0
NOW = datetime(2025, 1, 1, tzinfo=UTC)


def run(*, small: bool) -> Result:
    """Medians over the facts, each changed once a round, and over evaluations of the whole set."""
    count, facts, rounds = (100, 20, 2) if small else (2_000, 200, 5)
    with tempfile.TemporaryDirectory(prefix="trueline-bench-") as name:
        rules = load_rules([write_rules(Path(name), count, facts)])
    compiled = [
        compile_rule(rule, rules.fact_types) for name, rule in rules.alert_rules.items() if name.startswith("r")
    ]
    index = RuleIndex(compiled)
    woken_s, all_s, readers = [], [], []
    for _ in range(rounds):
        start = time.perf_counter()
        _evaluate(compiled)
        all_s.append(time.perf_counter() - start)
        for number in range(facts):
            start = time.perf_counter()
            woken = index.woken_by([("fact", f"f{number}")])
            _evaluate(woken)
            woken_s.append(time.perf_counter() - start)
            readers.append(len(woken))
    whole, one = statistics.median(all_s), statistics.mean(woken_s)
    share = statistics.mean(readers) / len(compiled)
    return Result(
        benchmark="rule_index",
        ratio=(one / whole) / share,
        goal=LIMIT,
        better="lower",
        parts={
            "rules": len(compiled),
            "facts": facts,
            "readers": statistics.mean(readers),
            "one_s": one,
            "all_s": whole,
        },
        machine=machine(),
        summary=(
            f"one of {facts} facts changes: {one * 1e6:.0f} µs for its {statistics.mean(readers):.0f} readers, "
            f"{whole * 1e6:,.0f} µs for all {len(compiled):,}"
        ),
        small=small,
    )


def _evaluate(rules: Iterable[CompiledRule]) -> None:
    values = {"a": 55.0, "b": 20.0}
    for rule in rules:
        rule.severity(values, NOW)
