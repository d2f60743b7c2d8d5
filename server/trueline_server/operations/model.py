"""What an operation is: long work with a name, its state, its progress and its end. No protobuf, no SQL."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

PREFIX = "operations/"


class State(StrEnum):
    """Where an operation stands."""

    WAITING = "waiting"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing comes after it."""
        return self not in _OPEN


_OPEN = frozenset({State.WAITING, State.RUNNING})


@dataclass(frozen=True, slots=True)
class OperationError:
    """Why an operation came to no result: code and reason as those of a failed call.

    Attributes:
        violations: (field, description) of each broken rule of its request.

    """

    code: str
    reason: str
    message: str
    metadata: Mapping[str, str] = field(default_factory=dict)
    violations: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """An operation; instants are µs since 1970 (UTC).

    Attributes:
        tenant: whose.
        id: ids of later operations are greater.
        kind: the call that began it, e.g. "BacktestRules".
        request: what it is to do, serialised; only where it is to be done.
        state: where it stands.
        done, total: steps; total 0 = not known yet.
        message: what it is at, for people.
        result: serialised; None unless it succeeded and was asked for by itself.
        error: None unless it failed or was cancelled.
        created_us: when it was asked for.
        updated_us: when its state or progress was last stored.
        expires_us: from when it is forgotten, once it has ended.
        cancelled: whether it was asked to end.
        attempts: how often it began.

    """

    tenant: str
    id: str
    kind: str
    request: bytes
    state: State
    done: int
    total: int
    message: str
    result: bytes | None
    error: OperationError | None
    created_us: int
    updated_us: int
    expires_us: int
    cancelled: bool
    attempts: int

    @property
    def name(self) -> str:
        """What callers call it."""
        return PREFIX + self.id

    @property
    def ended(self) -> bool:
        """Whether it has its result or its error."""
        return self.state.ended


class WorkStoppedError(Exception):
    """Work ended before its result, because it was asked to."""


class Work(Protocol):
    """What a runner is given: what to do, whom to tell how far it is, and whether to go on."""

    @property
    def tenant(self) -> str:
        """Whose."""
        ...

    @property
    def request(self) -> bytes:
        """What is to be done, serialised."""
        ...

    def progress(self, done: int, total: int, message: str = "") -> None:
        """Tell how far the work is. Cheap: it is stored at most every second.

        Raises:
            StoreError: the state cannot be written.

        """
        ...

    def stopped(self) -> bool:
        """Whether the work is to end: it was cancelled, or the server stops. Cheap; asked between steps."""
        ...

    def go_on(self) -> None:
        """Raise WorkStoppedError if the work is to end."""
        ...
