"""Operations against a plain dictionary: whatever is begun, done, cancelled and cut off, both say the same."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from trueline_server.clock import ManualClock
from trueline_server.errors import TruelineError
from trueline_server.operations.model import OperationError
from trueline_server.operations.runner import MOST_ATTEMPTS, Operations
from trueline_server.operations.store import OperationStore
from trueline_stores.state.database import StateDatabase

DAY_S, KEPT_DAYS, MOST_OPEN = 86_400, 30, 4
TENANTS, KINDS = st.sampled_from("tu"), st.sampled_from(["Resumed", "Lost"])
ENDED = ("succeeded", "failed", "cancelled")


@dataclass
class Known:
    """An operation as the model has it."""

    tenant: str
    kind: str
    request_id: str
    state: str = "waiting"
    done: int = 0
    result: bytes | None = None
    reason: str = ""
    cancelled: bool = False
    attempts: int = 0
    expires_day: int = 0

    def end(self, state: str, day: int, reason: str = "") -> None:
        """It has ended."""
        self.state, self.reason, self.expires_day = state, reason, day + KEPT_DAYS


@dataclass
class Model:
    """All operations that are kept, by id; the day."""

    known: dict[str, Known] = field(default_factory=dict)
    day: int = 0

    def kept(self, tenant: str) -> dict[str, Known]:
        """Those that a tenant sees."""
        return {
            name: one
            for name, one in self.known.items()
            if one.tenant == tenant and (one.state not in ENDED or one.expires_day > self.day)
        }

    def restart(self) -> None:
        """The process dies, another takes up what is there."""
        for one in self.known.values():
            if one.state in ENDED:
                continue
            if one.cancelled:
                one.end("cancelled", self.day, "OPERATION_CANCELLED")
            elif (one.state == "running" and one.kind == "Lost") or one.attempts >= MOST_ATTEMPTS:
                one.end("failed", self.day, "OPERATION_LOST")
            else:
                one.state, one.done = "waiting", 0


class OperationMachine(RuleBasedStateMachine):
    """Drives operations and model."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.clock = ManualClock(1_700_000_000_000_000)
        self.model = Model()

    @initialize()
    def first_open(self) -> None:
        """Nothing yet."""
        self.database = StateDatabase.sqlite(Path(self.directory.name) / "state.sqlite3")
        self.store = OperationStore(self.database, self.clock, keep_days=KEPT_DAYS, most_open=MOST_OPEN)

    def teardown(self) -> None:
        """Leave nothing behind."""
        if hasattr(self, "database"):
            self.database.close()
        self.directory.cleanup()

    def one(self, number: int) -> tuple[str, Known] | None:
        """One of the operations that are kept."""
        found = [item for tenant in "tu" for item in self.model.kept(tenant).items()]
        return found[number % len(found)] if found else None

    @rule(tenant=TENANTS, kind=KINDS, request_id=st.sampled_from(["", "", "a", "b"]))
    def start(self, tenant: str, kind: str, request_id: str) -> None:
        """Begun anew, the same again, or one too many."""
        kept = self.model.kept(tenant)
        same = [name for name, one in kept.items() if request_id and (one.kind, one.request_id) == (kind, request_id)]
        if same:
            assert self.store.add(tenant, kind, b"todo", request_id=request_id).id == same[0]
        elif sum(one.state not in ENDED for one in kept.values()) >= MOST_OPEN:
            with pytest.raises(TruelineError, match="wait or run already"):
                self.store.add(tenant, kind, b"todo", request_id=request_id)
        else:
            added = self.store.add(tenant, kind, b"todo", request_id=request_id)
            assert added.id not in self.model.known
            self.model.known[added.id] = Known(tenant, kind, request_id)

    @rule(number=st.integers(0, 20))
    def begin(self, number: int) -> None:
        """Its turn comes."""
        if (found := self.one(number)) is None:
            return
        name, one = found
        begun = self.store.begin(one.tenant, name)
        assert (begun is not None) == (one.state == "waiting")
        if begun is not None:
            assert begun.request == b"todo"
            one.state, one.attempts = "running", one.attempts + 1

    @rule(number=st.integers(0, 20), done=st.integers(0, 100))
    def progress(self, number: int, done: int) -> None:
        """It gets on."""
        if (found := self.one(number)) is None:
            return
        name, one = found
        assert (self.store.progress(one.tenant, name, done, 100, "") is not None) == (one.state == "running")
        if one.state == "running":
            one.done = done

    @rule(number=st.integers(0, 20), well=st.booleans())
    def end(self, number: int, well: bool) -> None:
        """It comes to a result, or to none."""
        if (found := self.one(number)) is None:
            return
        name, one = found
        if well:
            self.store.succeed(one.tenant, name, b"done")
            if one.state == "running":
                one.end("succeeded", self.model.day)
                one.result = b"done"
        else:
            self.store.fail(one.tenant, name, OperationError("INTERNAL", "INTERNAL", "no"))
            if one.state not in ENDED:
                one.end("failed", self.model.day, "INTERNAL")

    @rule(number=st.integers(0, 20))
    def cancel(self, number: int) -> None:
        """Somebody does not want it any more; others cannot."""
        if (found := self.one(number)) is None:
            return
        name, one = found
        with pytest.raises(TruelineError, match="is kept"):
            self.store.cancel("t" if one.tenant == "u" else "u", name)
        self.store.cancel(one.tenant, name)
        if one.state not in ENDED:
            one.cancelled = True
        if one.state == "waiting":
            one.end("cancelled", self.model.day, "OPERATION_CANCELLED")

    @rule(days=st.integers(1, 40))
    def turn(self, days: int) -> None:
        """Time passes."""
        self.clock.turn(days * DAY_S)
        self.model.day += days

    @rule()
    def restart(self) -> None:
        """The process dies; what it left is taken up."""
        self.database.close()
        self.first_open()
        operations = Operations(self.store, self.clock, run_at_once=0)
        operations.register("Resumed", lambda work: b"", resumable=True)
        operations.register("Lost", lambda work: b"", resumable=False)
        operations.begin()
        self.model.restart()

    @invariant()
    def both_say_the_same(self) -> None:
        """Of each tenant, newest first."""
        if not hasattr(self, "store"):
            return
        for tenant in "tu":
            kept = self.model.kept(tenant)
            assert [one.id for one in self.store.list(tenant)] == sorted(kept, reverse=True)
            for name, known in kept.items():
                found = self.store.get(tenant, name)
                reason = "" if found.error is None else found.error.reason
                assert (found.state, found.done, found.result, reason, found.cancelled, found.attempts) == (
                    known.state,
                    known.done,
                    known.result,
                    known.reason,
                    known.cancelled,
                    known.attempts,
                )


OperationMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestOperationModel = OperationMachine.TestCase
