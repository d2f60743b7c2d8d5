"""Evaluating the KPIs of a rule set: values, reasons for missing ones, and failures that stay where they are."""

from __future__ import annotations

import pytest
from trueline_rules.loader import load_rules
from trueline_server.clock import ManualClock
from trueline_server.kpis.evaluate import Evaluator, KpiResult
from trueline_server.kpis.instants import FINISHED_US, Instant
from trueline_stores.errors import StoreClosedError
from trueline_stores.warehouse.client import Warehouse
from trueline_stores.warehouse.confined import Confinement

from tests.integration.kpis.tenants import Happened, insert_happened, kpi, rule_set, us

TENANT = "evaluated"
INSTANT = Instant(us("2024-03-01"), None, FINISHED_US, 2)


@pytest.fixture(scope="module")
def evaluator(warehouse: Warehouse) -> Evaluator:
    """Over one tenant with two payments."""
    events = [Happened("2024-01-02T08:00", "paid", "ann", "5"), Happened("2024-02-02T08:00", "paid", "ann", "7")]
    insert_happened(warehouse, TENANT, events)
    return Evaluator(Confinement(warehouse), ManualClock(42))


def evaluate(evaluator: Evaluator, statement: str, revision: str) -> KpiResult:
    """The result of one statement."""
    rules = rule_set([kpi("it", statement)], {"it": 1}, revision)
    return evaluator.evaluate(rules, rules.kpis["it"], TENANT, INSTANT)


def test_a_value_with_what_stands_behind_it(evaluator: Evaluator) -> None:
    """Value, numerator, denominator, period, instant, time and revision of the rules."""
    result = evaluate(
        evaluator,
        "SELECT toFloat64(sum(value)) / 2 AS value, sum(value) AS numerator, 2 AS denominator, "
        "toDate('2024-03-01') AS period_end FROM payment",
        "whole",
    )
    assert result == KpiResult("it", 6.0, "", 12.0, 2.0, None, us("2024-03-01"), INSTANT, 42, "whole")
    assert not result.partial


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        pytest.param("SELECT NULL AS value", "the statement answered no value", id="null"),
        pytest.param("SELECT 0/0 AS value", "not a number", id="NaN"),
        pytest.param("SELECT 1/0 AS value", "infinite", id="infinite"),
        pytest.param("SELECT 0/0 AS value, 0 AS denominator", "its denominator is 0", id="NaN over nothing"),
        pytest.param("SELECT NULL AS value, 0 AS denominator", "its denominator is 0", id="null over nothing"),
        pytest.param("SELECT 5 AS value, 'it is odd' AS missing", "it is odd", id="a reason wins over a value"),
        pytest.param("SELECT count() AS value FROM invitation", "no event plays the role 'invitation'", id="role"),
        pytest.param("SELECT 1 AS value FROM file('x')", "the table function file is refused", id="refused"),
        pytest.param("SELECT throwIf(1, 'no') AS value", "no", id="fails"),
        pytest.param("SELECT 1 AS value, 2 AS other", "answers 'other'", id="odd column"),
    ],
)
def test_no_value_and_why(evaluator: Evaluator, statement: str, said: str) -> None:
    """Whatever goes wrong is a sentence in `missing`; numerator and denominator are finite or absent."""
    result = evaluate(evaluator, statement, statement)
    assert result.value is None
    assert said in result.missing


def test_one_that_fails_leaves_the_others(evaluator: Evaluator) -> None:
    """In the order of the rules, and only those asked for."""
    statements = {"good": "SELECT 1 AS value", "bad": "SELECT * FROM url('x')", "fine": "SELECT 2 AS value"}
    rules = rule_set([kpi(name, text) for name, text in statements.items()], dict.fromkeys(statements, 1), "mixed")
    results = evaluator.evaluate_all(rules, TENANT, INSTANT)
    assert {name: result.value for name, result in results.items()} == {"good": 1, "bad": None, "fine": 2}
    assert list(evaluator.evaluate_all(rules, TENANT, INSTANT, ["fine"])) == ["fine"]
    assert evaluator.problems(rules).keys() == {"bad"}


def test_a_caller_who_has_left_stops_the_work(evaluator: Evaluator) -> None:
    """Before each KPI it is asked."""
    rules = rule_set([kpi(name, "SELECT 1 AS value") for name in "abc"], dict.fromkeys("abc", 1), "stopped")
    asked: list[int] = []
    results = evaluator.evaluate_all(rules, TENANT, INSTANT, stopped=lambda: bool(asked.append(1)) or len(asked) > 2)
    assert list(results) == ["a", "b"]


def test_new_rules_are_checked_anew(evaluator: Evaluator) -> None:
    """The same name with another statement answers by that one."""
    assert evaluate(evaluator, "SELECT 1 AS value", "before").value == 1
    assert evaluate(evaluator, "SELECT 2 AS value", "after").value == 2


def test_a_partial_period_has_a_number_and_the_label(evaluator: Evaluator) -> None:
    """Its end lies after the instant judged."""
    result = evaluate(evaluator, "SELECT 1 AS value, toDate('2024-03-02') AS period_end", "partial")
    assert (result.value, result.partial) == (1, True)


def test_a_closed_warehouse_is_no_missing_value() -> None:
    """It is an error, or the values of all tenants would be replaced by reasons while a server stops."""

    class Closed:
        """A reader of a warehouse that is closed."""

        def query_named(self, *_: object, **__: object) -> list[dict[str, object]]:
            """Refuse."""
            raise StoreClosedError("the warehouse is closed")

    rules = rule_set([kpi("it", "SELECT 1 AS value")], {"it": 1})
    with pytest.raises(StoreClosedError):
        Evaluator(Confinement(Closed()), ManualClock()).evaluate(rules, rules.kpis["it"], TENANT, INSTANT)


def test_the_default_pack_is_not_refused(evaluator: Evaluator) -> None:
    """Every statement that comes with Trueline passes the check."""
    rules = load_rules([])
    assert evaluator.problems(rules) == {}
    assert len(rules.kpis) == 13
