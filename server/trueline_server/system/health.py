"""How each part of the server is: the log, the dataflow, the warehouse, the rules."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from trueline_rules.model import RuleSet
from trueline_stores.errors import StoreError

from trueline_server.rules.in_force import EVERYBODY, LoadFailure


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
        name: "log", "dataflow", "warehouse", "rules" or "notifications".
        healthy: whether it does its work.
        message: what it says of itself, for people.

    """

    name: str
    healthy: bool
    message: str


class RulesState(Protocol):
    """What the rules tell of themselves; lookups in memory."""

    def of(self, tenant: str) -> RuleSet:
        """The rules in force for a tenant."""
        ...

    def failure(self, tenant: str) -> LoadFailure | None:
        """Why they could not follow their files."""
        ...


class SystemHealth:
    """Asks the parts.

    Args:
        log_end: the last log position accepted.
        processed: the last log position that is wholly in the warehouse.
        flow: the dataflow.
        probe: reads something from the warehouse; raises StoreError if it cannot.
        rules: by tenant.
        others: further parts, as a tenant sees them.

    """

    def __init__(
        self,
        log_end: Callable[[], int],
        processed: Callable[[], int],
        flow: Flow,
        probe: Callable[[], object],
        rules: RulesState,
        *,
        others: Sequence[Callable[[str], PartHealth]] = (),
    ) -> None:
        self._log_end = log_end
        self._processed = processed
        self._flow = flow
        self._probe = probe
        self._rules = rules
        self._others = others

    def read(self, tenant: str) -> tuple[PartHealth, ...]:
        """The parts as a tenant sees them, in the order an event meets them. Blocks for one small query."""
        # The processed position first: read the other way round, a lag could be told that never was.
        processed, end = self._processed(), self._log_end()
        return (
            PartHealth("log", True, f"accepted up to position {end}"),
            self._dataflow(processed, end),
            self._warehouse(),
            self._rules_of(tenant),
            *(part(tenant) for part in self._others),
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

    def _rules_of(self, tenant: str) -> PartHealth:
        """Rules that do not load are nothing that a restart would mend: what is in force goes on."""
        revision = self._rules.of(tenant).revision
        for who, what in (
            (EVERYBODY, "the rule files do not load"),
            (tenant, "your rules do not load on the files below"),
        ):
            failure = self._rules.failure(who)
            if failure is not None:
                more = f"; and {len(failure.problems) - 1} more" if len(failure.problems) > 1 else ""
                told = f"{what}, so revision {revision} stays in force: {failure.problems[0]}{more}"
                return PartHealth("rules", False, told)
        return PartHealth("rules", True, f"revision {revision} is in force")
