"""Which rules a changed fact wakes: rules by the metrics, KPIs and facts that they read."""

from __future__ import annotations

from collections.abc import Iterable

from trueline_rules.alert_rules import CompiledRule

# Kind ("metric", "kpi" or "fact") and name of what a fact of a rule comes from.
Source = tuple[str, str]


class RuleIndex:
    """The rules of a set by their sources: finding the readers of one costs what they are, not what the set is."""

    def __init__(self, rules: Iterable[CompiledRule]) -> None:
        self._rules = tuple(rules)
        self._readers: dict[Source, list[int]] = {}
        for number, rule in enumerate(self._rules):
            # A fact that no condition names still says which rows there are.
            for source in {(source.kind, source.name) for source in rule.rule.facts.values()}:
                self._readers.setdefault(source, []).append(number)

    def __len__(self) -> int:
        return len(self._rules)

    @property
    def sources(self) -> frozenset[Source]:
        """All that some rule reads."""
        return frozenset(self._readers)

    def woken_by(self, changed: Iterable[Source]) -> tuple[CompiledRule, ...]:
        """The rules that read any of what changed, each once, in the order of the set."""
        woken = {number for source in changed for number in self._readers.get(source, ())}
        return tuple(self._rules[number] for number in sorted(woken))
