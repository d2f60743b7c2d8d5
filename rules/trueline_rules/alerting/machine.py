"""The alert state machine: one evaluation of one rule over all its label sets. No clock and no I/O."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from trueline_rules.alerting.findings import Course, Finding, failed, judge, over_limit, without_data, without_rows
from trueline_rules.alerting.model import (
    AlertSpec,
    Evaluation,
    Failure,
    Instance,
    OnVanished,
    Outcome,
    Reason,
    Severity,
    State,
    Transition,
)
from trueline_rules.alerting.states import advance, is_active, miss
from trueline_rules.alerting.vectors import Labels, Row, shown

# The labels of the instance that stands for a rule without rows, or for a rule that fails.
WHOLE_RULE: Labels = ()


def evaluate(
    spec: AlertSpec,
    instances: Iterable[Instance],
    instant_us: int,
    watermark_us: int,
    rows_or_error: Sequence[Row] | Failure,
) -> Evaluation:
    """Evaluate a rule at an instant.

    Each label set is its own instance, and none looks at another. A rule without any row has one instance, without
    labels, that is without data: a rule that looks at nothing is seen. A rule that fails, or has more active instances
    than its limit, has that instance too, beside those of its label sets that are not quiet; nothing of its rows is
    kept. Beyond the limit that instance is an error whatever the policy says, and tells how many alerts there would be.

    Args:
        spec: the rule.
        instances: what the last evaluation answered, in any order; restored from wherever they were kept.
        instant_us: what is judged (µs since 1970 UTC).
        watermark_us: up to here the facts are complete; an instant beyond it is refused.
        rows_or_error: the joined facts at the instant, in any order, or why they could not be had.

    Raises:
        ValueError: an instance belongs to another rule, or two have the same labels.

    """
    known = _by_labels(spec, instances)
    refused = _refused(spec, known, instant_us, watermark_us)
    if refused is not None:
        return refused
    if isinstance(rows_or_error, Failure):
        return fail(spec, known, instant_us, rows_or_error.message)
    rows = {row.labels: row for row in rows_or_error}
    if len(rows) < len(rows_or_error):
        return fail(spec, known, instant_us, f"rule {spec.name} has two rows for {_twice(rows_or_error)}")
    after = _judged(spec, known, instant_us, rows)
    too_many = excess(spec, after.values())
    if too_many:
        return fail(spec, known, instant_us, too_many, beyond=True)
    # A quiet instance is kept while it has a row, so that its vanishing is noticed; the rule's own while there is none.
    there = rows.keys() if rows else {WHOLE_RULE}
    kept = tuple(
        instance
        for labels, instance in after.items()
        if labels in there or instance.state is State.RESOLVED or not is_over(spec, instance)
    )
    return Evaluation(kept, transitions_of(spec, known, after, instant_us), Outcome.DONE)


def _by_labels(spec: AlertSpec, instances: Iterable[Instance]) -> dict[Labels, Instance]:
    found: dict[Labels, Instance] = {}
    for instance in instances:
        if instance.rule != spec.name:
            raise ValueError(f"{shown(instance.labels)} is an instance of rule {instance.rule}, not of {spec.name}")
        if instance.labels in found:
            raise ValueError(f"rule {spec.name} has two instances for {shown(instance.labels)}")
        found[instance.labels] = instance
    return found


def _refused(
    spec: AlertSpec, instances: Mapping[Labels, Instance], instant_us: int, watermark_us: int
) -> Evaluation | None:
    same = tuple(instances.values())
    last_us = max((i.evaluated_us for i in same if i.evaluated_us is not None), default=None)
    outcome, message = untimely(spec, last_us, instant_us, watermark_us)
    return None if outcome is None else Evaluation(same, (), outcome, message)


def untimely(spec: AlertSpec, last_us: int | None, instant_us: int, watermark_us: int) -> tuple[Outcome | None, str]:
    """Why a rule is not evaluated at an instant, given its last evaluation; None if it is."""
    if instant_us > watermark_us:
        return Outcome.BEYOND_WATERMARK, f"rule {spec.name} waits: {instant_us} is beyond the watermark {watermark_us}"
    if last_us == instant_us:
        return Outcome.REPEATED, f"rule {spec.name} was evaluated at {instant_us}"
    if last_us is not None and last_us > instant_us:
        return Outcome.BACKWARDS, f"rule {spec.name} was evaluated at {last_us}, {instant_us} is before that"
    return None, ""


def _judged(
    spec: AlertSpec, instances: Mapping[Labels, Instance], instant_us: int, rows: Mapping[Labels, Row]
) -> dict[Labels, Instance]:
    after: dict[Labels, Instance] = {}
    for labels, row in rows.items():
        instance = instances.get(labels) or Instance(spec.name, labels)
        after[labels] = advance(spec, instance, judge(spec, instance, row), instant_us)
    for labels, instance in instances.items():
        if labels not in rows and (labels != WHOLE_RULE or rows):
            after[labels] = vanished(spec, instance, instant_us)
    if not rows and (WHOLE_RULE in instances or all(is_over(spec, instance) for instance in after.values())):
        own = instances.get(WHOLE_RULE) or Instance(spec.name, WHOLE_RULE)
        after[WHOLE_RULE] = advance(spec, own, without_rows(spec, own), instant_us)
    return _sorted(after)


def vanished(spec: AlertSpec, instance: Instance, instant_us: int) -> Instance:
    """Answer an instance after an evaluation without its row."""
    missed = instance.missed + 1
    if instance.labels == WHOLE_RULE:
        missed = spec.vanished_after
    elif missed < spec.vanished_after:
        return miss(spec, instance, instant_us)
    elif spec.on_vanished is OnVanished.NO_DATA:
        return advance(spec, instance, without_data(spec, instance, Reason.VANISHED), instant_us, missed)
    return advance(spec, instance, Finding(Course.FALSE, Reason.VANISHED), instant_us, missed)


def is_over(spec: AlertSpec, instance: Instance) -> bool:
    """Tell whether nothing of a label set without a row is waited for."""
    quiet = instance.state is State.INACTIVE and instance.missed >= spec.vanished_after
    return quiet or instance.state is State.RESOLVED


def excess(spec: AlertSpec, instances: Iterable[Instance]) -> str:
    """What to say of a rule with more active instances than its limit; "" if it has not."""
    if not spec.limit:
        return ""
    severities = Counter(instance.severity for instance in instances if is_active(instance))
    active = severities.total()
    if active <= spec.limit:
        return ""
    each = ", ".join(f"{severities[one]} {one.value}" for one in reversed(Severity) if severities[one])
    return f"rule {spec.name} has {active} active instances ({each}), its limit is {spec.limit}; none of them is taken"


def fail(
    spec: AlertSpec, instances: Mapping[Labels, Instance], instant_us: int, message: str, *, beyond: bool = False
) -> Evaluation:
    """Answer an evaluation that could not be done, for all instances; `beyond` = for there are more than the limit."""
    after: dict[Labels, Instance] = {}
    for labels, instance in {WHOLE_RULE: Instance(spec.name, WHOLE_RULE), **instances}.items():
        finding = failed(spec, instance, message)
        if beyond and (labels == WHOLE_RULE or finding.course is Course.FALSE):
            # Too many alerts are no reason to take some for over, nor to say nothing of it.
            finding = over_limit(spec, message)
        if labels != WHOLE_RULE and instance.state in {State.INACTIVE, State.RESOLVED}:
            # Ten thousand quiet label sets are no ten thousand errors.
            finding = Finding(Course.FALSE, Reason.FAILED, message=message)
        after[labels] = advance(spec, instance, finding, instant_us, instance.missed)
    after = _sorted(after)
    return Evaluation(
        tuple(after.values()), transitions_of(spec, instances, after, instant_us), Outcome.FAILED, message
    )


def transitions_of(
    spec: AlertSpec, before: Mapping[Labels, Instance], after: Mapping[Labels, Instance], instant_us: int
) -> tuple[Transition, ...]:
    """What changed its state or severity, in order of `after`; an instance that was not known was INACTIVE."""
    found = []
    for labels, instance in after.items():
        was = before.get(labels) or Instance(spec.name, labels)
        if was.state is not instance.state or was.severity is not instance.severity:
            found.append(Transition(instant_us, was, instance))
    return tuple(found)


def _sorted(instances: Mapping[Labels, Instance]) -> dict[Labels, Instance]:
    return {labels: instances[labels] for labels in sorted(instances)}


def _twice(rows: Sequence[Row]) -> str:
    labels = sorted(row.labels for row in rows)
    return shown(next(one for one, other in pairwise(labels) if one == other))
