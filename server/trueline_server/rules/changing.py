"""Changes of rules that callers may repeat: a request_id that was seen before changes nothing more."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select
from trueline_rules.errors import Problem
from trueline_stores.state.database import StateDatabase
from trueline_stores.state.tables import RULE_REQUESTS

from trueline_server.clock import Clock
from trueline_server.errors import invalid_field
from trueline_server.rules.in_force import Activated, RuleChange
from trueline_server.rules.moves import Also

# How long, and how many of a tenant, requests are remembered; the contract tells it.
REMEMBERED_US = 86_400_000_000
MOST_REMEMBERED = 1_000


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a change.

    Attributes:
        tenant: whose rules.
        stage: that changes.
        request_id: "" = it is not repeated.
        digest: 32 hex digits over all that is asked.

    """

    tenant: str
    stage: str
    request_id: str
    digest: str


@dataclass(frozen=True, slots=True)
class Changed:
    """What a request led to.

    Attributes:
        revision: of the rules asked for; "" if they do not load.
        former: the one that was there before; "" if none was, or nothing was changed.
        problems: why they do not load.

    """

    revision: str
    former: str
    problems: tuple[Problem, ...] = ()


class RuleChanger:
    """Makes changes one after the other. Methods block; thread-safe."""

    def __init__(self, state: StateDatabase, clock: Clock) -> None:
        self._state = state
        self._clock = clock
        self._lock = threading.Lock()

    def change(self, asked: Asked, make: Callable[[Also], Activated]) -> Changed:
        """Make a change, or answer what it led to when it was asked for before.

        Args:
            asked: the request.
            make: makes the change; what it is given must be written in the transaction of the change.

        Raises:
            TruelineError: INVALID_FIELD, if the request_id was given with another request; what `make` raises.
            StoreError: the state database failed.

        """
        # One at a time, so that a repetition that comes at once waits for what it repeats.
        with self._lock:
            known = self._remembered(asked)
            if known is not None:
                return known
            former: list[str] = []

            def also(connection: Connection, changes: Sequence[RuleChange]) -> None:
                first = changes[0]
                former.append(first.former)
                self._remember(connection, asked, first)

            done = make(also)
            return Changed(done.revision, former[0] if former else "", done.problems)

    def _remembered(self, asked: Asked) -> Changed | None:
        if not asked.request_id:
            return None
        key = (RULE_REQUESTS.c.tenant == asked.tenant) & (RULE_REQUESTS.c.request_id == asked.request_id)
        with self._state.reading() as connection:
            row = connection.execute(select(RULE_REQUESTS).where(key)).first()
        if row is None or row.at_us < self._clock() - REMEMBERED_US:
            return None
        if row.asked != asked.digest:
            told = f"is '{asked.request_id[:80]}', which was given with another request; take a new one for each change"
            raise invalid_field("request_id", told)
        return Changed(row.revision, row.former)

    def _remember(self, connection: Connection, asked: Asked, change: RuleChange) -> None:
        if not asked.request_id:
            return
        columns, now_us = RULE_REQUESTS.c, self._clock()
        own = columns.tenant == asked.tenant
        connection.execute(delete(RULE_REQUESTS).where(own, columns.at_us < now_us - REMEMBERED_US))
        newest = select(columns.at_us).where(own).order_by(columns.at_us.desc())
        oldest = connection.execute(newest.offset(MOST_REMEMBERED - 1).limit(1)).scalar()
        if oldest is not None:
            connection.execute(delete(RULE_REQUESTS).where(own, columns.at_us <= oldest))
        row = {
            "tenant": asked.tenant,
            "request_id": asked.request_id,
            "asked": asked.digest,
            "stage": asked.stage,
            "revision": change.revision,
            "former": change.former,
            "at_us": now_us,
        }
        connection.execute(insert(RULE_REQUESTS).values(**row))
