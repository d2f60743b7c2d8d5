"""The use case of checkpoints: begins them as operations, reads those that are kept, compares two."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from trueline_rules.checkpoints.comparing import CellChange, compare
from trueline_rules.kinds.checkpoint_policy import MOST_DAYS
from trueline_stores.state.database import StateDatabase

from trueline_server.checkpoints import store
from trueline_server.checkpoints.model import Asked, Checkpoint
from trueline_server.checkpoints.operation import CheckpointOperation, policy_of, title_of
from trueline_server.clock import Clock
from trueline_server.errors import TruelineError, invalid_field
from trueline_server.kpis.instants import FIRST_US, Clocks
from trueline_server.operations.model import Operation
from trueline_server.rules.in_force import RulesOf

MOST_TITLE_BYTES = 256


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two checkpoints of one policy, the earlier first, and what became of each cell."""

    before: Checkpoint
    after: Checkpoint
    changes: tuple[CellChange, ...]


class CheckpointService:
    """Answers about checkpoints. Methods block; thread-safe."""

    def __init__(
        self, state: StateDatabase, rules: RulesOf, operation: CheckpointOperation, clocks: Clocks, clock: Clock
    ) -> None:
        self._state = state
        self._rules = rules
        self._operation = operation
        self._clocks = clocks
        self._clock = clock

    def check(self, tenant: str, asked: Asked) -> Asked:
        """What is asked for with its defaults filled in (`validate_only`).

        Raises:
            TruelineError: UNKNOWN_CHECKPOINT; INVALID_FIELD (days, at, title).

        """
        policy = policy_of(self._rules(tenant), asked.policy)
        now_us = self._clock()
        if not 0 <= asked.days <= MOST_DAYS:
            raise invalid_field("days", f"must be from 1 to {MOST_DAYS} (0 = as the policy says), is {asked.days}")
        if len(asked.title.encode()) > MOST_TITLE_BYTES:
            raise invalid_field("title", f"has more than {MOST_TITLE_BYTES} bytes")
        if asked.at_us is not None and asked.at_us > now_us:
            raise invalid_field("at", "lies ahead of the server's clock; what has not happened cannot be judged")
        if asked.at_us is not None and asked.at_us < FIRST_US:
            raise invalid_field("at", "is before the year 1971")
        at_us = asked.at_us
        if at_us is None:
            clock = self._clocks.read(now_us).get(tenant)
            # Facts and metrics of a clock that runs ahead are judged up to now.
            at_us = now_us if clock is None else min(max(clock.judged_at_us, FIRST_US), now_us)
        return replace(asked, days=asked.days or policy.days, at_us=at_us, title=title_of(asked, at_us))

    def run(self, tenant: str, asked: Asked) -> Operation:
        """Begin a checkpoint: an operation of kind RunCheckpoint, whose result is what `result_of` makes of it.

        Raises:
            TruelineError: as `check`; TOO_MANY_OPERATIONS; INVALID_FIELD, if the request id stands for another request.

        """
        return self._operation.begin(tenant, self.check(tenant, asked), asked)

    def get(self, tenant: str, checkpoint: str) -> Checkpoint:
        """A checkpoint by its id, with its cells.

        Raises:
            TruelineError: UNKNOWN_CHECKPOINT.

        """
        with self._state.reading() as connection:
            found = store.find_checkpoint(connection, tenant, checkpoint)
        if found is None:
            raise TruelineError(
                "NOT_FOUND",
                "UNKNOWN_CHECKPOINT",
                f"no checkpoint '{checkpoint}' is kept; see ListCheckpoints (trueline checkpoint list)",
                metadata={"name": checkpoint, "nearest": ""},
            )
        return found

    def list(
        self, tenant: str, *, policy: str = "", before: int | None = None, most: int = 100
    ) -> Sequence[Checkpoint]:
        """Checkpoints, the newest first, without their cells.

        Args:
            tenant: whose.
            policy: only of this one; "" = all.
            before: only with numbers below this one; None = all.
            most: at most so many.

        """
        with self._state.reading() as connection:
            return store.list_checkpoints(connection, tenant, policy=policy, before=before, most=most)

    def compare(self, tenant: str, checkpoint: str, earlier: str = "") -> Comparison:
        """What became of each cell since another checkpoint of the same policy; "" = the one before.

        Raises:
            TruelineError: UNKNOWN_CHECKPOINT; INVALID_FIELD (of another policy, or there is none before).

        """
        after = self.get(tenant, checkpoint)
        if not earlier:
            former = self.list(tenant, policy=after.policy, before=after.number, most=1)
            if not former:
                raise invalid_field("earlier", f"is needed: {after.id} is the first checkpoint of {after.policy}")
            earlier = former[0].id
        before = self.get(tenant, earlier)
        if before.policy != after.policy:
            raise invalid_field(
                "earlier", f"is of {before.policy}, {after.id} of {after.policy}; compare two of one policy"
            )
        return Comparison(before, after, compare(before.cells, after.cells))
