"""Where the escalation of one case stands, as values that can be kept as JSON; machine.py moves them on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

RESPOND, UPDATE, RESOLVE, POST_MORTEM = "respond", "update", "resolve", "post_mortem"
INFORM = "inform:"


@dataclass(frozen=True, slots=True, order=True)
class Step:
    """One time that a level is told; no two steps of a case have the same (round, level, tries).

    Attributes:
        round: counts every going through the levels in the life of a case, from 0.
        level: from 0, in the order of the policy.
        tries: from 1.
        at_us: when it is due; of a step that was made: when it was made.

    """

    round: int
    level: int
    tries: int
    at_us: int

    @property
    def key(self) -> str:
        """Its identity within its case, for idempotency keys: "0/1/2"."""
        return f"{self.round}/{self.level}/{self.tries}"


@dataclass(frozen=True, slots=True)
class Deadline:
    """Something that must happen by an instant.

    Attributes:
        which: RESPOND, UPDATE, RESOLVE, POST_MORTEM, or INFORM and whom.
        at_us: by when.

    """

    which: str
    at_us: int


@dataclass(frozen=True, slots=True)
class EscalationState:
    """Where the escalation of one case stands.

    Attributes:
        policy: the policy as it was when the case opened, see snapshot.py.
        opened_us: when the case opened for the first time.
        started_us: when it opened, or opened again, for the last time.
        seen_us: when it moved last; a clock that is well before it was set back.
        told: the step made last since started_us; None = none was.
        step: the step to come; None = none is, until it is re-armed or opens again.
        rounds: how many rounds have begun since opened_us, so which number the next one gets.
        rounds_left: rounds to come after the present one.
        exhausted: True once all rounds are through and nobody has acknowledged.
        responded_us: when somebody acknowledged it for the first time since started_us.
        acknowledged_us: since when it is acknowledged; None = it is not.
        by: who acknowledged it; "" = nobody.
        rearm_us: when the acknowledgement runs out; None = it does not.
        resolved_us: when it was resolved; None = it is not.
        deadlines: those to come.

    """

    policy: Mapping[str, Any]
    opened_us: int
    started_us: int
    seen_us: int
    told: Step | None = None
    step: Step | None = None
    rounds: int = 0
    rounds_left: int = 0
    exhausted: bool = False
    responded_us: int | None = None
    acknowledged_us: int | None = None
    by: str = ""
    rearm_us: int | None = None
    resolved_us: int | None = None
    deadlines: tuple[Deadline, ...] = ()

    @property
    def next_us(self) -> int | None:
        """When `due` has something to do next; None = never, unless somebody does something."""
        instants = [deadline.at_us for deadline in self.deadlines]
        if self.step is not None:
            instants.append(self.step.at_us)
        if self.rearm_us is not None:
            instants.append(self.rearm_us)
        return min(instants, default=None)

    @property
    def ended(self) -> bool:
        """Whether it is resolved and nothing is left to wait for."""
        return self.resolved_us is not None and self.next_us is None

    @property
    def level(self) -> int:
        """The level that was told last; -1 = none was."""
        return self.told.level if self.told is not None else -1

    def to_dict(self) -> dict[str, Any]:
        """Write it in plain values that JSON can hold."""
        # A copy of the policy deep down would cost more than all the rest.
        return asdict(replace(self, policy={})) | {"policy": dict(self.policy)}

    @classmethod
    def from_dict(cls, written: Mapping[str, Any]) -> EscalationState:
        """Read what `to_dict` wrote, also after a way through JSON."""
        told, step = (Step(**written[key]) if written[key] is not None else None for key in ("told", "step"))
        deadlines = tuple(Deadline(**deadline) for deadline in written["deadlines"])
        return cls(**{**written, "told": told, "step": step, "deadlines": deadlines})
