"""Looks at the operator's rule files now and then, on a thread."""

from __future__ import annotations

from collections.abc import Callable

from trueline_server.looking import Looking


class RuleFileWatch(Looking):
    """Calls `scan` at intervals; rules in force stay in force, whatever a look fails with."""

    def __init__(self, scan: Callable[[], bool], interval_s: float) -> None:
        super().__init__("looking at the rule files", every_s=interval_s)
        self._scan = scan

    def tick(self) -> bool:
        """Look once; whether something changed."""
        return self._scan()
