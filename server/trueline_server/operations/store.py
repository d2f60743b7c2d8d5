"""Operations in the state database: each change of an operation is one transaction, and fits the state it was in."""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, or_, select, update
from trueline_stores.state.database import StateDatabase
from trueline_stores.state.tables import OPERATIONS

from trueline_server.clock import Clock
from trueline_server.errors import TruelineError, invalid_field
from trueline_server.operations.model import Operation, OperationError, State

DAY_US = 86_400_000_000
# Operations of one tenant that wait or run.
MOST_OPEN = 100
_TABLE = OPERATIONS.c
_OPEN = (State.WAITING.value, State.RUNNING.value)
# Requests and results may be megabytes, which is read only where it is wanted.
_TOLD = [column for column in OPERATIONS.c if column.name not in {"request", "result"}]


class OperationStore:
    """Keeps operations. Methods block and raise StoreError; thread-safe.

    Args:
        database: of the server's state.
        clock: the time.
        keep_days: for how many days an operation is kept after its end.
        most_open: operations of a tenant that may wait or run.

    """

    def __init__(
        self, database: StateDatabase, clock: Clock, *, keep_days: int = 30, most_open: int = MOST_OPEN
    ) -> None:
        self._database = database
        self._clock = clock
        self._keep_us = keep_days * DAY_US
        self._most_open = most_open
        self._last_us = 0

    def add(self, tenant: str, kind: str, request: bytes, *, request_id: str = "", asked: str = "") -> Operation:
        """An operation that waits; the one there is, if one of this kind and request id is kept.

        Args:
            tenant: whose.
            kind: of its runner.
            request: what to do.
            request_id: of the caller; "" = none.
            asked: digest of what the caller asked for, which a second call with the id must repeat.

        Raises:
            TruelineError: TOO_MANY_OPERATIONS; INVALID_FIELD, if the request id stands for another request.

        """
        now_us = self._clock()
        with self._database.writing() as connection:
            # Whoever begins something new pays for forgetting the old.
            ended = _TABLE.state.not_in(_OPEN)
            connection.execute(delete(OPERATIONS).where(_TABLE.expires_at_us <= now_us, ended))
            if request_id:
                known = (_TABLE.tenant == tenant, _TABLE.kind == kind, _TABLE.request_id == request_id)
                found = connection.execute(select(*_TOLD).where(*known)).one_or_none()
                if found is not None:
                    return _same(found, asked)
            self._refuse_too_many(connection, tenant)
            # A clock that stands still must not shuffle what was asked for.
            self._last_us = max(self._last_us + 1, now_us)
            values = {
                "tenant": tenant,
                "id": _id_at(self._last_us),
                "kind": kind,
                "request_id": request_id or None,
                "asked": asked,
                # Mostly texts of rule files.
                "request": zlib.compress(request),
                "state": State.WAITING.value,
                "attempts": 0,
                "done": 0,
                "total": 0,
                "message": "",
                "result": None,
                "error": None,
                "created_at_us": now_us,
                "updated_at_us": now_us,
                "expires_at_us": now_us + self._keep_us,
                "cancelled": False,
            }
            connection.execute(insert(OPERATIONS).values(values))
            return _read(connection, tenant, str(values["id"]))

    def get(self, tenant: str, operation: str) -> Operation:
        """An operation by its id, without its request.

        Raises:
            TruelineError: UNKNOWN_OPERATION.

        """
        query = select(*_TOLD, _TABLE.result).where(_TABLE.tenant == tenant, _TABLE.id == operation, self._kept())
        with self._database.reading() as connection:
            found = connection.execute(query).one_or_none()
        if found is None:
            raise unknown(operation)
        return _operation(found)

    def list(self, tenant: str, *, kind: str = "", before: str = "", most: int = 100) -> list[Operation]:
        """A tenant's operations, the newest first, without requests and results.

        Args:
            tenant: whose.
            kind: only these; "" = all.
            before: only those older than this id; "" = all.
            most: at most so many.

        """
        wanted = [_TABLE.tenant == tenant, self._kept()]
        wanted += [_TABLE.kind == kind] if kind else []
        wanted += [_TABLE.id < before] if before else []
        query = select(*_TOLD).where(*wanted).order_by(_TABLE.id.desc()).limit(most)
        with self._database.reading() as connection:
            return [_operation(row) for row in connection.execute(query)]

    def open(self) -> Sequence[Operation]:
        """All operations of all tenants that wait or run, in the order of their start, without requests."""
        query = select(*_TOLD).where(_TABLE.state.in_(_OPEN)).order_by(_TABLE.id)
        with self._database.reading() as connection:
            return [_operation(row) for row in connection.execute(query)]

    def begin(self, tenant: str, operation: str) -> Operation | None:
        """An operation that waits runs from now on, with its request; None if it does not wait any more."""
        values = {"state": State.RUNNING.value, "attempts": _TABLE.attempts + 1, "done": 0, "total": 0, "message": ""}
        return self._change(tenant, operation, values, State.WAITING, with_request=True)

    def progress(self, tenant: str, operation: str, done: int, total: int, message: str) -> Operation | None:
        """How far an operation that runs has come; None if it does not run."""
        return self._change(tenant, operation, {"done": done, "total": total, "message": message}, State.RUNNING)

    def release(self, tenant: str, operation: str, *, began: bool) -> Operation | None:
        """An operation that runs waits again, from its beginning; None if it does not run.

        Args:
            tenant: whose.
            operation: its id.
            began: whether this attempt counts; one that a stop in good order ended does not.

        """
        attempts = _TABLE.attempts if began else _TABLE.attempts - 1
        values = {"state": State.WAITING.value, "attempts": attempts, "done": 0, "total": 0, "message": ""}
        return self._change(tenant, operation, values, State.RUNNING)

    def succeed(self, tenant: str, operation: str, result: bytes) -> Operation | None:
        """An operation that runs has its result; None if it does not run."""
        return self._change(
            tenant, operation, self._end(State.SUCCEEDED) | {"result": zlib.compress(result)}, State.RUNNING
        )

    def fail(self, tenant: str, operation: str, error: OperationError) -> Operation | None:
        """An operation that waits or runs comes to no result; None if it has ended."""
        state = State.CANCELLED if error.reason == "OPERATION_CANCELLED" else State.FAILED
        told = {
            "code": error.code,
            "reason": error.reason,
            "message": error.message,
            "metadata": dict(error.metadata),
            "violations": [list(pair) for pair in error.violations],
        }
        return self._change(tenant, operation, self._end(state) | {"error": told}, State.WAITING, State.RUNNING)

    def cancel(self, tenant: str, operation: str) -> Operation:
        """An operation is asked to end; one that waits ends at once, one that has ended stays as it is.

        Raises:
            TruelineError: UNKNOWN_OPERATION.

        """
        found = self._change(tenant, operation, {"cancelled": True}, State.WAITING, State.RUNNING)
        if found is not None and found.state is State.WAITING:
            found = self.fail(tenant, operation, cancelled(operation)) or found
        return found or self.get(tenant, operation)

    def _end(self, state: State) -> dict[str, Any]:
        # What is done is not asked for again, and may be megabytes.
        return {"state": state.value, "expires_at_us": self._clock() + self._keep_us, "request": b""}

    def _change(
        self, tenant: str, operation: str, values: dict[str, Any], *states: State, with_request: bool = False
    ) -> Operation | None:
        """Change an operation that is in one of some states; None if it is not."""
        where = (_TABLE.tenant == tenant, _TABLE.id == operation)
        with self._database.writing() as connection:
            changed = connection.execute(
                update(OPERATIONS)
                .where(*where, _TABLE.state.in_([state.value for state in states]))
                .values(values | {"updated_at_us": self._clock()})
            )
            return _read(connection, tenant, operation, with_request=with_request) if changed.rowcount else None

    def _kept(self) -> Any:
        """What has expired is gone, whether or not it was deleted yet."""
        return or_(_TABLE.state.in_(_OPEN), and_(_TABLE.state.not_in(_OPEN), _TABLE.expires_at_us > self._clock()))

    def _refuse_too_many(self, connection: Connection, tenant: str) -> None:
        query = select(func.count()).select_from(OPERATIONS).where(_TABLE.tenant == tenant, _TABLE.state.in_(_OPEN))
        if connection.execute(query).scalar_one() >= self._most_open:
            raise TruelineError(
                "RESOURCE_EXHAUSTED",
                "TOO_MANY_OPERATIONS",
                f"{self._most_open} operations wait or run already; wait for one of them, or cancel one",
                metadata={"limit": str(self._most_open)},
            )


def unknown(operation: str) -> TruelineError:
    """The error for an operation that is not kept, or not of the tenant."""
    return TruelineError(
        "NOT_FOUND",
        "UNKNOWN_OPERATION",
        f"no operation operations/{operation} is kept; see ListOperations (trueline operations list)",
        metadata={"name": f"operations/{operation}"},
    )


def cancelled(operation: str) -> OperationError:
    """The error of an operation that was asked to end, and did."""
    name = f"operations/{operation}"
    return OperationError("CANCELLED", "OPERATION_CANCELLED", f"{name} was cancelled", {"name": name})


def _same(row: Any, asked: str) -> Operation:
    if row.asked != asked:
        raise invalid_field("request_id", f"began {row.kind} operations/{row.id} with other arguments; take a new one")
    return _operation(row)


def _read(connection: Connection, tenant: str, operation: str, *, with_request: bool = False) -> Operation:
    columns = [*_TOLD, _TABLE.request] if with_request else _TOLD
    where = (_TABLE.tenant == tenant, _TABLE.id == operation)
    return _operation(connection.execute(select(*columns).where(*where)).one())


def _operation(row: Any) -> Operation:
    told = row.error
    error = told and OperationError(
        told["code"],
        told["reason"],
        told["message"],
        told["metadata"],
        tuple((field, description) for field, description in told["violations"]),
    )
    return Operation(
        tenant=row.tenant,
        id=row.id,
        kind=row.kind,
        request=_unpacked(getattr(row, "request", None)) or b"",
        state=State(row.state),
        done=row.done,
        total=row.total,
        message=row.message,
        result=_unpacked(getattr(row, "result", None)),
        error=error or None,
        created_us=row.created_at_us,
        updated_us=row.updated_at_us,
        expires_us=row.expires_at_us,
        cancelled=row.cancelled,
        attempts=row.attempts,
    )


def _unpacked(compressed: bytes | None) -> bytes | None:
    return zlib.decompress(compressed) if compressed else None


def _id_at(now_us: int) -> str:
    """Ids of a later microsecond are greater; the random end keeps them apart, and from being guessed."""
    return f"{now_us:014x}{secrets.token_hex(6)}"
