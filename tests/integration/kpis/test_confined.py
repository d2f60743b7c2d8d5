"""KPI statements against a real ClickHouse: what they can read, and every way out that was thought of."""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

import pytest
from trueline_server.facts.store import FactRow, FactStore
from trueline_stores.errors import StatementRefusedError
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.confined import Answer, Confinement, Limits
from trueline_stores.warehouse.statement_text import StatementText
from trueline_stores.warehouse.tables import TABLES
from trueline_stores.warehouse.views import Views

from tests.integration.kpis.tenants import Happened, insert_happened, roles, us

OWN, OTHER = "confined", "confined-other"
# A tenant whose name tries to end the condition that it stands in.
QUOTES = "confined' OR '1'='1\\"
AT = us("2024-03-01")
VIEWS = roles(signup=("looked", 1), second=("order", 2), payment="order")


@pytest.fixture(scope="module")
def confinement(warehouse: Warehouse) -> Confinement:
    """Over three tenants with events."""
    own = [
        Happened("2024-01-01T10:00", "looked", "ann"),
        Happened("2024-01-01T10:00", "looked", "ann"),
        Happened("2024-01-02T10:00", "order", "ann", "10.10"),
        Happened("2024-01-03T10:00", "order", "ann", "20.20", properties={"country": "France"}),
        Happened("2024-01-03T10:00", "order", "bob", "5", accepted_at="2024-02-01"),
        Happened("2024-01-04T10:00", "order", "", "1"),
        Happened("2024-04-01T10:00", "order", "bob", "99"),
    ]
    insert_happened(warehouse, OWN, own)
    insert_happened(warehouse, OTHER, [Happened("2024-01-01T10:00", "order", "eve", "1000")] * 3)
    insert_happened(warehouse, QUOTES, [Happened("2024-01-01T10:00", "order", "mal", "7")])
    seats = [("a1", "2024-01-01", 5.0), ("a1", "2024-02-01", 7.0), ("a1", "2024-04-01", 99.0)]
    seats.append(("a2", "2024-01-01", 5.0))
    facts = [FactRow("account", account, "seats", us(at), number) for account, at, number in seats]
    FactStore(warehouse).write(OWN, [*facts, FactRow("account", "a1", "tier", us("2024-01-01"), "gold")], 1)
    FactStore(warehouse).write(OTHER, [FactRow("account", "a1", "seats", us("2024-01-01"), 1000.0)], 1)
    return Confinement(warehouse, Limits(seconds=20, memory_bytes=200 << 20))


def run(
    confinement: Confinement, statement: str, tenant: str = OWN, views: Views = VIEWS, **parameters: str | float
) -> Answer:
    """Check and run."""
    return confinement.run(confinement.check(statement, views, parameters), tenant=tenant, at_us=AT)


@pytest.mark.parametrize(
    ("statement", "value"),
    [
        pytest.param("SELECT count() AS value FROM events", 6, id="events up to the instant judged"),
        pytest.param("SELECT sum(value) AS value FROM payment", 36.3, id="a role"),
        pytest.param("SELECT count() AS value FROM signup", 1, id="first of each user, ties by position"),
        pytest.param("SELECT any(value) AS value FROM second", 20.2, id="second of each user, with its fields"),
        pytest.param("SELECT any(properties['country'] = 'France') AS value FROM second", 1, id="with its properties"),
        pytest.param("SELECT count() AS value FROM activity", 6, id="activity is any event"),
        pytest.param("SELECT count() AS value FROM refund_if_any", 0, id="optional role that nobody plays"),
        pytest.param("SELECT count() AS value FROM payment_if_any", 4, id="optional role that somebody plays"),
        pytest.param("SELECT countIf(user_id IS NULL) AS value FROM events", 1, id="absent is null"),
        pytest.param("WITH mine AS (SELECT * FROM payment) SELECT count() AS value FROM mine AS m", 4, id="own name"),
        pytest.param("SELECT countIf(user_id IN (SELECT user_id FROM second)) AS value FROM events", 4, id="subquery"),
        pytest.param("SELECT count() AS value FROM numbers(3) AS n", 3, id="numbers"),
        pytest.param("SELECT uniqExactIf(user_id, value > 1)::Float64 AS value FROM events", 2, id="combinators"),
        pytest.param("SELECT arraySum(arrayMap(x -> x * 2, [1, 2])) AS value", 6, id="lambda"),
        pytest.param("SELECT {n:UInt8} + {f:Float64} AS value", 3.5, id="parameters"),
        pytest.param("SELECT toUnixTimestamp({at:DateTime64(6)}) AS value", AT / 1e6, id="the instant judged"),
        pytest.param("SELECT if({t:String} = 'it''s \\ {x}', 1, 0) AS value", 1, id="odd text as a parameter"),
        pytest.param("SELECT count() AS value FROM kpis", 0, id="KPI values"),
        pytest.param("SELECT count() AS value FROM points", 0, id="metric points"),
        pytest.param("SELECT sumIf(number, name = 'seats') AS value FROM facts", 12, id="newest facts by the instant"),
        pytest.param("SELECT countIf(text = 'gold') AS value FROM facts", 1, id="facts of another type"),
    ],
)
def test_what_a_statement_may_read(confinement: Confinement, statement: str, value: float) -> None:
    """The views of its tenant and of the roles, its own names, its parameters."""
    answer = run(confinement, statement, n=1, f=2.5, t="it's \\ {x}")
    assert answer.value == pytest.approx(value)


REFUSED = [
    # Files, networks, other engines.
    ("SELECT * FROM file('/etc/passwd', 'LineAsString')", "the table function file"),
    ("SELECT file('/etc/passwd') AS value", "the function file"),
    ("SELECT arrayMap(file, ['/etc/passwd']) AS value", "'file' names a function"),
    ("SELECT * APPLY(file) FROM events", "APPLY"),
    ("SELECT COLUMNS('id') APPLY(x -> file(x)) FROM events", "is refused"),
    ("SELECT count() AS value FROM '/etc/passwd'", "the table /etc/passwd"),
    ("SELECT count() AS value FROM `/etc/passwd`", "letters, digits"),
    ("SELECT 1 AS value FROM url('http://127.0.0.1:1/', 'CSV')", "the table function url"),
    ("SELECT 1 AS value FROM remote('127.0.0.1', 'trueline', 'events')", "the table function remote"),
    ("SELECT 1 AS value FROM s3('http://127.0.0.1:1/a/b', 'CSV')", "the table function s3"),
    ("SELECT 1 AS value FROM sqlite('/tmp/x', 't')", "the table function sqlite"),
    ("SELECT 1 AS value FROM executable('id', 'CSV', 'a String')", "the table function executable"),
    ("SELECT 1 AS value FROM python('x')", "the table function python"),
    ("SELECT 1 AS value FROM Python(os)", "the table function Python"),
    ("SELECT 1 AS value FROM arrowstream(x)", "the table function arrowstream"),
    ("SELECT 1 AS value FROM eval('SELECT 1')", "the table function eval"),
    ("SELECT 1 AS value FROM view(SELECT 1)", "the table function view"),
    ("SELECT 1 AS value FROM merge('trueline', '.*')", "the table function merge"),
    ("SELECT 1 AS value FROM cluster('default', trueline, events)", "the table function cluster"),
    ("SELECT 1 AS value FROM dictionary('d')", "the table function dictionary"),
    ("SELECT count() AS value FROM events WHERE id IN file('/etc/passwd')", "the function file"),
    ("SELECT dictGet('d', 'a', 1) AS value", "the function dictGet"),
    ("SELECT joinGet('trueline.events', 'id', 1) AS value", "the function joinGet"),
    ("SELECT hasColumnInTable('trueline', 'events', 'id') AS value", "the function hasColumnInTable"),
    ("SELECT aiGenerate('x') AS value", "the function aiGenerate"),
    # Other tables, databases and tenants.
    ("SELECT any(message) AS value FROM decisions", "the table decisions"),
    (
        "SELECT 1 AS value FROM decisions WHERE 1 IN (WITH decisions AS (SELECT 1 AS z) SELECT z FROM decisions)",
        "decisions",
    ),
    ("SELECT count() AS value FROM trueline.events", "the table trueline.events"),
    ("SELECT count() AS value FROM `trueline`.`events`", "the table trueline.events"),
    ('SELECT count() AS value FROM "trueline" . "events"', "the table trueline.events"),
    ("SELECT count() AS value FROM trueline /* x */ . events", "the table trueline.events"),
    ("SELECT count() AS value FROM events JOIN trueline.events AS t USING (id)", "the table trueline.events"),
    ("SELECT count() AS value FROM events, (SELECT * FROM trueline.events) AS t", "the table trueline.events"),
    ("SELECT 1 AS value UNION ALL SELECT count() FROM trueline.events", "the table trueline.events"),
    ("SELECT (SELECT count() FROM trueline.events) AS value", "the table trueline.events"),
    ("SELECT 1 IN trueline.events AS value", "the table trueline.events"),
    ("SELECT count() AS value FROM events WHERE (id, name) IN (SELECT id, name FROM trueline.events)", "the table"),
    ("SELECT count() AS value FROM events ORDER BY (SELECT 1 FROM trueline.events)", "the table trueline.events"),
    ("SELECT count() AS value FROM events GROUP BY id HAVING 1 IN system.one", "the table system.one"),
    ("SELECT count() AS value FROM system.tables", "the table system.tables"),
    ("SELECT count() AS value FROM INFORMATION_SCHEMA.tables", "the table INFORMATION_SCHEMA.tables"),
    ("SELECT count() AS value FROM clocks", "the table clocks"),
    ("SELECT count() AS value FROM events WHERE id IN members", "the table members"),
    ("WITH events AS (SELECT * FROM payment) SELECT count() AS value FROM events", "'events' is a view"),
    ("WITH signup AS (SELECT 1) SELECT count() AS value FROM signup", "'signup' is a view"),
    ("SELECT (WITH clocks AS (SELECT 1) SELECT 1), count() AS value FROM clocks", "'clocks' is a view"),
    ("SELECT {trueline_tenant:String} AS value", "not declared"),
    ("SELECT count() AS value FROM {t:Identifier}", "type Identifier"),
    # More than one plain SELECT, and its limits.
    ("SELECT 1 AS value; SELECT 2", "leave the semicolon out"),
    ("SELECT 1) UNION ALL SELECT * FROM (SELECT 2", "does not run"),
    ("SELECT 1 AS value) SETTINGS readonly = 0 --", "Unmatched parentheses"),
    ("SELECT 1 AS value SETTINGS readonly = 0", "SETTINGS clause"),
    ("SELECT * FROM (SELECT 1 AS value SETTINGS max_execution_time = 0)", "SETTINGS clause"),
    ("SELECT 1 AS value FORMAT CSV", "no FORMAT"),
    ("SELECT 1 AS value INTO OUTFILE 'x.csv'", "no INTO OUTFILE"),
    ("INSERT INTO trueline.events (id) SELECT 'x'", "no INSERT"),
    ("DROP TABLE trueline.events", "one SELECT"),
    ("CREATE TABLE trueline.x (a UInt8) ENGINE = Memory", "one SELECT"),
    ("ALTER TABLE trueline.events DELETE WHERE 1", "one SELECT"),
    ("SYSTEM SHUTDOWN", "one SELECT"),
    ("SET readonly = 0", "one SELECT"),
    ("EXPLAIN SELECT 1", "viewExplain"),
    ("SELECT * FROM (EXPLAIN AST SELECT 1)", "viewExplain"),
    ("SHOW TABLES", "one SELECT"),
    ("SELECT 1 AS value -- \n; DROP TABLE trueline.events", "line 2"),
    ("", "does not run"),
    # What tells of the server, waits, or answers otherwise each time.
    ("SELECT sleep(3) AS value", "the function sleep"),
    ("SELECT getSetting('readonly') AS value", "the function getSetting"),
    ("SELECT hostName() AS value", "the function hostName"),
    ("SELECT currentUser() AS value", "the function currentUser"),
    ("SELECT getMacro('x') AS value", "the function getMacro"),
    ("SELECT __getScalar('x') AS value", "the function __getScalar"),
    ("SELECT now() AS value", "the instant judged is {at:DateTime64(6)}"),
    ("SELECT toDate(today()) AS value", "the instant judged is {at:DateTime64(6)}"),
    ("SELECT rand() AS value", "the same when it is judged again"),
    ("SELECT count() AS value FROM events SAMPLE 1/10", "SAMPLE"),
    ("SELECT noSuchFunction(1) AS value", "the function noSuchFunction"),
]


@pytest.mark.parametrize(("statement", "said"), REFUSED, ids=[statement[:60] for statement, _ in REFUSED])
def test_what_is_refused_when_it_is_checked(confinement: Confinement, statement: str, said: str) -> None:
    """Before anything of it runs, and with the reason."""
    with pytest.raises(StatementRefusedError) as refused:
        confinement.check(statement, VIEWS, {"t": "events"})
    assert said in refused.value.message


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("SELECT 1 AS value UNION ALL SELECT 2", "more than one row"),
        ("SELECT 1 AS number", "no column 'value'"),
        ("SELECT 1 AS value, tenant FROM (SELECT 'x' AS tenant)", "answers 'tenant'"),
        ("SELECT 'much' AS value", "is 'much' and not a number"),
        ("SELECT 1 AS value, 5 AS period_start", "not an instant"),
        ("SELECT no_such_column AS value FROM events", "no_such_column"),
        ("SELECT tenant AS value FROM events", "tenant"),
        ("SELECT throwIf(1, 'basis is a or b') AS value", "basis is a or b"),
        ("SELECT length(groupArray(number)) AS value FROM numbers(1000000000) AS n", "more than 200 MiB"),
    ],
)
def test_what_is_refused_when_it_runs(confinement: Confinement, statement: str, said: str) -> None:
    """Rows and columns that are no KPI, and limits."""
    with pytest.raises(StatementRefusedError) as refused:
        run(confinement, statement)
    assert said in refused.value.message


@pytest.mark.parametrize(
    ("statement", "there"),
    [
        ("SELECT 1 AS value,\n  file('/etc/passwd') AS x", "file("),
        ("SELECT 1 AS value -- of url(\nFROM url('x')", "url('"),
        ("SELECT 1 AS value FROM `system` . one", "`system`"),
        ("SELECT 1 AS value\nFROM events WHERE id IN members", "members"),
        ("WITH 1 AS x,\n  events AS (SELECT 1) SELECT 2 AS value", "events"),
        ("SELECT {t:String} = 'x' AS value, {u:String}", "{u:"),
        ("SELECT 1 AS value; SELECT 2", ";"),
        # ClickHouse counts bytes of a text without comments, whose instants are read as UTC.
        ("  SELECT 'é' AS x, /* one\n two */ {at:DateTime64(6)} AS y\n  FORM events", "FORM"),
        ("SELECT 1 AS value,\n  (2 + 3", "(2"),
        ("SELECT 1 AS value /* é */ FORMAT CSV", "FORMAT"),
    ],
)
def test_a_refusal_names_its_place(confinement: Confinement, statement: str, there: str) -> None:
    """The offset of the words at fault in the statement as it is written, comments, parameters and all."""
    with pytest.raises(StatementRefusedError) as refused:
        confinement.check(statement, VIEWS, {"t": "events"})
    assert refused.value.offset == statement.index(there)


@pytest.mark.parametrize("statement", ["", "EXPLAIN SELECT 1", "SELECT 1 AS value SETTINGS readonly = 0"])
def test_a_refusal_of_a_whole_statement_names_no_place(confinement: Confinement, statement: str) -> None:
    """Where no words are at fault, or ClickHouse reads them under another name."""
    with pytest.raises(StatementRefusedError) as refused:
        confinement.check(statement, VIEWS, {})
    assert refused.value.offset is None


def test_a_statement_is_stopped_after_its_time(confinement: Confinement) -> None:
    """A caller who cannot wait for the limit may set a shorter one."""
    checked = confinement.check(
        "SELECT count() AS value FROM numbers(1000000000000) AS n WHERE sipHash64(number) = 1", VIEWS, {}
    )
    with pytest.raises(StatementRefusedError, match=r"longer than 0\.3 s"):
        confinement.run(checked, tenant=OWN, at_us=AT, seconds=0.3)


@pytest.mark.parametrize(
    ("tenant", "events", "facts"), [(OWN, 7, 5), (OTHER, 3, 1), (QUOTES, 1, 0), ("confined-nobody", 0, 0)]
)
@pytest.mark.parametrize("table", [table.name for table in TABLES])
def test_tables_are_filtered_to_the_tenant_even_if_a_check_were_passed(
    confinement: Confinement, tenant: str, events: int, facts: int, table: str
) -> None:
    """The second line: a statement that reached a table itself would see rows of its tenant only."""
    allowed = confinement.check("SELECT 1 AS value", VIEWS, {})
    smuggled = dataclasses.replace(
        allowed, text=StatementText(f"SELECT count() AS value FROM trueline.{table}", frozenset(), frozenset())
    )
    answer = confinement.run(smuggled, tenant=tenant, at_us=AT)
    assert answer.value == {"events": events, "facts": facts}.get(table, 0)


@pytest.mark.parametrize(
    "source", ["file('/etc/passwd', 'LineAsString')", "url('http://127.0.0.1:1/', 'CSV', 'a String')"]
)
def test_what_a_check_would_let_pass_is_still_read_only(
    confinement: Confinement, warehouse: Warehouse, source: str
) -> None:
    """The third line: readonly = 1, after which the client is as it was."""
    allowed = confinement.check("SELECT 1 AS value", VIEWS, {})
    smuggled = StatementText(f"SELECT count() AS value FROM {source}", frozenset(), frozenset())
    with pytest.raises(StatementRefusedError, match="readonly mode"):
        confinement.run(dataclasses.replace(allowed, text=smuggled), tenant=OWN, at_us=AT)
    assert warehouse.query("SELECT getSetting('readonly')") == [(0,)]


def test_no_file_was_written(confinement: Confinement, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """INTO OUTFILE works under readonly = 1, so it must not come so far."""
    monkeypatch.chdir(tmp_path)
    for path in ("out.csv", str(tmp_path / "out.csv")):
        with pytest.raises(StatementRefusedError):
            run(confinement, f"SELECT 1 AS value INTO OUTFILE '{path}'")
    assert os.listdir(tmp_path) == []


def test_other_tenants_are_not_seen(confinement: Confinement) -> None:
    """Whatever their name is made of."""
    assert run(confinement, "SELECT count() AS value FROM events", tenant=QUOTES).value == 1
    assert run(confinement, "SELECT count() AS value FROM events", tenant="confined-nobody").value == 0


def test_roles_that_nobody_plays(confinement: Confinement) -> None:
    """They are told before the statement runs, and it does not run."""
    checked = confinement.check("SELECT count() AS value FROM spend JOIN invite USING (user_id)", VIEWS, {})
    assert checked.unplayed == ("invite", "spend")
    with pytest.raises(StatementRefusedError, match="no event plays the role 'invite'"):
        confinement.run(checked, tenant=OWN, at_us=AT)


def test_what_was_known_then(confinement: Confinement) -> None:
    """An event that was accepted later is not seen; points cannot tell what was known."""
    count = confinement.check("SELECT count() AS value FROM payment", VIEWS, {})
    assert confinement.run(count, tenant=OWN, at_us=AT, known_at_us=us("2024-01-31")).value == 3
    assert confinement.run(count, tenant=OWN, at_us=AT, known_at_us=us("2024-02-01")).value == 4
    facts = confinement.check("SELECT count() AS value FROM facts", VIEWS, {})
    assert confinement.run(facts, tenant=OWN, at_us=AT, known_at_us=us("2024-02-01")).value == 0
    points = confinement.check("SELECT count() AS value FROM points", VIEWS, {})
    with pytest.raises(StatementRefusedError, match="kept as corrected since"):
        confinement.run(points, tenant=OWN, at_us=AT, known_at_us=AT)


def test_what_a_statement_may_answer(confinement: Confinement) -> None:
    """Numerator, denominator, a period of instants or days, and why there is no value."""
    answer = run(
        confinement,
        "SELECT NULL AS value, 1 AS numerator, toDecimal64(2.5, 1) AS denominator, "
        "toDate('2024-01-01') AS period_start, toDateTime64('2024-02-01', 6) AS period_end, 'nobody came' AS missing",
    )
    assert answer == Answer(None, 1.0, 2.5, us("2024-01-01"), us("2024-02-01"), "nobody came")
    assert run(confinement, "SELECT 1 AS value FROM events WHERE 0").missing == "the statement answered no row"
