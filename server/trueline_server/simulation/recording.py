"""What a simulation notes beside what the parts themselves keep: conditions that wait, and what people did."""

from __future__ import annotations

from dataclasses import dataclass, field

from trueline_rules.alert_rules import CompiledRule
from trueline_rules.alerting.model import State, Transition

from trueline_server.alerts.evaluation import StageEvaluation
from trueline_server.errors import TruelineError
from trueline_server.simulation.model import GivenSilence, Hand
from trueline_server.simulation.pipeline import Pipeline


@dataclass(frozen=True, slots=True)
class PutIn:
    """A silence as it was put in; `id` is what the parts call it."""

    id: str
    silence: GivenSilence


@dataclass(slots=True)
class Recording:
    """Everything in order.

    Attributes:
        waits: transitions of a rule into PENDING, and from there to anything but an alert.
        silences: that people put in.
        ignored: what people wanted to do and could not: when, what, why not.

    """

    waits: list[tuple[CompiledRule, Transition]] = field(default_factory=list)
    silences: list[PutIn] = field(default_factory=list)
    ignored: list[tuple[int, Hand, str]] = field(default_factory=list)

    def take(self, evaluation: StageEvaluation) -> None:
        """Note the conditions that begin to wait, and those that waited for nothing."""
        for changed in evaluation.changed:
            if changed.rule is None:
                continue
            for transition in changed.transitions:
                before, after = transition.before.state, transition.after.state
                if after is not before and (
                    after is State.PENDING or (before is State.PENDING and after is not State.FIRING)
                ):
                    self.waits.append((changed.rule, transition))

    def act(self, act: Hand | GivenSilence, pipeline: Pipeline, at_us: int) -> None:
        """Do what somebody does, and note what the timelines of the alerts do not say."""
        if isinstance(act, GivenSilence):
            self.silences.append(PutIn(pipeline.silence(act), act))
            return
        try:
            found = pipeline.act(act)
        except TruelineError as error:
            self.ignored.append((at_us, act, error.message))
        else:
            if not found:
                self.ignored.append((at_us, act, "no such alert is open"))
