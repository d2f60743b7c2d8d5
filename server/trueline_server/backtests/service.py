"""The use case of backtests: checks what is asked for before it becomes an operation, and does it. No protobuf."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Protocol

from trueline_rules.errors import Problem, RuleFileError
from trueline_rules.layers import Layer, pack_layer, tenant_layer
from trueline_rules.loader import load_layers
from trueline_rules.model import RuleSet
from trueline_rules.names import hint, nearest, quoted

from trueline_server.backtests.history import HistoryReader
from trueline_server.backtests.model import Asked, Backtest, Replayed, RuleSource, Span
from trueline_server.backtests.plan import MOST_KPI_VALUES, Plan, plan_reads
from trueline_server.backtests.replaying import run_backtest
from trueline_server.clock import Clock
from trueline_server.errors import TruelineError, invalid_field
from trueline_server.kpis.instants import DAY_US, FIRST_US, Clocks
from trueline_server.operations.model import Work
from trueline_server.rules.drafts import RefusedStatements, refuse_unfit
from trueline_server.rules.in_force import RulesOf

DEFAULT_LENGTH_US = 30 * DAY_US
DEFAULT_EVERY_US = DAY_US // 4
SHORTEST_EVERY_US = 1_000_000
MOST_INSTANTS = 100_000


class BaseLayers(Protocol):
    """The files behind a revision."""

    @property
    def base(self) -> Layer:
        """The operator's files."""
        ...

    @property
    def mapping(self) -> str:
        """Name of the event mapping in force."""
        ...


class Revisions(Protocol):
    """Knows stored revisions; the rule book."""

    def rules_at(self, tenant: str, revision: str) -> RuleSet:
        """A stored revision, loaded again."""
        ...

    def layers_at(self, tenant: str, revision: str) -> BaseLayers:
        """The files behind a stored revision."""
        ...


class Backtests:
    """Checks and does backtests. Methods block; thread-safe."""

    def __init__(
        self,
        rules_of: RulesOf,
        revisions: Revisions,
        reader: HistoryReader,
        *,
        refused: RefusedStatements,
        clocks: Clocks,
        clock: Clock,
    ) -> None:
        self._rules_of = rules_of
        self._revisions = revisions
        self._reader = reader
        self._refused = refused
        self._clocks = clocks
        self._clock = clock

    def check(self, tenant: str, asked: Asked) -> Asked:
        """What is asked for, without defaults, so that it is the same whenever it is done.

        Raises:
            TruelineError: INVALID_FIELD; RULES_DO_NOT_LOAD; UNKNOWN_REVISION; UNKNOWN_RULE.

        """
        span = self._span(tenant, asked)
        checked = dataclasses.replace(
            asked,
            source=self._named(tenant, asked.source),
            baseline=None if asked.baseline is None else self._named(tenant, asked.baseline),
            start_us=span.start_us,
            end_us=span.end_us,
            every_us=span.every_us,
        )
        plan = plan_reads(self._sets(tenant, checked), span, self._rules_of(tenant))
        if plan.kpi_values > MOST_KPI_VALUES:
            told = f"asks for {plan.kpi_values:,} values of KPIs, at most {MOST_KPI_VALUES:,} are computed"
            raise invalid_field("every", f"{told}; take a longer one, a shorter span, or fewer rules")
        return checked

    def run(self, work: Work, asked: Asked) -> Backtest:
        """Do what was checked.

        Raises:
            WorkStoppedError: the work is to end.
            TruelineError: RULES_DO_NOT_LOAD; UNKNOWN_REVISION; TOO_MANY_POINTS.
            StoreError: the warehouse cannot answer.

        """
        sets, plan = self.prepare(work, asked)
        return run_backtest(sets, plan, self._reader, work)

    def load_both(self, tenant: str, before: RuleSource, after: RuleSource) -> tuple[RuleSet, RuleSet]:
        """Two rule sets that are to be compared.

        Raises:
            TruelineError: INVALID_FIELD; RULES_DO_NOT_LOAD; UNKNOWN_REVISION.

        """
        first, second = (self._load(tenant, self._named(tenant, source)) for source in (before, after))
        return first, second

    @property
    def reader(self) -> HistoryReader:
        """Reads what is replayed."""
        return self._reader

    def prepare(self, work: Work, asked: Asked) -> tuple[list[Replayed], Plan]:
        """The rules of what was checked, and what is to be read for them. Raises as `run`."""
        sets = self._sets(work.tenant, asked)
        work.go_on()
        return sets, plan_reads(sets, self._span(work.tenant, asked), self._rules_of(work.tenant))

    def _span(self, tenant: str, asked: Asked) -> Span:
        now_us = self._clock()
        every_us = DEFAULT_EVERY_US if asked.every_us is None else asked.every_us
        if every_us < SHORTEST_EVERY_US:
            raise invalid_field("every", f"is {every_us / 1e6:g} s; the shortest is a second")
        end_us = self._last(tenant, now_us, every_us) if asked.end_us is None else asked.end_us
        if end_us > now_us:
            raise invalid_field("end_time", "lies in the future, which has no history")
        length_us = DEFAULT_LENGTH_US if asked.length_us is None else asked.length_us
        if length_us <= 0:
            raise invalid_field("span", "must be positive")
        start_us = end_us - length_us if asked.start_us is None else asked.start_us
        if start_us < FIRST_US:
            raise invalid_field("start_time" if asked.start_us is not None else "span", "reaches back beyond 1971")
        if start_us >= end_us:
            raise invalid_field("start_time", "is not before end_time")
        span = Span(start_us, end_us, every_us)
        if span.count > MOST_INSTANTS:
            told = f"asks for {span.count:,} evaluations of each rule, at most {MOST_INSTANTS:,} are replayed"
            raise invalid_field("every", f"{told}; take a longer one, or a shorter span")
        return span

    def _last(self, tenant: str, now_us: int, every_us: int) -> int:
        """The last evaluation where none is asked for: behind the end of the data, or now; at a whole hour, day, …"""
        clock = self._clocks.read(now_us).get(tenant)
        newest_us, step_us = now_us if clock is None else clock.judged_at_us, min(every_us, DAY_US)
        last_us = -(-newest_us // step_us) * step_us
        return last_us if last_us <= now_us else newest_us // step_us * step_us

    def _named(self, tenant: str, source: RuleSource) -> RuleSource:
        if bool(source.files) + bool(source.revision) + source.base_alone > 1:
            raise invalid_field("revision", "is one of several sources; give files, a revision, or the base alone")
        if source.files or source.revision or source.base_alone:
            return source
        return dataclasses.replace(source, revision=self._rules_of(tenant).revision)

    def _sets(self, tenant: str, asked: Asked) -> list[Replayed]:
        sources = [asked.source] if asked.baseline is None else [asked.source, asked.baseline]
        loaded = [self._load(tenant, source) for source in sources]
        known = {name for rules in loaded for name in rules.alert_rules}
        for name in asked.rule_names:
            if name not in known:
                near = nearest(name, known) or ""
                told = f"no alert rule of these is called {quoted(name)}{hint(name, known)}"
                raise TruelineError("NOT_FOUND", "UNKNOWN_RULE", told, metadata={"rule": name, "nearest": near})
        wanted = set(asked.rule_names) or known
        return [
            Replayed(rules, tuple(name for name in sorted(rules.alert_rules) if name in wanted)) for rules in loaded
        ]

    def _load(self, tenant: str, source: RuleSource) -> RuleSet:
        in_force = self._rules_of(tenant)
        if source.revision:
            known = source.revision == in_force.revision
            return in_force if known else self._revisions.rules_at(tenant, source.revision)
        refuse_unfit(source.files)
        below, mapping = [pack_layer()], source.mapping
        if source.on_base or source.base_alone:
            layers = self._revisions.layers_at(tenant, in_force.revision)
            below.append(layers.base)
            mapping = mapping or layers.mapping
        try:
            rules = load_layers([*below, tenant_layer(source.files)], mapping=mapping)
        except RuleFileError as error:
            raise _do_not_load(error.problems) from error
        refused = self._refused(rules)
        if refused:
            raise _do_not_load(tuple(refused.values()))
        return rules


def _do_not_load(problems: Sequence[Problem]) -> TruelineError:
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return TruelineError(
        "FAILED_PRECONDITION",
        "RULES_DO_NOT_LOAD",
        f"the rules do not load: {problems[0]}{more}",
        metadata={"problems": str(len(problems))},
        violations=[(f"{one.place.file}:{one.place.line}:{one.place.column}", one.message) for one in problems],
    )
