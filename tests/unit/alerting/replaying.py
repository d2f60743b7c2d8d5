"""Plays rows through the alert state machine, one evaluation a minute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from trueline_rules.alerting.machine import evaluate
from trueline_rules.alerting.model import AlertSpec, Evaluation, Failure, Instance, State, Transition
from trueline_rules.alerting.vectors import Labels, Row, labels_of

MINUTE_US = 60_000_000
EU, US = labels_of({"region": "eu"}), labels_of({"region": "us"})


def over(limit: float) -> Any:
    """The condition `value > limit`, unknown without a value."""
    return lambda values: None if values.get("value") is None else values["value"] > limit


def spec(**parts: Any) -> AlertSpec:
    """A rule "r" that warns above 1, unless the parts say otherwise."""
    return AlertSpec(**{"name": "r", "warning": over(1), **parts})


def rows(values: Mapping[Labels, float | None]) -> list[Row]:
    """A row for each label set."""
    return [Row(labels, {"value": value}) for labels, value in values.items()]


@dataclass
class Replay:
    """A rule and what became of it so far; the next evaluation is at `minute`."""

    spec: AlertSpec
    instances: Mapping[Labels, Instance] = field(default_factory=dict)
    minute: int = 0
    transitions: list[Transition] = field(default_factory=list)

    def step(self, given: Mapping[Labels, float | None] | Failure) -> Evaluation:
        """Evaluate once."""
        at_us = self.minute * MINUTE_US
        seen = given if isinstance(given, Failure) else rows(given)
        done = evaluate(self.spec, self.instances.values(), at_us, at_us, seen)
        self.instances = {instance.labels: instance for instance in done.instances}
        self.transitions += done.transitions
        self.minute += 1
        return done

    def states(self, *given: float | Failure | str | None, labels: Labels = EU) -> list[str]:
        """The states of one label set after each value; "gone" = no row at all but one of another label set."""
        states = []
        for value in given:
            if value == "gone":
                self.step({US: 0})
            else:
                self.step(value if isinstance(value, Failure) else {labels: value})  # type: ignore[dict-item]
            states.append(self.state(labels))
        return states

    def state(self, labels: Labels) -> str:
        """The state of a label set; "" if there is no instance."""
        return self.instances[labels].state.value if labels in self.instances else ""


def states_of(transitions: Sequence[Transition], labels: Labels) -> list[tuple[State, State]]:
    """From where to where a label set went."""
    return [(t.before.state, t.after.state) for t in transitions if t.after.labels == labels]
