"""The hard end of a try: a connection that is still open then is shut down, however slowly the other side trickles."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Self

from trueline_server.notifications.failures import DeliveryError
from trueline_server.notifications.model import Outcome
from trueline_server.notifications.reach import Reach

# What it leads to is not told: a name could be asked for its address so.
_FORBIDDEN = (
    "%s leads to an address inside of the operator's network, which channels of a tenant's own files may not reach; "
    "the operator can allow it with TRUELINE_NOTIFICATION_INTERNAL, or have the channel in the server's files"
)


class Deadline:
    """The time that one try has. A context: inside it `connect` opens connections that end with it."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._end = time.monotonic() + seconds
        self._lock = threading.Lock()
        self._held: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self.cut)
        self._timer.daemon = True
        self.passed = False

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._timer.cancel()
        with self._lock:
            for each in self._held:
                each.close()
            self._held.clear()

    @property
    def seconds(self) -> float:
        """How long the try has in all."""
        return self._seconds

    def remaining(self) -> float:
        """Seconds that are left; never 0, which sockets take for "do not wait"."""
        return max(self._end - time.monotonic(), 0.001)

    def connect(self, host: str, port: int, reach: Reach) -> socket.socket:
        """A connection to the first address of a host that may be reached and takes one.

        The name is looked up once, and what was judged is what is connected to: a name that leads elsewhere a moment
        later leads nowhere.

        Raises:
            OSError: none does, or the name is not known, or time is up.
            DeliveryError: REFUSED, none of its addresses may be reached.

        """
        last: OSError | None = None
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        allowed = [each for each in found if reach.allows(host, str(each[4][0]))]
        if found and not allowed:
            raise DeliveryError(Outcome.REFUSED, _FORBIDDEN % host)
        for family, kind, protocol, _, address in allowed:
            opened = socket.socket(family, kind, protocol)
            try:
                opened.settimeout(self.remaining())
                opened.connect(address)
                self._hold(opened)
            except OSError as error:
                opened.close()
                last = error
                continue
            return opened
        raise last or OSError(f"{host} has no address")

    def cut(self) -> None:
        """End it now."""
        with self._lock:
            self.passed = True
            for each in self._held:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)

    def _hold(self, opened: socket.socket) -> None:
        # A second handle of the same connection: the first changes its owner when TLS begins.
        with self._lock:
            if self.passed:
                raise TimeoutError("timed out")
            self._held.append(opened.dup())
