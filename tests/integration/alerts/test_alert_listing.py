"""Pages of many alerts: each costs what is on it, whatever was before and however many are resolved."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, select
from trueline_server.alerts.listing import AlertFilter, list_alerts, open_cases
from trueline_server.cases import changes, store
from trueline_server.cases.model import CaseKind, CaseState, NewCase
from trueline_stores.state.case_tables import CASES
from trueline_stores.state.database import StateDatabase

TENANT = "t"
OPEN = AlertFilter(states=frozenset({CaseState.OPEN, CaseState.ACKNOWLEDGED}))
RESOLVED = 2000
STILL_OPEN = 650


@pytest.fixture(scope="module")
def state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StateDatabase]:
    """Alerts of which the older ones are resolved, and two escalations among them."""
    path: Path = tmp_path_factory.mktemp("listing")
    opened = StateDatabase.sqlite(path / "state.sqlite3")
    with opened.writing() as connection:
        _open(connection, RESOLVED // 2, at_us=1)
        _open(connection, 2, at_us=2, kind=CaseKind.ESCALATION)
        _open(connection, RESOLVED // 2, at_us=3)
        alerts = store.list_cases(connection, TENANT, CaseKind.ALERT, most=RESOLVED)
        store.update_cases(connection, [changes.resolve(case, "ann", 4)[0] for case in alerts])
        _open(connection, STILL_OPEN, at_us=5)
    yield opened
    opened.close()


def _open(connection: Connection, number: int, *, at_us: int, kind: CaseKind = CaseKind.ALERT) -> None:
    new = [NewCase(kind, f"{at_us}/{each}", "warning", "Busy", labels={"n": str(each)}) for each in range(number)]
    store.insert_cases(connection, TENANT, new, at_us)


@pytest.mark.parametrize("most", [1, 7, 100, 1000])
def test_pages_put_together_are_all_of_them(state: StateDatabase, most: int) -> None:
    """The open ones, the newest first, each once, whatever a page holds."""
    found: list[str] = []
    after = None
    with state.reading() as connection:
        while True:
            page = list_alerts(connection, TENANT, OPEN, after=after, most=most)
            found += [case.id for case in page.alerts]
            after = page.after
            if after is None:
                break
        everything = open_cases(connection, TENANT)
    first = RESOLVED + 1
    alerts = [f"alert-{number}" for number in range(first + STILL_OPEN - 1, first - 1, -1)]
    assert found == [*alerts, "escalation-2", "escalation-1"]
    assert [case.id for case in everything] == [*reversed(alerts), "escalation-1", "escalation-2"]


def test_the_open_ones_are_found_by_their_index(state: StateDatabase) -> None:
    """In its order and from the cursor on: nothing is sorted, and what is resolved is not looked at."""
    query = (
        select(CASES.c.id)
        .where(CASES.c.tenant == TENANT, CASES.c.kind == "alert", CASES.c.state.in_(["open", "acknowledged"]))
        .where(CASES.c.open_key.is_not(None), CASES.c.number < 2500)
        .order_by(CASES.c.number.desc())
        .limit(100)
    )
    with state.reading() as connection:
        text = str(query.compile(connection, compile_kwargs={"literal_binds": True}))
        plan = [row[-1] for row in connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}")]
    assert plan == ["SEARCH cases USING INDEX cases_open_by_number (tenant=? AND kind=? AND number<?)"]
