"""The event log against a plain dictionary: whatever is done in whatever order, both say the same."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from trueline_stores.errors import UnknownSourceError
from trueline_stores.log import EventLog, SqliteEventLog

from tests.conformance.log_events import DAY_US, TurnedClock, batch_of, digests_for, ids_of

HORIZON_US = 35 * DAY_US
Row = tuple[str, str, str]


@dataclass
class Model:
    """What a log should hold, with nothing that makes it fast."""

    rows: list[tuple[int, str, str]] = field(default_factory=list)
    times: list[int] = field(default_factory=list)
    taken: dict[Row, tuple[str, int]] = field(default_factory=dict)
    sources: set[tuple[str, str]] = field(default_factory=set)
    start: int = 1

    def append(self, tenant: str, source: str, ids: list[str], contents: list[str], now_us: int) -> list[list[int]]:
        """Row numbers accepted, duplicate and in conflict."""
        outcome: list[list[int]] = [[], [], []]
        for number, (one, content) in enumerate(zip(ids, contents, strict=True)):
            known = self.taken.get((tenant, source, one))
            if known is None:
                self.taken[tenant, source, one] = (content, now_us)
                self.sources.add((tenant, source))
                self.add(tenant, one, now_us)
            outcome[0 if known is None else 1 if known[0] == content else 2].append(number)
        return outcome

    def add(self, tenant: str, what: str, now_us: int) -> None:
        """One more position."""
        self.rows.append((len(self.rows) + 1, tenant, what))
        self.times.append(now_us)

    def prune(self, entries_before_us: int, identities_before_us: int) -> None:
        """Forget."""
        while self.start <= len(self.rows) and self.times[self.start - 1] < entries_before_us:
            self.start += 1
        self.taken = {row: known for row, known in self.taken.items() if known[1] >= identities_before_us}


class SqliteLogMachine(RuleBasedStateMachine):
    """Drives log and model."""

    def __init__(self) -> None:
        super().__init__()
        self.directory = tempfile.TemporaryDirectory()
        self.clock = TurnedClock(100 * DAY_US)
        self.model = Model()

    @initialize()
    def first_open(self) -> None:
        """An empty log."""
        self.log = self.open()

    def open(self) -> EventLog:
        """The log in this run's directory."""
        return SqliteEventLog(Path(self.directory.name) / "log", self.clock, tail_rows=6)

    def teardown(self) -> None:
        """Leave nothing behind."""
        if hasattr(self, "log"):
            self.log.close()
        self.directory.cleanup()

    @rule(
        tenant=st.sampled_from("tu"),
        source=st.sampled_from("rs"),
        rows=st.lists(st.tuples(st.sampled_from("abcdefgh"), st.sampled_from("xy")), max_size=6),
    )
    def append(self, tenant: str, source: str, rows: list[tuple[str, str]]) -> None:
        """A batch in which ids may repeat, with the same content or another."""
        ids, contents = [row[0] for row in rows], [row[1] for row in rows]
        result = self.log.append(tenant, batch_of(ids, source), digests_for(contents)).result(30)
        accepted, duplicates, conflicts = self.model.append(tenant, source, ids, contents, self.clock.now_us)
        assert (result.accepted, list(result.duplicates), list(result.conflicts)) == (
            len(accepted),
            duplicates,
            conflicts,
        )
        assert result.last_position == (len(self.model.rows) if accepted else 0)

    @rule(tenant=st.sampled_from("tu"))
    def finish(self, tenant: str) -> None:
        """An end mark: refused before the first event of the source."""
        answer = self.log.finish(tenant, "s")
        if (tenant, "s") not in self.model.sources:
            assert isinstance(answer.exception(30), UnknownSourceError)
            return
        self.model.add(tenant, "end of s", self.clock.now_us)
        assert answer.result(30) == len(self.model.rows)

    @rule(days=st.integers(1, 40))
    def turn(self, days: int) -> None:
        """Time passes."""
        self.clock.now_us += days * DAY_US

    @rule(entry_days=st.integers(1, 60))
    def prune(self, entry_days: int) -> None:
        """Upkeep with the usual dedup horizon."""
        before = (self.clock.now_us - entry_days * DAY_US, self.clock.now_us - HORIZON_US)
        self.log.prune(entries_before_us=before[0], identities_before_us=before[1])
        self.model.prune(*before)

    @rule()
    def reopen(self) -> None:
        """A restart."""
        self.log.close()
        self.log = self.open()

    @rule(after=st.integers(0, 40), limit=st.integers(1, 20))
    def read_from(self, after: int, limit: int) -> None:
        """From any position on: the rows that follow, at most one entry more than the limit needs."""
        entries = self.log.read(after, limit)
        rows = [row for row in self.read_rows(entries) if row[0] > after]
        expected = [row for row in self.model.rows[self.model.start - 1 :] if row[0] > after]
        assert rows == expected[: len(rows)]
        assert len(rows) >= min(1, len(expected))
        if entries:
            assert sum(entry.last_position - entry.first_position + 1 for entry in entries[:-1]) < limit

    @invariant()
    def everything_is_there(self) -> None:
        """The log holds what the model holds."""
        if hasattr(self, "log"):
            assert (self.log.start(), self.log.end()) == (self.model.start, len(self.model.rows))
            assert self.read_rows(self.log.read(0, 10_000)) == self.model.rows[self.model.start - 1 :]

    @staticmethod
    def read_rows(entries: list) -> list[tuple[int, str, str]]:  # type: ignore[type-arg]
        """Positions with what stands there."""
        rows: list[tuple[int, str, str]] = []
        for entry in entries:
            names = [f"end of {entry.finished_source}"] if entry.events is None else ids_of(entry.events)
            rows += [(entry.first_position + n, entry.tenant, name) for n, name in enumerate(names)]
        return rows


SqliteLogMachine.TestCase.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
TestSqliteLogModel = SqliteLogMachine.TestCase
