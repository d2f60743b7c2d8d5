"""One driver client per thread, because a client is serial; those of ended threads are closed."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from trueline_stores.errors import StoreClosedError


class Connections:
    """Opens a client for each thread that asks, and keeps it until the thread has ended or `close`."""

    def __init__(self, connect: Callable[[], Any]) -> None:
        self._connect = connect
        self._lock = threading.Lock()
        self._own = threading.local()
        self._clients: list[tuple[threading.Thread, Any]] = []
        self._closed = False

    @contextmanager
    def client(self) -> Iterator[Any]:
        """The client of the calling thread. If a call on it fails, it is closed and the next call gets another.

        chDB needs that: what a failed statement had written of its answer stays with the connection and comes before
        the answer of the next one.

        Raises:
            StoreClosedError: `close` was called.

        """
        if self._closed:
            raise StoreClosedError("the warehouse is closed")
        client = getattr(self._own, "client", None)
        if client is None:
            client = self._own.client = self._open()
        try:
            yield client
        except BaseException:
            self._own.client = None
            with self._lock:
                self._clients = [entry for entry in self._clients if entry[1] is not client]
            client.close()
            raise

    def _open(self) -> Any:
        # Opening is serialised: chDB starts its engine with the first client, and two starts at once would clash.
        with self._lock:
            if self._closed:
                raise StoreClosedError("the warehouse is closed")
            ended = [client for thread, client in self._clients if not thread.is_alive()]
            self._clients = [(thread, client) for thread, client in self._clients if thread.is_alive()]
            client = self._connect()
            self._clients.append((threading.current_thread(), client))
        for former in ended:
            former.close()
        return client

    def __len__(self) -> int:
        """Clients that are open."""
        with self._lock:
            return len(self._clients)

    def close(self) -> None:
        """Close every client; a call in progress on another thread ends first. Idempotent."""
        with self._lock:
            self._closed = True
            clients, self._clients = self._clients, []
        for _, client in clients:
            client.close()
