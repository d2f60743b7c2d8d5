"""Looks at the operator's rule files now and then, on a thread."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

from trueline_stores.errors import StoreClosedError

_log = logging.getLogger(__name__)


class RuleFileWatch:
    """Calls `scan` at intervals. Whatever it fails with is logged once, and the next look tries again."""

    def __init__(self, scan: Callable[[], bool], interval_s: float) -> None:
        self._scan = scan
        self._interval_s = interval_s
        self._stop = threading.Event()
        self._failure = ""
        self._thread = threading.Thread(target=self._run, name="rule-files", daemon=True)

    def start(self) -> None:
        """Start the thread; the first look comes after one interval. Once only."""
        self._thread.start()

    def close(self) -> None:
        """End the thread after the look in progress."""
        self._stop.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stop.wait(self._interval_s):
            try:
                self._scan()
                self._failure = ""
            except StoreClosedError:
                return
            except Exception as error:  # noqa: BLE001 rules in force stay in force, whatever a look failed with
                if str(error) != self._failure:
                    _log.exception("looking at the rule files failed; the next look tries again")
                self._failure = str(error)
