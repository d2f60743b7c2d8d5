"""The state machine over columns: a rule's rows as lists, and instances only of the label sets that are not quiet.

`evaluate_columns` decides as `machine.evaluate` does, row by row; it differs in what it keeps. A label set whose
condition is false and that is INACTIVE needs no object of its own: it is one of the `quiet` labels. So an evaluation
costs a call of the conditions for each row, and the machine's steps for the few rows that are something.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from trueline_rules.alerting.findings import judge
from trueline_rules.alerting.joining import join_facts
from trueline_rules.alerting.machine import (
    evaluate,
    excess,
    fail,
    is_over,
    transitions_of,
    untimely,
    vanished,
)
from trueline_rules.alerting.model import AlertSpec, Failure, Instance, Outcome, State, Transition
from trueline_rules.alerting.states import advance
from trueline_rules.alerting.vectors import Labels, Row, Value, Vector, is_missing

Column = Sequence[Value | None]


@dataclass(frozen=True, slots=True)
class FactTable:
    """The joined facts of a rule at an instant.

    Attributes:
        labels: of each row, ascending, each once.
        columns: a value for each row, by fact; None and NaN are missing.

    """

    labels: tuple[Labels, ...]
    columns: Mapping[str, Column]

    def row(self, number: int) -> Row:
        """One row, with None for what is missing."""
        values = {name: column[number] for name, column in self.columns.items()}
        return Row(self.labels[number], {name: None if is_missing(each) else each for name, each in values.items()})


@dataclass(frozen=True, slots=True)
class VectorColumn:
    """A vector in order of labels, made once for all rules that read it."""

    names: tuple[str, ...]
    labels: tuple[Labels, ...]
    values: Sequence[Value]

    @classmethod
    def of(cls, vector: Vector) -> VectorColumn:
        """Sort the rows of a vector."""
        labels = tuple(sorted(vector.rows))
        return cls(vector.names, labels, [vector.rows[each] for each in labels])

    def vector(self) -> Vector:
        """The vector again."""
        return Vector(self.names, dict(zip(self.labels, self.values, strict=True)))


@dataclass(frozen=True, slots=True)
class RuleStates:
    """What is kept of a rule between evaluations.

    Attributes:
        rule: its name.
        labels: those of the last evaluation's rows, ascending; one without an instance is INACTIVE.
        instances: all that are more than that, by labels.
        evaluated_us: the last evaluation; None = never.

    """

    rule: str
    labels: tuple[Labels, ...] = ()
    instances: Mapping[Labels, Instance] = field(default_factory=dict)
    evaluated_us: int | None = None

    def all(self) -> list[Instance]:
        """The instances that the machine would have kept; of quiet ones only labels and time are known."""
        quiet = (
            Instance(self.rule, labels, evaluated_us=self.evaluated_us)
            for labels in self.labels
            if labels not in self.instances
        )
        return [*quiet, *self.instances.values()]


@dataclass(frozen=True, slots=True)
class ColumnEvaluation:
    """What an evaluation made of a rule's states; unchanged if it was refused."""

    states: RuleStates
    transitions: tuple[Transition, ...]
    outcome: Outcome
    message: str = ""


def join_columns(facts: Mapping[str, VectorColumn], looked_up: Collection[str] = ()) -> FactTable:
    """Join facts as `join_facts` does; where all that have labels have the same ones, without looking at a row.

    Raises:
        AlertingError: as `join_facts`.

    """
    labelled = [column for column in facts.values() if column.names]
    first = labelled[0] if labelled else None
    alike = first is None or all(each.names == first.names and each.labels == first.labels for each in labelled)
    if alike and not looked_up:
        labels = first.labels if first is not None else ((),)
        columns = {
            name: column.values if column.names else [_only(column)] * len(labels) for name, column in facts.items()
        }
        return FactTable(labels, columns)
    rows = join_facts({name: column.vector() for name, column in facts.items()}, looked_up)
    return FactTable(tuple(row.labels for row in rows), {name: [row.values[name] for row in rows] for name in facts})


def evaluate_columns(
    spec: AlertSpec, states: RuleStates, instant_us: int, watermark_us: int, table: FactTable | Failure
) -> ColumnEvaluation:
    """Evaluate a rule at an instant, as `machine.evaluate` does over `states.all()`.

    Args:
        spec: the rule.
        states: what the last evaluation answered.
        instant_us: what is judged (µs since 1970 UTC).
        watermark_us: up to here the facts are complete; an instant beyond it is refused.
        table: the joined facts at the instant, or why they could not be had.

    Raises:
        FactValueError: a value has not the type that its fact declares.

    """
    refused, message = untimely(spec, states.evaluated_us, instant_us, watermark_us)
    if refused is not None:
        return ColumnEvaluation(states, (), refused, message)
    if isinstance(table, Failure):
        return _failed(spec, states, instant_us, table.message)
    if not table.labels:
        return _without_rows(spec, states, instant_us, watermark_us)
    after = _judged(spec, states, table, instant_us)
    too_many = excess(spec, after.values())
    if too_many:
        return _failed(spec, states, instant_us, too_many, beyond=True)
    transitions = transitions_of(spec, states.instances, dict(sorted(after.items())), instant_us)
    there = frozenset(table.labels) if len(after) > 1 else table.labels
    kept = {
        labels: instance
        for labels, instance in after.items()
        if not _is_quiet(instance)
        and (labels in there or instance.state is State.RESOLVED or not is_over(spec, instance))
    }
    return ColumnEvaluation(RuleStates(states.rule, table.labels, kept, instant_us), transitions, Outcome.DONE)


def _judged(spec: AlertSpec, states: RuleStates, table: FactTable, instant_us: int) -> dict[Labels, Instance]:
    """The instances of all label sets that are or were more than quiet, and of those that are gone."""
    known = states.instances
    after: dict[Labels, Instance] = {}
    same = table.labels == states.labels
    for number in _something(spec, table, known):
        labels = table.labels[number]
        instance = known.get(labels) or Instance(spec.name, labels)
        after[labels] = advance(spec, instance, judge(spec, instance, table.row(number)), instant_us)
    there: frozenset[Labels] = frozenset() if same and not known else frozenset(table.labels)
    gone: Iterable[Labels] = () if same else (labels for labels in states.labels if labels not in there)
    for labels in {*gone, *(labels for labels in known if labels not in there)}:
        instance = known.get(labels) or Instance(spec.name, labels, evaluated_us=states.evaluated_us)
        after[labels] = vanished(spec, instance, instant_us)
    return after


def _something(spec: AlertSpec, table: FactTable, known: Mapping[Labels, Instance]) -> list[int]:
    """The rows whose conditions are not all false, and those that have an instance."""
    conditions = [condition for condition in (spec.critical, spec.warning) if condition is not None]
    names = tuple(table.columns)
    found = []
    if len(names) == 1:
        # Most rules read one fact, and this is where nearly all rows end.
        (name,), (column,) = names, table.columns.values()
        for number, value in enumerate(column):
            values: dict[str, object] = {name: value}
            for condition in conditions:
                if condition(values) is not False:
                    found.append(number)
                    break
    else:
        for number, row in enumerate(zip(*table.columns.values(), strict=True)):
            values = dict(zip(names, row, strict=True))
            if any(condition(values) is not False for condition in conditions):
                found.append(number)
    if not known:
        return found
    return sorted({*found, *(number for number, labels in enumerate(table.labels) if labels in known)})


def _without_rows(spec: AlertSpec, states: RuleStates, instant_us: int, watermark_us: int) -> ColumnEvaluation:
    done = evaluate(spec, states.all(), instant_us, watermark_us, ())
    kept = {instance.labels: instance for instance in done.instances}
    return ColumnEvaluation(RuleStates(states.rule, (), kept, instant_us), done.transitions, done.outcome, done.message)


def _failed(
    spec: AlertSpec, states: RuleStates, instant_us: int, message: str, *, beyond: bool = False
) -> ColumnEvaluation:
    """A rule that fails leaves its quiet label sets as they are."""
    done = fail(spec, states.instances, instant_us, message, beyond=beyond)
    kept = {instance.labels: instance for instance in done.instances}
    after = RuleStates(states.rule, states.labels, kept, instant_us)
    return ColumnEvaluation(after, done.transitions, done.outcome, done.message)


def _is_quiet(instance: Instance) -> bool:
    return instance.state is State.INACTIVE and instance.missed == 0


def _only(column: VectorColumn) -> Value | None:
    return column.values[0] if column.values else None
