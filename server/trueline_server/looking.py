"""A thread that looks at something now and then; a look that fails is logged once, and the next one tries again."""

from __future__ import annotations

import logging
import threading
from abc import ABC, abstractmethod

from trueline_stores.errors import StoreClosedError

_log = logging.getLogger(__name__)


class Looking(ABC):
    """Calls `tick` at intervals, on one thread.

    Attributes:
        last_error: what the last look failed with; "" if it did not.

    """

    def __init__(self, doing: str, *, every_s: float) -> None:
        """`doing` is what a look does, for logs: "looking at controls"; `every_s` seconds lie between two looks."""
        self._doing = doing
        self._every_s = every_s
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.last_error = ""

    @abstractmethod
    def tick(self) -> object:
        """Do what is due by now; blocks. The thread calls it; tests may."""

    def start(self) -> None:
        """Begin to look on a thread, the first time after one interval. Once only."""
        self._thread = threading.Thread(target=self._run, name=self._doing, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread after the step at hand. Idempotent."""
        self._stopping.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        while not self._stopping.wait(self._every_s):
            try:
                self.tick()
                self.last_error = ""
            except StoreClosedError:
                return
            except Exception as error:  # noqa: BLE001 the next look tries again, whatever this one failed with
                if str(error) != self.last_error:
                    _log.exception("%s failed; the next look tries again", self._doing)
                self.last_error = str(error) or type(error).__name__
