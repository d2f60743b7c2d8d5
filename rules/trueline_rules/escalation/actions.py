"""What the escalation of a case asks for: who is told, and what its timeline says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from trueline_rules.escalation.state import Step
from trueline_rules.escalation_model import Target


@dataclass(frozen=True, slots=True)
class Recipient:
    """A channel that a message goes to, and through which target; `person` is "" for a channel of nobody."""

    channel: str
    person: str
    target: Target


@dataclass(frozen=True, slots=True)
class Reached:
    """The recipients behind a target at an instant; if there are none, `why` says so."""

    recipients: tuple[Recipient, ...]
    why: str = ""


class Reach(Protocol):
    """Finds out whom a target reaches at an instant; see directory.py."""

    def __call__(self, target: Target, at_us: int) -> Reached:
        """Answer the recipients, or why there are none."""
        ...


@dataclass(frozen=True, slots=True)
class Unreached:
    """A target that reaches nobody, and why."""

    target: Target
    why: str


@dataclass(frozen=True, slots=True)
class NotifyLevel:
    """A level is told.

    Attributes:
        step: which level, which time; `step.key` is its identity within the case.
        name: of the level.
        recipients: each channel once, in the order of the policy; at least one.
        unreached: targets of the level that reach nobody, while others do.

    """

    step: Step
    name: str
    recipients: tuple[Recipient, ...]
    unreached: tuple[Unreached, ...] = ()


@dataclass(frozen=True, slots=True)
class EmptyLevel:
    """A level would be told but reaches nobody; the next one is told at once."""

    step: Step
    name: str
    unreached: tuple[Unreached, ...]

    @property
    def why(self) -> str:
        """All reasons in one line."""
        return "; ".join(f"{found.target}: {found.why}" for found in self.unreached)


@dataclass(frozen=True, slots=True)
class Rearmed:
    """An acknowledgement is over and the level that was told last is told again; `timed_out` unless by hand."""

    by: str
    timed_out: bool


@dataclass(frozen=True, slots=True)
class Exhausted:
    """All levels were told in all rounds: nobody is told any more, unless the case is re-armed or opens again."""


@dataclass(frozen=True, slots=True)
class DeadlineMissed:
    """Something did not happen by its time."""

    which: str
    at_us: int


Action = NotifyLevel | EmptyLevel | Rearmed | Exhausted | DeadlineMissed
