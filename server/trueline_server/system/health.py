"""How each part of the server is: the log, the dataflow, the warehouse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from trueline_stores.errors import StoreError


class Flow(Protocol):
    """What the dataflow tells of itself."""

    @property
    def healthy(self) -> bool:
        """Whether it runs."""
        ...

    @property
    def error(self) -> BaseException | None:
        """Why it last failed."""
        ...


@dataclass(frozen=True, slots=True)
class PartHealth:
    """How one part is.

    Attributes:
        name: "log", "dataflow" or "warehouse".
        healthy: whether it does its work.
        message: what it says of itself, for people.

    """

    name: str
    healthy: bool
    message: str


class SystemHealth:
    """Asks the parts.

    Args:
        log_end: the last log position accepted.
        processed: the last log position that is wholly in the warehouse.
        flow: the dataflow.
        probe: reads something from the warehouse; raises StoreError if it cannot.

    """

    def __init__(
        self, log_end: Callable[[], int], processed: Callable[[], int], flow: Flow, probe: Callable[[], object]
    ) -> None:
        self._log_end = log_end
        self._processed = processed
        self._flow = flow
        self._probe = probe

    def read(self) -> tuple[PartHealth, ...]:
        """The parts, in the order an event meets them. Blocks for the length of one small query."""
        # The processed position first: read the other way round, a lag could be told that never was.
        processed, end = self._processed(), self._log_end()
        return (
            PartHealth("log", True, f"accepted up to position {end}"),
            self._dataflow(processed, end),
            self._warehouse(),
        )

    def _dataflow(self, processed: int, end: int) -> PartHealth:
        behind = f"processed up to position {processed}, {max(end - processed, 0)} behind the log"
        if self._flow.healthy:
            return PartHealth("dataflow", True, behind)
        return PartHealth("dataflow", False, f"does not run: {self._flow.error or 'it is starting'}; {behind}")

    def _warehouse(self) -> PartHealth:
        try:
            self._probe()
        except StoreError as error:
            return PartHealth("warehouse", False, error.message)
        return PartHealth("warehouse", True, "answers queries")
