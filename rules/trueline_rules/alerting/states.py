"""How one instance goes from state to state."""

from __future__ import annotations

from dataclasses import replace

from trueline_rules.alerting.findings import Course, Finding
from trueline_rules.alerting.model import ACTIVE, AlertSpec, Instance, State


def advance(spec: AlertSpec, instance: Instance, finding: Finding, instant_us: int, missed: int = 0) -> Instance:
    """Answer the instance after an evaluation.

    Alerts become active at the first evaluation that is true, fire when `for` has passed since, and are resolved when
    `keep_firing_for` has passed since the first evaluation that is not true, as in Prometheus. Without data, or with an
    error, an alert that was pending begins anew, as nobody saw its condition hold; one that fired fires on at the next
    evaluation that is true, as nobody saw it end.
    """
    seen = replace(
        instance,
        evaluated_us=instant_us,
        missed=missed,
        reason=finding.reason,
        message=finding.message,
        values=instance.values if finding.values is None else finding.values,
    )
    match finding.course:
        case Course.TRUE:
            after = _true(spec, seen, finding, instant_us)
        case Course.FALSE:
            after = _false(spec, seen, instant_us)
        case Course.KEEP:
            after = seen
        case Course.NO_DATA:
            after = _unknown(seen, State.NO_DATA)
        case Course.ERROR:
            after = _unknown(seen, State.ERROR)
    moved = after.state is not instance.state or after.since_us is None
    return replace(after, since_us=instant_us) if moved else after


def miss(spec: AlertSpec, instance: Instance, instant_us: int) -> Instance:
    """Answer an instance whose label set is gone, but not yet for long enough; RESOLVED grows old meanwhile."""
    after = replace(instance, evaluated_us=instant_us, missed=instance.missed + 1)
    return _aged(spec, after, instant_us) if after.state is State.RESOLVED else after


def _true(spec: AlertSpec, instance: Instance, finding: Finding, instant_us: int) -> Instance:
    since_us = instant_us if instance.active_since_us is None else instance.active_since_us
    fires = instance.fired_us is not None or instant_us - since_us >= spec.for_us
    first_us = instant_us if instance.fired_us is None else instance.fired_us
    return replace(
        instance,
        state=State.FIRING if fires else State.PENDING,
        severity=finding.severity,
        active_since_us=since_us,
        fired_us=first_us if fires else None,
        last_true_us=instant_us,
        false_since_us=None,
    )


def _false(spec: AlertSpec, instance: Instance, instant_us: int) -> Instance:
    if instance.state is State.INACTIVE:
        return instance
    if instance.state is State.RESOLVED:
        return _aged(spec, instance, instant_us)
    if instance.fired_us is None:
        return _ended(instance, State.INACTIVE)
    since_us = instant_us if instance.false_since_us is None else instance.false_since_us
    if instant_us - since_us < spec.keep_firing_for_us:
        return replace(instance, state=State.RECOVERING, false_since_us=since_us)
    return _ended(instance, State.RESOLVED)


def _unknown(instance: Instance, state: State) -> Instance:
    if instance.fired_us is None:
        return _ended(instance, state)
    return replace(instance, state=state)


def _ended(instance: Instance, state: State) -> Instance:
    """No alert any more; a resolved one still says how severe it was."""
    return replace(
        instance,
        state=state,
        severity=instance.severity if state is State.RESOLVED else None,
        active_since_us=None,
        fired_us=None,
        false_since_us=None,
    )


def _aged(spec: AlertSpec, instance: Instance, instant_us: int) -> Instance:
    assert instance.since_us is not None
    over = instant_us - instance.since_us > spec.retention_us
    return replace(_ended(instance, State.INACTIVE), since_us=instant_us) if over else instance


def is_active(instance: Instance) -> bool:
    """Tell whether an instance is an alert: pending, firing or recovering."""
    return instance.state in ACTIVE
