"""The port of the bus and its backend within one process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Written:
    """The dataflow has written everything up to a log position.

    Attributes:
        position: last log position that is wholly in the warehouse.
        metrics: (tenant, metric name) whose points changed since the last message.

    """

    position: int
    metrics: frozenset[tuple[str, str]]


class Bus(Protocol):
    """Publishes Written to subscribers. A subscriber is called on the publisher's thread and must return at once."""

    def publish(self, message: Written) -> None:
        """Call every subscriber."""
        ...

    def subscribe(self, subscriber: Callable[[Written], None]) -> Callable[[], None]:
        """Add a subscriber; the returned function removes it."""
        ...


class InProcessBus:
    """A list of callbacks behind a lock."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._subscribers: dict[int, Callable[[Written], None]] = {}
        self._next = 0

    def publish(self, message: Written) -> None:
        """Call every subscriber."""
        with self._lock:
            subscribers = list(self._subscribers.values())
        for subscriber in subscribers:
            subscriber(message)

    def subscribe(self, subscriber: Callable[[Written], None]) -> Callable[[], None]:
        """Add a subscriber; the returned function removes it."""
        with self._lock:
            key, self._next = self._next, self._next + 1
            self._subscribers[key] = subscriber

        def unsubscribe() -> None:
            with self._lock:
                self._subscribers.pop(key, None)

        return unsubscribe
