"""The reading of a statement's text, before ClickHouse sees it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_stores.errors import StatementRefusedError
from trueline_stores.warehouse.statement_text import read_statement
from trueline_stores.warehouse.syntax_tree import read_tree
from trueline_stores.warehouse.views import RoleView, Views


def test_comments_are_left_out_and_texts_are_not() -> None:
    """What looks like a comment within a text stays."""
    text = read_statement("SELECT 1 -- one; two\n, '-- ; /* no */' /* three\nlines */ AS value", {})
    assert text.sql == "SELECT 1  \n, '-- ; /* no */'   AS value"


def test_instants_are_read_as_utc() -> None:
    """Whatever the time zone of the machine."""
    text = read_statement(
        "SELECT {at:DateTime64(6)}, {at: DateTime}, {day:Date}, {zoned:DateTime64(3, 'UTC')}", {"day": 1, "zoned": 1}
    )
    assert (
        text.sql == "SELECT {at:DateTime64(6, 'UTC')}, {at:DateTime('UTC')}, {day:Date}, {zoned:DateTime64(3, 'UTC')}"
    )
    assert text.parameters == {"at", "day", "zoned"}


def test_own_names_are_those_of_common_table_expressions() -> None:
    """Not those of windows, nor of columns; quoted names count without their quotes."""
    sql = (
        "WITH a AS (SELECT 1), `b` AS (WITH c AS (SELECT 1) SELECT 2), 3 AS d "
        "SELECT e AS f, sum(x) OVER w FROM a WINDOW w AS (PARTITION BY y)"
    )
    assert read_statement(sql, {}).own_names == {"a", "b", "c"}


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        pytest.param("SELECT 1;", "leave the semicolon out", id="semicolon"),
        pytest.param("SELECT\n1; DROP TABLE x", "line 2", id="second statement, with its line"),
        pytest.param("SELECT $tag$ x $tag$", "single quotes", id="heredoc"),
        pytest.param('SELECT 1 FROM "trueline.events"', "letters, digits and _", id="dot in a quoted name"),
        pytest.param("SELECT 1 FROM `a\nb`", "letters, digits and _", id="line break in a quoted name"),
        pytest.param("SELECT `a\\`b`", "letters, digits and _", id="escape in a quoted name"),
        pytest.param("SELECT ‘x’", "plain ASCII", id="typographic quotes"),  # noqa: RUF001
        pytest.param("SELECT 1 FROM\u00a0x", "plain ASCII", id="no-break space"),
        pytest.param("SELECT @@version", "plain ASCII", id="server variable"),
        pytest.param("SELECT 1 # x", "comments start with --", id="hash comment"),
        pytest.param("SELECT 1 /* /* */ */", "another one within", id="nested comment"),
        pytest.param("SELECT 1 /* x", "does not end", id="open comment"),
        pytest.param("SELECT 'x", "does not end", id="open text"),
        pytest.param("SELECT 'x\\'", "does not end", id="escaped quote at the end"),
        pytest.param("SELECT {'a': 1}", "map(key, value)", id="map literal"),
        pytest.param("SELECT {x:UInt8}", "'x' is not declared; declared are: at, n", id="undeclared parameter"),
        pytest.param("SELECT {trueline_tenant:String}", "is not declared", id="the server's own parameter"),
        pytest.param("SELECT 1 FROM {n:Identifier}", "has type Identifier", id="name as a parameter"),
        pytest.param("SELECT {n:}", "has type nothing", id="parameter without type"),
        pytest.param("SELECT {at:DateTime('Asia/Tokyo')}", "has type DateTime", id="instant of another zone"),
        pytest.param("SELECT " + "1," * 9000 + "1", "are allowed", id="too long"),
    ],
)
def test_refused(statement: str, said: str) -> None:
    """Each refusal names what is refused and the way out."""
    with pytest.raises(StatementRefusedError) as refused:
        read_statement(statement, {"n": 1})
    assert said in refused.value.message
    assert refused.value.reason == "STATEMENT_REFUSED"


@given(st.text(alphabet="'\"`;-/*{}$\\ \nax:", max_size=30))
def test_what_is_read_holds_no_way_out(statement: str) -> None:
    """Outside of texts there is neither a semicolon nor a comment nor an odd quote, however the pieces are put."""
    try:
        sql = read_statement(statement, {"a": 1, "x": 1}).sql
    except StatementRefusedError:
        return
    outside, within, position = "", False, 0
    while position < len(sql):
        char = sql[position]
        if within and char == "\\":
            position += 2
            continue
        if char == "'":
            within = not within
        elif not within:
            outside += char
        position += 1
    assert not within
    assert not set(";$\\") & set(outside)
    assert "--" not in outside
    assert "/*" not in outside


def test_tree_of_an_explained_query() -> None:
    """Kinds, names and nesting; aliases and counts are cut off."""
    tree = read_tree(
        [
            "SelectWithUnionQuery (children 2)",
            " ExpressionList (children 1)",
            "  Function sumIf (alias value) (children 1)",
            "   Literal 'a (alias b)'",
            "   Identifier e.value",
            " Identifier Native",
        ]
    )
    function = tree.children[0].children[0]
    assert (function.kind, function.name) == ("Function", "sumIf")
    assert [(child.kind, child.name) for child in function.children] == [
        ("Literal", "'a (alias b)'"),
        ("Identifier", "e.value"),
    ]
    assert len(tree.children) == 1


@pytest.mark.parametrize("lines", [[], ["A", "   B"], ["A", "B"]], ids=["nothing", "a level too deep", "two roots"])
def test_lines_that_are_no_tree(lines: list[str]) -> None:
    """They are an error and not a guess."""
    with pytest.raises(ValueError, match="EXPLAIN AST"):
        read_tree(lines)


@pytest.mark.parametrize("name", ["events", "points", "kpi_values", "Signup", "sign-up", "refund_if_any", ""])
def test_roles_with_unfit_names(name: str) -> None:
    """A role cannot take the name of a view or a table, nor one that SQL would have to quote."""
    with pytest.raises(ValueError, match="a role cannot be called"):
        Views({name: RoleView(("x",))})


def test_views_define_only_what_is_read() -> None:
    """Event names are bound as parameters, never written into the statement."""
    views = Views({"signup": RoleView(("it's",)), "payment": RoleView(("paid",))})
    sql, parameters = views.with_clause(frozenset({"signup", "refund_if_any"}), as_known=False)
    assert sql == (
        "WITH\n"
        "events AS (SELECT id, source, name, occurred_at, accepted_at, nullIf(user_id, '') AS user_id, "
        "nullIf(account_id, '') AS account_id, nullIf(anonymous_id, '') AS anonymous_id, "
        "nullIf(device_id, '') AS device_id, value, currency, properties, numbers, flags FROM trueline.events "
        "WHERE tenant = {trueline_tenant:String} AND occurred_at <= {trueline_at:DateTime64(6, 'UTC')}),\n"
        "refund_if_any AS (SELECT * FROM events WHERE false),\n"
        "signup AS (SELECT * FROM events WHERE name IN {trueline_role_signup:Array(String)})"
    )
    assert parameters == {"trueline_role_signup": ["it's"]}


def test_what_was_known_bounds_acceptance() -> None:
    """Every view of events is bound to it, also the n-th ones."""
    views = Views({"signup": RoleView(("*",), 1), "second": RoleView(("order",), 2)})
    sql, _ = views.with_clause(frozenset({"signup", "second"}), as_known=True)
    assert sql.count("accepted_at <= {trueline_known_at:DateTime64(6, 'UTC')}") == 3
    assert sql.count("tenant = {trueline_tenant:String}") == 3


def test_activity_is_any_event_unless_the_mapping_says_otherwise() -> None:
    """A role without events is one that nobody plays."""
    assert Views({}).role("activity") == RoleView(("*",))
    assert Views({"activity": RoleView(("login",))}).role("activity") == RoleView(("login",))
    assert Views({"activity": RoleView(())}).role("activity") is None
    assert not Views({}).is_known("signup")
