"""How long cases are kept: one that was resolved long ago is forgotten with its timeline, one that is open never is."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, delete, func, select
from trueline_stores.state.case_tables import CASE_EVENTS, CASES, GROUP_MEMBERS
from trueline_stores.state.database import StateDatabase

from trueline_server.cases.model import CaseState
from trueline_server.clock import Clock

DAY_US = 86_400_000_000
# Removed in one transaction, which others wait for.
_AT_ONCE = 500


class CaseRetention:
    """Forgets cases. Methods block; thread-safe."""

    def __init__(self, state: StateDatabase, clock: Clock, keep_days: int) -> None:
        """`keep_days` counts from the last thing that happened to a resolved case; 0 = it is kept for ever."""
        self._state = state
        self._clock = clock
        self._keep_us = keep_days * DAY_US

    @property
    def kept_since_us(self) -> int:
        """What happened from this instant on is kept (µs since 1970, UTC), by the server's clock."""
        return self._clock() - self._keep_us if self._keep_us else 0

    def prune(self) -> int:
        """Forget what is old; answers how many cases that was.

        The newest case of each kind stays, for the next one is numbered after it; so does the case of a tenant's last
        event, where watches of a quiet tenant resume, and whatever a group still has to tell of.

        Raises:
            StoreError: the state database failed; what was forgotten until then is.

        """
        before_us, done = self.kept_since_us, 0
        with self._state.reading() as connection:
            newest = connection.execute(
                select(CASES.c.tenant, CASES.c.kind, func.max(CASES.c.number)).group_by(CASES.c.tenant, CASES.c.kind)
            ).all()
        for tenant, kind, number in newest:
            while True:
                with self._state.writing() as connection:
                    old = _old(connection, tenant, kind, number, before_us)
                    _forget(connection, tenant, old)
                done += len(old)
                if len(old) < _AT_ONCE:
                    break
        return done


def first_kept(connection: Connection, tenant: str, number: int, kept_since_us: int) -> int | None:
    """The event from which on a watch can resume in the place of one that is too old; None if `number` is not.

    Args:
        connection: in a transaction.
        tenant: whose.
        number: of the last event that was told; 0 = none was.
        kept_since_us: what happened from then on is kept (µs since 1970, UTC).

    """
    events = CASE_EVENTS.c
    own = events.tenant == tenant
    if number == connection.execute(select(func.max(events.number)).where(own)).scalar():
        return None
    reached = connection.execute(select(events.at_us).where(own, events.number == number)).scalar()
    # Before the first event of all there is nothing that could be missed, unless some cases are gone.
    if number == 0 and not _has_forgotten(connection, tenant):
        return None
    if reached is not None and reached >= kept_since_us:
        return None
    found = connection.execute(select(func.min(events.number)).where(own, events.at_us >= kept_since_us)).scalar()
    return int(found) if found is not None else _last(connection, tenant)


def _old(connection: Connection, tenant: str, kind: str, newest: int, before_us: int) -> Sequence[str]:
    """Ids of cases that may be forgotten, at most as many as are at once."""
    cases, events = CASES.c, CASE_EVENTS.c
    # A note comes to a resolved case without changing it.
    later = select(events.number).where(
        events.tenant == cases.tenant, events.case_id == cases.id, events.at_us >= before_us
    )
    last = select(events.case_id).where(events.tenant == tenant, events.number == _last(connection, tenant))
    told = select(GROUP_MEMBERS.c.case_id).where(GROUP_MEMBERS.c.tenant == tenant)
    query = select(cases.id).where(
        cases.tenant == tenant,
        cases.kind == kind,
        cases.changed_us < before_us,
        cases.state == CaseState.RESOLVED.value,
        cases.number < newest,
        ~later.exists(),
        cases.id.not_in(last),
        cases.id.not_in(told),
    )
    return [str(each) for each in connection.execute(query.limit(_AT_ONCE)).scalars()]


def _forget(connection: Connection, tenant: str, ids: Sequence[str]) -> None:
    if ids:
        connection.execute(delete(CASE_EVENTS).where(CASE_EVENTS.c.tenant == tenant, CASE_EVENTS.c.case_id.in_(ids)))
        connection.execute(delete(CASES).where(CASES.c.tenant == tenant, CASES.c.id.in_(ids)))


def _last(connection: Connection, tenant: str) -> int:
    query = select(func.max(CASE_EVENTS.c.number)).where(CASE_EVENTS.c.tenant == tenant)
    return int(connection.execute(query).scalar() or 0)


def _has_forgotten(connection: Connection, tenant: str) -> bool:
    """Whether cases of a tenant are gone: of each kind there would else be as many as the newest one's number."""
    query = select(func.count(), func.max(CASES.c.number)).where(CASES.c.tenant == tenant).group_by(CASES.c.kind)
    return any(count < number for count, number in connection.execute(query))
