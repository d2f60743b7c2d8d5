"""Fifty rules over a million accounts: conditions pushed down to the warehouse, against rule-engine in a loop.

The loop is measured on a sample of the accounts and scaled: all of it would take an hour.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import rule_engine
from trueline_rules.expressions import Expression, Fact, FactType, compile_expression
from trueline_stores.warehouse.client import Warehouse

from benchmarks.result import Result, machine

GOAL = 300.0
_TIERS = ("free", "gold", "pro", "team")
_FACTS = {
    "score": Fact("score", FactType.NUMBER),
    "seats": Fact("seats", FactType.NUMBER),
    "tier": Fact("tier", FactType.TEXT),
}
_COLUMNS = ", ".join(
    f"{name} Nullable({kind})" for name, kind in (("score", "Float64"), ("seats", "Float64"), ("tier", "String"))
)


class AnswersDifferError(RuntimeError):
    """Both ways do not decide alike about the sample, so their times say nothing."""


def run(*, small: bool) -> Result:
    """Median of pushed-down evaluations, and one loop over the sample."""
    accounts, sample, count, rounds = (10_000, 100, 5, 1) if small else (1_000_000, 1_000, 50, 3)
    rules = [
        compile_expression(f"score < {0.02 * number:.2f} and seats >= {number % 7} and tier in ['gold', 'pro']", _FACTS)
        for number in range(1, count + 1)
    ]
    table = _accounts(accounts)
    with tempfile.TemporaryDirectory(prefix="trueline-bench-") as name:
        warehouse = Warehouse.chdb(Path(name) / "warehouse")
        warehouse.command("CREATE DATABASE trueline")
        warehouse.command(f"CREATE TABLE trueline.accounts ({_COLUMNS}) ENGINE = MergeTree ORDER BY tuple()")
        warehouse.insert("accounts", table)
        pushed_s = []
        for _ in range(rounds):
            start = time.perf_counter()
            found = _pushed(warehouse, rules, "")
            pushed_s.append(time.perf_counter() - start)
        sampled = _pushed(warehouse, rules, f" LIMIT {sample}")
        warehouse.close()
    first = table.slice(0, sample)
    start = time.perf_counter()
    looped = _looped(rules, first)
    loop_s = (time.perf_counter() - start) / sample * accounts
    if sampled != looped:
        raise AnswersDifferError(f"pushed down {sampled}, in a loop {looped}")
    measured = statistics.median(pushed_s)
    return Result(
        benchmark="rule_bulk",
        ratio=loop_s / measured,
        goal=GOAL,
        better="higher",
        parts={
            "rules": count,
            "accounts": accounts,
            "sample": sample,
            "pushed_s": pushed_s,
            "loop_scaled_s": loop_s,
            "matches": sum(found),
        },
        machine=machine(),
        summary=(
            f"{count} rules over {accounts:,} accounts pushed down in {measured:.2f} s; "
            f"rule-engine in a loop {loop_s:,.0f} s (measured on {sample:,}, scaled)"
        ),
        small=small,
    )


def _accounts(count: int) -> pa.Table:
    rng = np.random.default_rng(5)
    return pa.table(
        {
            "score": pa.array(rng.integers(0, 65, count) / 64),
            "seats": pa.array(rng.integers(0, 20, count).astype(np.float64)),
            "tier": pa.array(np.array(_TIERS, dtype=object)[rng.integers(0, len(_TIERS), count)], pa.string()),
        }
    )


def _pushed(warehouse: Warehouse, rules: list[Expression], limit: str) -> list[int]:
    """How many accounts each rule matches, in one pass over the table."""
    columns = {name: name for name in _FACTS}
    counts = ", ".join(f"countIf({rule.sql(columns).sql} = 1)" for rule in rules)
    (row,) = warehouse.query(f"SELECT {counts} FROM (SELECT * FROM trueline.accounts{limit})")
    return [int(value) for value in row]


def _looped(rules: list[Expression], accounts: pa.Table) -> list[int]:
    compiled = [rule_engine.Rule(rule.text) for rule in rules]
    rows = accounts.to_pylist()
    return [sum(rule.matches(row) for row in rows) for rule in compiled]
