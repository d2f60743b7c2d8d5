"""A minute of a server in which one of many facts was put anew: what evaluating costs, against all of them put anew."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_server.alerts.live import LiveEvaluation
from trueline_server.clock import ManualClock
from trueline_server.decisions.log import DecisionLog
from trueline_server.facts.store import FactRow, FactStore
from trueline_stores.bus import InProcessBus
from trueline_stores.state.database import StateDatabase
from trueline_stores.warehouse.client import Warehouse
from trueline_streams.records import Changes, ClockRow
from trueline_streams.warehouse_writer import WarehouseWriter

from benchmarks.live_evaluation import live_evaluation
from benchmarks.result import Result, machine

# Of a minute in which all rules are looked at; the rest of it is what each minute costs, whatever changed.
GOAL = 0.2
START = 1_717_243_200_000_000  # 2024-06-01T12:00Z
_TENANT = "bench"
# Minutes until the tenant is judged, and none of its rules is looked at any more.
_UNTIL_READY = 6
_LIMIT = 1_000.0


class AnswersDifferError(RuntimeError):
    """Other rules were looked at, or other alerts fire, than the facts call for, so the times say nothing."""


@dataclass(frozen=True, slots=True)
class _Size:
    """So many rules over so many facts in turn, each about so many accounts."""

    rules: int
    facts: int
    accounts: int


def run(*, small: bool) -> Result:
    """Medians over the minutes."""
    size, rounds = (_Size(40, 10, 5), 2) if small else (_Size(2_000, 200, 100), 5)
    with tempfile.TemporaryDirectory(prefix="trueline-bench-") as name, _World(Path(name), size) as world:
        for _ in range(_UNTIL_READY):
            world.minute(())
        minutes: dict[str, list[float]] = {"none": [], "one": [], "all": []}
        for number in range(rounds):
            minutes["none"].append(world.minute(()))
            minutes["one"].append(world.minute([number]))
            minutes["all"].append(world.minute(range(size.facts)))
    none, one, everything = (statistics.median(minutes[which]) for which in ("none", "one", "all"))
    readers = size.rules // size.facts
    return Result(
        benchmark="rule_wakeup",
        ratio=one / everything,
        goal=GOAL,
        better="lower",
        parts={
            "rules": size.rules,
            "facts": size.facts,
            "accounts": size.accounts,
            "readers": readers,
            "nothing_changed_s": minutes["none"],
            "one_changed_s": minutes["one"],
            "all_changed_s": minutes["all"],
        },
        machine=machine(),
        summary=(
            f"of {size.facts} facts about {size.accounts} accounts one is put anew: a minute takes {one * 1e3:.0f} ms "
            f"for its {readers} readers, {everything * 1e3:,.0f} ms for all {size.rules:,} rules, "
            f"{none * 1e3:.0f} ms if nothing is put"
        ),
        small=small,
    )


class _World:
    """A tenant whose facts are put in, and what evaluates its rules."""

    def __init__(self, folder: Path, size: _Size) -> None:
        self._size = size
        self._warehouse = Warehouse.chdb(folder / "warehouse")
        self._warehouse.migrate()
        self._state, self._clock = StateDatabase.sqlite(folder / "state.sqlite3"), ManualClock(START)
        self._log = DecisionLog(self._state, self._warehouse, self._clock)
        rules = _rules(size)
        self._live: LiveEvaluation = live_evaluation(rules, self._warehouse, self._state, self._log, self._clock)
        self._writer, self._facts = WarehouseWriter(self._warehouse, InProcessBus()), FactStore(self._warehouse)
        self._minutes = 0
        self._put(range(size.facts), START - 3_600_000_000)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._log.close()
        self._state.close()
        self._warehouse.close()

    def minute(self, changed: Sequence[int]) -> float:
        """Seconds of the evaluation of a minute before which some facts were put anew."""
        self._minutes += 1
        self._clock.turn(60)
        now_us = self._clock()
        self._put(changed, START - 3_600_000_000)
        clock = ClockRow(_TENANT, "bench", self._minutes, now_us, now_us, False, self._minutes)
        self._writer.write(Changes(self._minutes, (), (clock,), (), (), ()))
        before = self._live.looked_at(_TENANT)
        start = time.perf_counter()
        self._live.tick()
        seconds = time.perf_counter() - start
        looked_at = self._live.looked_at(_TENANT) - before
        wanted = len(changed) * self._size.rules // self._size.facts
        if self._minutes > _UNTIL_READY and looked_at != wanted:
            raise AnswersDifferError(f"{looked_at} rules were looked at, {wanted} read what changed")
        return seconds

    def _put(self, facts: Sequence[int], observed_us: int) -> None:
        """Values that no rule fires at, others than before."""
        rows = [
            FactRow(
                "account", f"account-{account:05}", f"f{fact}", observed_us, float((self._minutes + account) % 1_000)
            )
            for fact in facts
            for account in range(self._size.accounts)
        ]
        self._facts.write(_TENANT, rows, self._minutes + 1)


def _rules(size: _Size) -> RuleSet:
    head = "apiVersion: trueline/v1\nkind: {}\nmetadata: {{name: {}}}\nspec:\n"
    documents = [head.format("EventMapping", "m") + "  fields: {id: id, source: source, name: name, occurred_at: at}\n"]
    documents += [
        head.format("FactType", f"f{number}") + "  subject: account\n  type: number\n" for number in range(size.facts)
    ]
    documents += [
        head.format("AlertRule", f"r{number}")
        + f"  facts: {{value: {{fact: f{number % size.facts}}}}}\n  warning: value > {_LIMIT + number}\n"
        for number in range(size.rules)
    ]
    return load_texts([("bench.yaml", "---\n".join(documents))], default_pack=False)
