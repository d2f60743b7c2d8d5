"""One transaction of the SQLite event log: what of the waiting work goes in, under which positions."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

import numpy as np
import pyarrow as pa

from trueline_stores.errors import UnknownSourceError
from trueline_stores.log import statements
from trueline_stores.log.identities import MOST_SOURCES_TOLD, Identities, Refused
from trueline_stores.log.port import AppendResult, LogEntry
from trueline_stores.log.runs import encode_run, join_batches
from trueline_stores.log.waiting import Waiting, WaitingAppend, WaitingMark

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class State:
    """Where the log stands: its last position, the next ticket of an identity, the time of the last acceptance."""

    end: int
    next_ticket: int
    accepted_at_us: int


class Transaction:
    """What one transaction puts into the log: per tenant the accepted rows of all its appends as one entry, then at
    most one end mark."""

    def __init__(self, writer: sqlite3.Connection, identities: Identities, state: State, now_us: int) -> None:
        self._writer = writer
        self._identities = identities
        self._end = state.end
        self._first_ticket = self._ticket = state.next_ticket
        self._accepted_at_us = max(now_us, state.accepted_at_us)
        self.entries: list[LogEntry] = []

    def state(self) -> State:
        """Where the log stands after it."""
        return State(self._end, self._ticket, self._accepted_at_us)

    def put(self, items: Sequence[Waiting]) -> list[Callable[[], None]]:
        """Insert everything; the functions that answer those who wait."""
        appends = [item for item in items if isinstance(item, WaitingAppend)]
        refused = self._claim(appends)
        tenants: dict[str, list[int]] = {}
        for number, append in enumerate(appends):
            tenants.setdefault(append.tenant, []).append(number)
        answers: list[Callable[[], None]] = []
        for tenant, numbers in tenants.items():
            batches = []
            for number in numbers:
                append = appends[number]
                kept, result = self._settle(append, refused.get(number, []))
                batches.append(kept)
                answers.append(_answer(append.future, result))
            events = join_batches(batches)
            if events.num_rows:
                first = self._end - events.num_rows + 1
                self.entries.append(LogEntry(first, self._end, tenant, self._accepted_at_us, events))
        if isinstance(items[-1], WaitingMark):
            answers.append(self._mark(items[-1]))
        return answers

    def _mark(self, mark: WaitingMark) -> Callable[[], None]:
        """Add an end mark, unless its source is not known; the function that answers."""
        if not self._identities.knows(mark.tenant, mark.source):
            known = self._identities.sources(mark.tenant, MOST_SOURCES_TOLD)
            return partial(mark.future.set_exception, UnknownSourceError(mark.source, known))
        self._end += 1
        self.entries.append(LogEntry(self._end, self._end, mark.tenant, self._accepted_at_us, None, mark.source))
        return _answer(mark.future, self._end)

    def _claim(self, appends: Sequence[WaitingAppend]) -> dict[int, list[Refused]]:
        """Take the identities; the refused rows by number of the append."""
        owners, claims = [], []
        for number, append in enumerate(appends):
            owners += [number] * len(append.claims)
            claims += [(append.tenant, claim) for claim in append.claims]
        refused: dict[int, list[Refused]] = {}
        for row in self._identities.claim(claims, self._ticket):
            refused.setdefault(owners[row.claim], []).append(row)
        self._ticket += sum(append.events.num_rows for append in appends)
        return refused

    def _settle(self, append: WaitingAppend, refused: Sequence[Refused]) -> tuple[pa.RecordBatch, AppendResult]:
        """The accepted rows of an append, and its result."""
        events = append.events
        if refused:
            mask = np.ones(events.num_rows, dtype=bool)
            mask[[row.row for row in refused]] = False
            events = events.filter(pa.array(mask))
        self._end += events.num_rows
        return events, AppendResult(
            accepted=events.num_rows,
            duplicates=tuple(sorted(row.row for row in refused if row.same)),
            conflicts=tuple(sorted(row.row for row in refused if not row.same)),
            last_position=self._end if events.num_rows else 0,
            accepted_at_us=self._accepted_at_us,
        )

    def seal(self) -> None:
        """Write the entries and where the log stands."""
        for entry in self.entries:
            payload = None if entry.events is None else encode_run(entry.events)
            row = (entry.first_position, entry.last_position, entry.tenant, entry.accepted_at_us, entry.finished_source)
            self._writer.execute(statements.ADD_ENTRY, (*row, payload))
        state = self.state()
        if state.next_ticket > self._first_ticket:
            self._identities.note_age(self._first_ticket, self._accepted_at_us)
        self._writer.execute(statements.WRITE_STATE, (state.end, state.next_ticket, state.accepted_at_us))


def _answer(future: Future[T], result: T) -> Callable[[], None]:
    return partial(future.set_result, result)
