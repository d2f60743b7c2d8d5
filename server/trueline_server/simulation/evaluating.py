"""Evaluates alert rules over series from instant to instant, and leaves out evaluations that cannot change anything."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from trueline_rules.alert_rules import CompiledRule, compile_rule
from trueline_rules.alerting.columns import RuleStates
from trueline_rules.alerting.model import Outcome
from trueline_rules.model import RuleSet

from trueline_server.alerts.evaluation import StageEvaluation, due_rules, evaluate_stage
from trueline_server.alerts.states import StageStates
from trueline_server.alerts.waking import AT_REST
from trueline_server.simulation.values import SeriesValues


class RuleEvaluation:
    """The evaluations of a simulation, through the code that evaluates live.

    A rule is judged anew when a value that it reads changed, when its conditions read the time, and as long as an alert
    of it is on its way from one state to another. Else the evaluation would come to what the last one came to.
    """

    def __init__(
        self, rules: RuleSet, names: Sequence[str], values: SeriesValues, *, start_us: int, last_us: int, every_us: int
    ) -> None:
        self._rules = rules
        # A simulation runs no schedules: what waits for one is judged with the others.
        wanted = [replace(rules.alert_rules[name], live=True) for name in names]
        self._compiled = tuple(compile_rule(rule, rules.fact_types) for rule in wanted)
        self._values = values
        self._grid = range(start_us, last_us + 1, every_us)
        self._moving = frozenset(
            one.rule.metadata.name for one in self._compiled if any(c.reads_now for c in one.conditions.values())
        )
        # Before the first instant, so that a rule with an interval of its own begins at a multiple of it.
        states = {rule.rule.metadata.name: RuleStates(rule.rule.metadata.name) for rule in self._compiled}
        self._states = StageStates(revision=rules.revision, evaluated_us=start_us - 1, rules=states)
        # By rule at rest, the columns that it was judged by.
        self._at_rest: dict[str, list[object]] = {}
        # The next instant at which something is to be judged; None = there is none.
        self.next_us: int | None = start_us if self._grid else None

    @property
    def states(self) -> StageStates:
        """What is kept of the rules."""
        return self._states

    def count(self) -> int:
        """How many evaluations of rules there are, those left out among them."""
        first_us, total = self._grid.start, 0
        for rule in self._compiled:
            every_us = rule.rule.every_us
            if every_us <= self._grid.step:
                total += len(self._grid)
            elif self._grid:
                total += self._grid[-1] // every_us - (first_us - 1) // every_us
        return total

    def at_next(self) -> StageEvaluation | None:
        """Evaluate at the next instant; None if nothing had to be judged anew."""
        instant_us = self.next_us
        assert instant_us is not None
        # Instants that were left out count as evaluated for what is due when.
        before_us = max(self._grid.start - 1, instant_us - self._grid.step)
        before = self._states = replace(self._states, evaluated_us=before_us)
        due = due_rules(self._compiled, before, instant_us)
        values = self._values.read(dict.fromkeys(s for rule in due for s in rule.rule.facts.values()), instant_us)
        anew = [rule for rule in due if not self._rests(rule, values.columns)]
        done = None
        if anew:
            done = evaluate_stage(self._rules, self._compiled, anew, before, instant_us=instant_us, values=values)
            self._states = done.states
            restless = {each.name for each in done.changed} | self._moving
            for rule in anew:
                name = rule.rule.metadata.name
                self._at_rest.pop(name, None)
                if name not in restless and self._came_to_rest(name):
                    self._at_rest[name] = [values.columns[source] for source in rule.rule.facts.values()]
        self.next_us = self._next(instant_us)
        return done

    def _next(self, instant_us: int) -> int | None:
        """The instant after this one at which a rule that is not at rest is due, or a value moves."""
        number = (instant_us - self._grid.start) // self._grid.step + 1
        moves_us = self._values.moves_us() if len(self._at_rest) == len(self._compiled) else None
        if moves_us is not None:
            number = max(number, -(-(moves_us - self._grid.start) // self._grid.step))
        return self._grid[number] if number < len(self._grid) else None

    def _rests(self, rule: CompiledRule, columns: object) -> bool:
        known = self._at_rest.get(rule.rule.metadata.name)
        if known is None:
            return False
        assert isinstance(columns, dict)
        return all(
            columns.get(source) is column for source, column in zip(rule.rule.facts.values(), known, strict=True)
        )

    def _came_to_rest(self, name: str) -> bool:
        outcome = self._states.outcomes.get(name)
        if outcome is None or outcome.outcome != Outcome.DONE.value:
            return False
        return all(instance.state in AT_REST for instance in self._states.rules[name].instances.values())
