"""Runs operations: few at once, of each kind one for a tenant, the others in their turn; again after a restart."""

from __future__ import annotations

import logging
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass

from trueline_stores.errors import StoreError

from trueline_server.clock import Clock
from trueline_server.operations.model import Operation, OperationError, State, Work
from trueline_server.operations.store import OperationStore, cancelled
from trueline_server.operations.work import RunningWork
from trueline_server.transport.status import failure_of

_log = logging.getLogger(__name__)

# They share two cores with ingestion and reads.
RUN_AT_ONCE = 2
# Work at which the server died so often is not begun again.
MOST_ATTEMPTS = 3

# Does the work and answers its result, serialised. Ends early by Work.go_on; any other error is that of the operation.
Runner = Callable[[Work], bytes]
# Hears of an operation that began, got on or ended; called on the thread that did it, must return at once.
Listener = Callable[[Operation], None]


@dataclass(frozen=True, slots=True)
class _Kind:
    runner: Runner
    resumable: bool


class Operations:
    """Begins operations and runs them on threads of its own. Methods block unless they say otherwise; thread-safe."""

    def __init__(self, store: OperationStore, clock: Clock, *, run_at_once: int = RUN_AT_ONCE) -> None:
        self._store = store
        self._clock = clock
        self._kinds: dict[str, _Kind] = {}
        self._changed = threading.Condition()
        # Guarded by the condition; (tenant, id) -> kind, in the order of their turn.
        self._waiting: dict[tuple[str, str], str] = {}
        self._running: dict[tuple[str, str], RunningWork] = {}
        self._listeners: defaultdict[tuple[str, str], list[Listener]] = defaultdict(list)
        self._closing = False
        self._threads = [
            threading.Thread(target=self._run, name=f"operation-{number}", daemon=True) for number in range(run_at_once)
        ]

    def register(self, kind: str, runner: Runner, *, resumable: bool) -> None:
        """Say who does operations of a kind; before `begin`. Does not block.

        Args:
            kind: the call that begins them.
            runner: does one.
            resumable: whether one that the end of the server cut off may be done again from its beginning.

        """
        self._kinds[kind] = _Kind(runner, resumable)

    def begin(self) -> None:
        """Take up what an earlier process left, and run. Once only."""
        for operation in self._store.open():
            left = self._take_up(operation)
            if left is not None:
                self._waiting[left.tenant, left.id] = left.kind
        for thread in self._threads:
            thread.start()

    def start(self, tenant: str, kind: str, request: bytes, *, request_id: str = "", asked: str = "") -> Operation:
        """Begin an operation, or answer the one that this request id began; see `OperationStore.add`.

        Raises:
            TruelineError: TOO_MANY_OPERATIONS; INVALID_FIELD, if the request id stands for another request.

        """
        operation = self._store.add(tenant, kind, request, request_id=request_id, asked=asked)
        with self._changed:
            key = (tenant, operation.id)
            if operation.state is State.WAITING and key not in self._running:
                self._waiting.setdefault(key, kind)
                self._changed.notify_all()
        return operation

    def get(self, tenant: str, operation: str) -> Operation:
        """An operation by its id.

        Raises:
            TruelineError: UNKNOWN_OPERATION.

        """
        return self._store.get(tenant, operation)

    def list(self, tenant: str, *, kind: str = "", before: str = "", most: int = 100) -> list[Operation]:
        """A tenant's operations, the newest first; see `OperationStore.list`."""
        return self._store.list(tenant, kind=kind, before=before, most=most)

    def cancel(self, tenant: str, operation: str) -> Operation:
        """Ask an operation to end; one that runs ends after the step at hand.

        Raises:
            TruelineError: UNKNOWN_OPERATION.

        """
        found = self._store.cancel(tenant, operation)
        with self._changed:
            running = self._running.get((tenant, operation))
            if running is not None:
                running.cancelled.set()
            self._waiting.pop((tenant, operation), None)
        if found.ended:
            self._tell(found)
        return found

    def listen(self, tenant: str, operation: str, listener: Listener) -> Callable[[], None]:
        """Hear of an operation from now on; the returned function ends it. Does not block."""
        key = (tenant, operation)
        with self._changed:
            self._listeners[key].append(listener)

        def end() -> None:
            with self._changed:
                self._listeners[key].remove(listener)
                if not self._listeners[key]:
                    del self._listeners[key]

        return end

    def wait(self, tenant: str, operation: str, seconds: float) -> Operation:
        """An operation once it has ended, or as it is after some seconds.

        Raises:
            TruelineError: UNKNOWN_OPERATION.

        """
        heard = threading.Event()
        end = self.listen(tenant, operation, lambda told: heard.set() if told.ended else None)
        try:
            found = self.get(tenant, operation)
            if not found.ended and heard.wait(seconds):
                found = self.get(tenant, operation)
            return found
        finally:
            end()

    def close(self) -> None:
        """End the work under way after the step at hand; the next process takes it up. Idempotent."""
        with self._changed:
            self._closing = True
            for running in self._running.values():
                running.closing.set()
            self._changed.notify_all()
        for thread in self._threads:
            if thread.is_alive():
                thread.join()

    def _take_up(self, operation: Operation) -> Operation | None:
        """What is left of an operation that did not end: to be done, or None if it is over."""
        key = (operation.tenant, operation.id)
        kind = self._kinds.get(operation.kind)
        if operation.cancelled:
            self._store.fail(*key, cancelled(operation.id))
        elif kind is None or (operation.state is State.RUNNING and not kind.resumable):
            self._store.fail(*key, _lost(operation, "the server ended while it ran, and it cannot be run again"))
        elif operation.attempts >= MOST_ATTEMPTS:
            self._store.fail(*key, _lost(operation, f"the server ended {operation.attempts} times while it ran"))
        elif operation.state is State.RUNNING:
            return self._store.release(*key, began=True)
        else:
            return operation
        return None

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._next() is not None)
                key = self._next()
                if self._closing or key is None:
                    return
                kind = self._waiting.pop(key)
                work = self._running[key] = RunningWork(key, kind, self._clock, self._store_progress)
            try:
                self._do(work)
            except Exception:  # noqa: BLE001 one operation that cannot be kept leaves the others their turn
                _log.exception("operation %s of kind %s could not be kept; the next start takes it up", key[1], kind)
            finally:
                with self._changed:
                    del self._running[key]
                    self._changed.notify_all()

    def _next(self) -> tuple[str, str] | None:
        """The first operation in turn whose tenant has none of its kind under way; the condition is held."""
        taken = {(key[0], work.kind) for key, work in self._running.items()}
        return next((key for key, kind in self._waiting.items() if (key[0], kind) not in taken), None)

    def _do(self, work: RunningWork) -> None:
        begun = self._store.begin(*work.key)
        if begun is None:
            return
        work.take(begun)
        self._tell(begun)
        tenant, operation = work.key
        try:
            work.go_on()
            ended = self._store.succeed(tenant, operation, self._kinds[work.kind].runner(work))
        except Exception as error:  # noqa: BLE001 whatever the work fails with is the error of the operation
            if work.cancelled.is_set():
                ended = self._store.fail(tenant, operation, cancelled(operation))
            elif work.closing.is_set():
                ended = self._store.release(tenant, operation, began=False)
            else:
                ended = self._store.fail(tenant, operation, _error_of(error, work.kind))
        if ended is not None:
            self._tell(ended)

    def _tell(self, operation: Operation) -> None:
        with self._changed:
            listeners = list(self._listeners.get((operation.tenant, operation.id), ()))
        for listener in listeners:
            listener(operation)

    def _store_progress(self, work: RunningWork, done: int, total: int, message: str) -> None:
        stored = self._store.progress(*work.key, done, total, message)
        if stored is not None:
            self._tell(stored)


def _lost(operation: Operation, why: str) -> OperationError:
    return OperationError(
        "ABORTED", "OPERATION_LOST", f"{operation.name} was lost: {why}; begin it again", {"name": operation.name}
    )


def _error_of(error: Exception, kind: str) -> OperationError:
    if isinstance(error, StoreError):
        _log.warning("an operation of kind %s failed: %s", kind, error.message)
    failure = failure_of(error, f"an operation of kind {kind}")
    return OperationError(
        failure.code, failure.reason, failure.message, dict(failure.metadata), tuple(failure.violations)
    )
