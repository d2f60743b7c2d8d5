"""All accounts scored in the warehouse: in parts of bounded size, by ascending id, read as the warehouse makes them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Protocol

from trueline_stores.warehouse.streaming import Block, BlockStream
from trueline_stores.warehouse.tables import EVENTS, FACTS

from trueline_server.churn.outlook import Foresight
from trueline_server.scoring.account_metrics import OWN_EVENTS
from trueline_server.scoring.account_sql import score_columns, scored_sql
from trueline_server.scoring.account_values import AccountQuestion, Accounts

# Accounts of one statement, about: what it takes grows with them, so that memory has a bound however many there are.
ACCOUNTS_AT_ONCE = 100_000
# Ids that borders between parts are chosen from.
_SAMPLE = 4_096
_BLOCK_ROWS = 8_192
# Whoever has an event or any fact of accounts.
_IDS = (
    "SELECT subject_id AS id FROM {facts} WHERE tenant = {{tenant:String}} AND subject = {{subject:String}} "
    "AND observed_at <= fromUnixTimestamp64Micro({{at_us:Int64}}, 'UTC') AND {of_facts} "
    "UNION ALL SELECT account_id AS id FROM {events} WHERE " + OWN_EVENTS.replace("{", "{{").replace("}", "}}") + " "
    "AND {of_events}"
)


class Streams(Protocol):
    """Reads rows, at once or block by block; the warehouse's client."""

    def query(self, sql: str, parameters: dict[str, Any] | None = None) -> list[tuple[Any, ...]]:
        """Rows of a query."""
        ...

    def stream(
        self,
        sql: str,
        parameters: dict[str, Any] | None = None,
        *,
        settings: dict[str, str | int | float] | None = None,
    ) -> BlockStream:
        """Rows of a query in blocks of columns."""
        ...


@dataclass(frozen=True, slots=True)
class Statement:
    """A statement about a part of the accounts."""

    accounts: Accounts
    sql: str
    parameters: dict[str, Any]


class AccountPopulation:
    """Scores the accounts of a question. Iterated once, on one thread; `stop` is for any thread."""

    def __init__(
        self,
        warehouse: Streams,
        question: AccountQuestion,
        foresight: Foresight | None,
        accounts_at_once: int = ACCOUNTS_AT_ONCE,
    ) -> None:
        features = foresight.document.features if foresight is not None else ()
        self._question = replace(question, others=tuple(features))
        self._foresight = foresight
        self._warehouse = warehouse
        self._at_once = accounts_at_once
        self._stopped = threading.Event()
        self._stream: BlockStream | None = None

    def blocks(self) -> Iterator[Block]:
        """Blocks of the columns of `score_columns`, by ascending id.

        Raises:
            StoreError: the warehouse cannot answer; not because of `stop`.

        """
        names = ", ".join(score_columns(self._question.profile))
        for statement in self.statements():
            if self._stopped.is_set():
                return
            sql = f"SELECT {names} FROM ({statement.sql}) ORDER BY account_id"
            self._stream = self._warehouse.stream(sql, statement.parameters, settings={"max_block_size": _BLOCK_ROWS})
            if self._stopped.is_set():
                return
            yield from self._stream

    def counts(self) -> dict[int, int]:
        """Accounts by the place of their class."""
        found: dict[int, int] = {}
        for statement in self.statements():
            sql = f"SELECT health, count() FROM ({statement.sql}) GROUP BY health"
            self._stream = self._warehouse.stream(sql, statement.parameters)
            for places, counts in self._stream:
                for place, count in zip(places, counts, strict=True):
                    found[int(place)] = found.get(int(place), 0) + int(count)
            if self._stopped.is_set():
                break
        return found

    def statements(self) -> Iterator[Statement]:
        """A statement for each part, by ascending ids; rows as `scored_sql`."""
        for part in self._parts():
            yield Statement(part, *scored_sql(replace(self._question, accounts=part), self._foresight))

    def stop(self) -> None:
        """End the statement at hand. Idempotent."""
        self._stopped.set()
        if self._stream is not None:
            self._stream.stop()

    def _parts(self) -> list[Accounts]:
        asked = self._question
        if asked.accounts.ids:
            return [asked.accounts]
        _, parameters = asked.to_sql()
        ids = _IDS.format(facts=FACTS.full_name, events=EVENTS.full_name, of_facts="1", of_events="account_id != ''")
        ((accounts,),) = self._warehouse.query(f"SELECT uniqCombined(id) FROM ({ids})", parameters)
        parts = -(-int(accounts) // self._at_once)
        if parts <= 1:
            return [Accounts()]
        # Every id has the same chance to be in the sample, however much is known of it.
        every = max(1, int(accounts) // _SAMPLE)
        hashed = f"cityHash64({{}}) % {every} = 0"
        ids = _IDS.format(
            facts=FACTS.full_name,
            events=EVENTS.full_name,
            of_facts=hashed.format("subject_id"),
            of_events=f"account_id != '' AND {hashed.format('account_id')}",
        )
        sample = [
            str(one) for (one,) in self._warehouse.query(f"SELECT DISTINCT id FROM ({ids}) ORDER BY id", parameters)
        ]
        borders = [sample[len(sample) * number // parts] for number in range(1, parts)] if sample else []
        edges = ["", *dict.fromkeys(borders), ""]
        return [Accounts(after=after, until=until) for after, until in pairwise(edges)]
