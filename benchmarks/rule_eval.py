"""One rule on one set of facts: Trueline's compiled condition, a hand-written closure, and other engines, in turn."""

from __future__ import annotations

import statistics
import timeit
from collections.abc import Callable

import cel
import rule_engine
import zen
from trueline_rules.expressions import Fact, FactType, compile_expression

from benchmarks.result import Result, machine

EXPRESSION = "kpi == 'activation_rate' and value < 0.3 and tier in ['gold','pro']"
FACTS = {"kpi": "activation_rate", "value": 0.25, "tier": "gold"}
# Times the hand-written closure.
LIMIT = 2.0
_TIERS = frozenset({"gold", "pro"})
_DECLARED = {
    "kpi": Fact("kpi", FactType.TEXT),
    "value": Fact("value", FactType.NUMBER),
    "tier": Fact("tier", FactType.TEXT),
}


class AnswersDifferError(RuntimeError):
    """The engines do not decide alike, so their times say nothing."""


def run(*, small: bool) -> Result:
    """Medians over rounds in which each engine has its turn."""
    rounds, calls = (3, 200) if small else (15, 20_000)
    engines = _engines()
    for name, decide in engines.items():
        if decide() is not True:
            raise AnswersDifferError(f"{name} answers {decide()!r}")
    times: dict[str, list[float]] = {name: [] for name in engines}
    for _ in range(rounds):
        for name, decide in engines.items():
            times[name].append(timeit.timeit(decide, number=calls) / calls * 1e6)
    # What calling through timeit costs by itself is no part of any engine.
    empty = min(timeit.repeat(lambda: None, number=calls, repeat=rounds)) / calls * 1e6
    medians = {name: statistics.median(found) - empty for name, found in times.items()}
    ours, hand = medians["trueline"], medians["hand_written"]
    others = ", ".join(f"{name} {medians[name]:.2f} µs" for name in ("zen", "cel", "rule_engine"))
    return Result(
        benchmark="rule_eval",
        ratio=ours / hand,
        goal=LIMIT,
        better="lower",
        parts={f"{name}_us": median for name, median in medians.items()} | {"calls": calls, "rounds": rounds},
        machine=machine(),
        summary=f"a compiled rule {ours:.3f} µs, the same written by hand {hand:.3f} µs; {others}",
        small=small,
    )


def _engines() -> dict[str, Callable[[], object]]:
    facts = dict(FACTS)
    compiled = compile_expression(EXPRESSION, _DECLARED).evaluate
    program = cel.compile(EXPRESSION.replace(" and ", " && "))
    expression = zen.compile_expression(EXPRESSION)
    rule = rule_engine.Rule(EXPRESSION)

    def hand_written(given: dict[str, object]) -> bool:
        return given["kpi"] == "activation_rate" and given["value"] < 0.3 and given["tier"] in _TIERS  # type: ignore[operator]

    return {
        "trueline": lambda: compiled(facts),
        "hand_written": lambda: hand_written(facts),
        "zen": lambda: expression.evaluate(facts),
        "cel": lambda: program.execute(facts),
        "rule_engine": lambda: rule.matches(facts),
    }
