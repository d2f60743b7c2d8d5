"""The values that rules read from given series, instant by instant; computed anew only where a sample comes or goes."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from trueline_rules.alert_model import FactSource
from trueline_rules.alerting.aggregates import Agg
from trueline_rules.alerting.columns import VectorColumn
from trueline_rules.alerting.operands import vector_at
from trueline_rules.alerting.series import Series
from trueline_rules.alerting.vectors import AlertingError
from trueline_rules.backtesting.replay import History
from trueline_rules.metric_labels import label_names
from trueline_rules.model import RuleSet

from trueline_server.alerts.reading import InstantValues

# These extrapolate to the borders of their window, so they move with it.
_NEVER_STILL = frozenset({Agg.RATE, Agg.INCREASE})


class SeriesValues:
    """Answers what the live reader answers, from histories. Instants must not descend."""

    def __init__(self, rules: RuleSet, histories: Mapping[FactSource, History]) -> None:
        self._columns = {
            source: _Column(source, history, names_of(rules, source)) for source, history in histories.items()
        }
        self._rules = rules

    def moves_us(self) -> int | None:
        """Until when no value that was read last changes; None = nobody knows."""
        found = _FOR_EVER_US
        for column in self._columns.values():
            if column.still_until_us is None:
                return None
            found = min(found, column.still_until_us)
        return found

    def read(self, sources: Iterable[FactSource], instant_us: int) -> InstantValues:
        """The columns of sources; one without a history has no value."""
        found = InstantValues()
        for source in sources:
            known = self._columns.get(source)
            if known is None:
                known = self._columns[source] = _Column(source, History(), names_of(self._rules, source))
            column = known.at(instant_us)
            if isinstance(column, VectorColumn):
                found.columns[source] = column
            else:
                found.failures[source] = column
        return found


def names_of(rules: RuleSet, source: FactSource) -> tuple[str, ...]:
    """The labels that values of a source may have."""
    match source.kind:
        case "metric":
            return tuple(label_names(rules.metrics[source.name].group_by).values())
        case "fact":
            return (rules.fact_types[source.name].subject,)
    return ()


class _Column:
    """The column of one source. As long as nothing changes it is the same object, which callers may rely on."""

    def __init__(self, source: FactSource, history: History, names: tuple[str, ...]) -> None:
        operand = source.operand
        if history.lookback_us is not None:
            operand = replace(operand, lookback_us=history.lookback_us)
        self._operand = operand
        self._series = history.series
        self._names = names
        self._moves: Sequence[int] | None = None if operand.agg in _NEVER_STILL else self._all_moves()
        # None = it is not known how long it stays as it is.
        self.still_until_us: int | None = None
        self._column: VectorColumn | str | None = None

    def at(self, instant_us: int) -> VectorColumn | str:
        """The column, or why there is none."""
        if self._column is not None and self.still_until_us is not None and instant_us < self.still_until_us:
            return self._column
        made: VectorColumn | str
        try:
            made = VectorColumn.of(vector_at(self._operand, self._series, instant_us, self._names))
        except AlertingError as error:
            made = str(error)
        if self._column is None or made != self._column:
            self._column = made
        if self._moves is not None:
            after = bisect_right(self._moves, instant_us)
            self.still_until_us = self._moves[after] if after < len(self._moves) else _FOR_EVER_US
        return self._column

    def _all_moves(self) -> list[int]:
        """The instants at which the value of a series may change: a sample comes into reach, or leaves it.

        Whether the border counts is not asked, so each sample leaves twice.
        """
        operand = self._operand
        reach_us = operand.over_us or operand.lookback_us
        moves: set[int] = set()
        for one in self._series:
            latest_only = operand.over_us == 0 and operand.agg in {Agg.LAST, Agg.ABSENT}
            for number, at_us in enumerate(one.instants_us):
                came_us = at_us + operand.offset_us
                if not latest_only or not self._goes_on(one, number, reach_us):
                    moves.add(came_us)
                follows_us = one.instants_us[number + 1] - at_us if number + 1 < len(one.instants_us) else _FOR_EVER_US
                # Of the last sample alone, one that is followed in time never leaves.
                if not latest_only or follows_us >= reach_us:
                    moves |= {came_us + reach_us, came_us + reach_us + 1}
        return sorted(moves)

    @staticmethod
    def _goes_on(one: Series, number: int, reach_us: int) -> bool:
        """Whether a sample says what the one before said, which was still in reach."""
        if number == 0 or one.instants_us[number] - one.instants_us[number - 1] >= reach_us:
            return False
        return bool(one.samples[number] == one.samples[number - 1])


_FOR_EVER_US = 1 << 62
