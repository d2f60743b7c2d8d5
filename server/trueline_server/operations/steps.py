"""The steps of long work: between them it can be ended, and is told of."""

from __future__ import annotations

from trueline_server.operations.model import Work


class Steps:
    """Counts the steps of a work: asks before each whether to go on, tells after each how far it is."""

    def __init__(self, work: Work, total: int) -> None:
        self.work = work
        self._done = 0
        self._total = total

    def take(self, message: str, count: int = 1) -> None:
        """Some steps begin.

        Raises:
            WorkStoppedError: the work is to end.

        """
        self.work.go_on()
        self.work.progress(self._done, self._total, message)
        self._done += count
