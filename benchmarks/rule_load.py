"""How long a rule file of 2,000 alert rules takes from text to compiled conditions."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

from trueline_rules.alert_rules import compile_rule
from trueline_rules.loader import load_rules

from benchmarks.result import Result, machine
from benchmarks.rule_files import write_rules

LIMIT_S = 2.0


def run(*, small: bool) -> Result:
    """Median of loads, every reference checked and every condition compiled."""
    count, facts, rounds = (100, 20, 1) if small else (2_000, 200, 5)
    load_rules([])
    seconds = []
    with tempfile.TemporaryDirectory(prefix="trueline-bench-") as name:
        for number in range(rounds):
            # Another text each time, so that nothing is remembered from the round before.
            path = write_rules(Path(name), count, facts, shift=number / 64)
            start = time.perf_counter()
            rules = load_rules([path])
            for rule in rules.alert_rules.values():
                compile_rule(rule, rules.fact_types)
            seconds.append(time.perf_counter() - start)
    measured = statistics.median(seconds)
    return Result(
        benchmark="rule_load",
        ratio=measured / LIMIT_S,
        goal=1.0,
        better="lower",
        parts={"rules": count, "facts": facts, "seconds": seconds},
        machine=machine(),
        summary=f"{count:,} rules read, checked and compiled in {measured:.2f} s, of {LIMIT_S:g} s",
        small=small,
    )
