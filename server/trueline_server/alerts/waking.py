"""Which rules an evaluation looks at: those that read what changed, and those that are on their way somewhere."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trueline_rules.alert_rules import CompiledRule
from trueline_rules.alerting.columns import RuleStates
from trueline_rules.alerting.model import Outcome, State
from trueline_rules.rule_index import RuleIndex

from trueline_server.alerts.evaluation import StageEvaluation
from trueline_server.alerts.reading import InstantValues, Seen

# In these an instance stays for as long as what it was judged by does; the others wait for a time to pass.
AT_REST = frozenset({State.FIRING, State.NO_DATA, State.ERROR})


@dataclass(frozen=True, slots=True)
class Woken:
    """What an evaluation looks at.

    Attributes:
        awake: names of the rules that must be looked at when they are due.
        seen: what is known of all sources by now.

    """

    awake: frozenset[str]
    seen: Seen


class Waking:
    """The rules of a set, asleep and awake. Used by one thread; it learns of an evaluation once that is durable.

    A rule sleeps when its last evaluation was done, no condition of it reads the time, and each of its label sets is
    quiet or in a state that only a value can end. Evaluated again over the same values it would come
    to the same, so it sleeps until one of its sources answers something else. At first all are awake.
    """

    def __init__(self, compiled: Iterable[CompiledRule]) -> None:
        rules = tuple(compiled)
        self._index = RuleIndex(rules)
        self._timed = frozenset(
            rule.rule.metadata.name for rule in rules if any(one.reads_now for one in rule.conditions.values())
        )
        self._awake = frozenset(rule.rule.metadata.name for rule in rules)
        self.seen = Seen()

    def wake(self, values: InstantValues) -> Woken:
        """Which rules must be looked at, by what was read for those that are due."""
        known = self.seen.columns
        changed = {(one.kind, one.name) for one, column in values.columns.items() if known.get(one) is not column}
        changed |= {(one.kind, one.name) for one in (*values.failures, *values.waiting)}
        woken = {rule.rule.metadata.name for rule in self._index.woken_by(changed)}
        return Woken(self._awake | woken, self.seen.after(values))

    def keep(self, woken: Woken, done: StageEvaluation) -> None:
        """Learn what an evaluation came to that is durable now."""
        asleep = {
            name
            for name in woken.awake & done.judged.keys()
            if name not in self._timed and _rests(done.states.rules[name], done.states.outcomes[name].outcome)
        }
        self._awake = woken.awake - asleep
        self.seen = woken.seen


def _rests(states: RuleStates, outcome: str) -> bool:
    return outcome == Outcome.DONE.value and all(
        instance.state in AT_REST and not instance.missed for instance in states.instances.values()
    )
