"""Tables as files have them: labels, ids, numbers, dates and what no model should learn from."""

from __future__ import annotations

import numpy as np
import pytest
from trueline_server.churn.columns import Numbers, Texts, numbers, texts
from trueline_server.churn.effects import NumberBins
from trueline_server.churn.fitted import read_model, write_model
from trueline_server.churn.fitting.training import train
from trueline_server.churn.model import Trained
from trueline_server.churn.reading import TableError, read_column, read_labels, read_like
from trueline_server.churn.screening import screen
from trueline_server.churn.tables import Labelled, read_alike, read_labelled, read_rows, require_features


def test_a_table_needs_a_column_of_some_feature() -> None:
    """One is enough; without any, what is wanted, what is there and what may be meant is told."""
    require_features({"tenure": ["1"], "other": ["2"]}, ("tenure", "plan"))
    with pytest.raises(TableError) as caught:
        require_features({"Tenure": ["1"], "x": ["2"]}, ("tenure", "plan"))
    assert str(caught.value) == (
        "table has no column of any feature: wanted are tenure, plan; there are Tenure, x; rename 'Tenure' to 'tenure'"
    )
    with pytest.raises(TableError, match=r"wanted are tenure; there are x$"):
        require_features({"x": ["2"]}, ("tenure",))


def test_days_are_shown_as_dates() -> None:
    """Also the borders of bins: of whole days the next one, of instants with the time of day."""
    days, _ = read_column(["2024-02-03", "2024-02-04"])
    times, _ = read_column(["2024-02-03T06:30", "2024-02-04"])
    assert [days.shown(0), times.shown(0), times.shown(1)] == ["2024-02-03", "2024-02-03 06:30", "2024-02-04"]
    assert isinstance(days, Numbers)
    assert isinstance(times, Numbers)
    edges = NumberBins((float(days.values.mean()),))
    assert edges.labels(days.way) == ("below 2024-02-04", "2024-02-04 and more", "missing")
    assert edges.labels(times.way) == ("below 2024-02-03 12:00", "2024-02-03 12:00 and more", "missing")
    assert NumberBins((1e9,)).labels(days.way)[0] == "below 1e+09"


@pytest.mark.parametrize(
    ("values", "left"),
    [
        (["Yes", "No"], "Yes"),
        (["1", "0"], "1"),
        (["true", "false"], "true"),
        (["Churned", "Stayed"], "Churned"),
        (["Attrited Customer", "Existing Customer"], "Attrited Customer"),
        (["1.0", "0.0"], "1.0"),
        (["True.", "False."], "True."),
    ],
)
def test_labels_say_who_left_in_many_ways(values: list[str], left: str) -> None:
    """Nobody has to say which value means it; blanks are no label."""
    labels, known, notes = read_labels("Churn", [*values, " "])
    assert list(labels) == [value == left for value in [*values, " "]]
    assert list(known) == [True, True, False]
    assert notes == ["1 rows without a label were left out"]


def test_labels_that_say_nothing_must_be_explained() -> None:
    """Which value means that they left can be said, in any case of letters."""
    with pytest.raises(TableError, match="churned is needed: column Status has a, b"):
        read_labels("Status", ["a", "b"])
    assert list(read_labels("Status", ["a", "b"], churned="B")[0]) == [False, True]
    with pytest.raises(TableError, match="churned is 'c', but column Status has a, b"):
        read_labels("Status", ["a", "b"], churned="c")
    labels, _, notes = read_labels("Customer Status", ["Churned", "Stayed", "Joined"])
    assert list(labels) == [True, False, False]
    assert notes == ["Joined and Stayed count as stayed"]


def test_columns_are_read_as_what_all_of_their_values_are() -> None:
    """Numbers with blanks among them, money, percent, dates in one of the usual ways; codes stay texts."""
    cases: list[tuple[list[str | None], list[float]]] = [
        (["29.85", " ", "1889.5"], [29.85, np.nan, 1889.5]),
        (["$1,234.50", "$7"], [1234.5, 7]),
        (["12%", "7 %", "8 €"], [12, 7, 8]),
        (["12,5", "1.234", "-1.234.567,25 €"], [12.5, 1234, -1234567.25]),
        (["1 234,5", "7"], [1234.5, 7]),
        (["1,234", "2,500"], [1234, 2500]),
        (["1970-01-03", "1970-01-01T12:00:00", None], [2, 0.5, np.nan]),
        (["31/12/1970", "01/01/1970"], [364, 0]),
        (["n/a", "3"], [np.nan, 3]),
    ]
    for values, expected in cases:
        column, _ = read_column(values)
        assert isinstance(column, Numbers)
        np.testing.assert_array_equal(column.values, expected)
    for words in (["007", "12"], ["a", "1"], ["Yes", "No"], ["2024-13-01", "2024-01-01"]):
        column, _ = read_column(words)
        assert isinstance(column, Texts)


def _table(**more: list[str | None]) -> Labelled:
    rows = 200
    columns: dict[str, list[str | None]] = {
        "customerID": [f"c-{row}" for row in range(rows)],
        "tenure": [str(row % 50) for row in range(rows)],
        "Churn": ["Yes" if row % 3 == 0 else "No" for row in range(rows)],
    }
    return read_labelled(columns | more)


def test_a_table_finds_its_label_and_ids_by_their_names() -> None:
    """They are no features; without a label's name one is asked for."""
    found = _table()
    assert (found.label, found.id, list(found.accounts.columns)) == ("Churn", "customerID", ["tenure"])
    assert found.accounts.ids[:2] == ("c-0", "c-1")
    with pytest.raises(TableError, match="label is not given, and no column has the name of one"):
        read_labelled({"a": ["1"], "b": ["2"]})
    with pytest.raises(TableError, match="label could be Churn, Exited; say which"):
        read_labelled({"Churn": ["1"], "Exited": ["2"]})
    with pytest.raises(TableError, match="id is 'no', which is no column; there are a, Churn"):
        read_labelled({"a": ["1"], "Churn": ["1"]}, id="no")
    with pytest.raises(TableError, match="keep is 'no', which is no column; there are a, Churn"):
        read_labelled({"a": ["1"], "Churn": ["1"]}, keep=["a", "no"])


def test_what_no_model_should_learn_from_is_left_out_with_its_reason() -> None:
    """Ids, counters of rows, constants, empty columns, texts that hardly repeat, and what tells the answer."""
    rows = 200
    found = _table(
        RowNumber=[str(row) for row in range(rows)],
        Phone=[str(5_550_000 + 7 * row) for row in range(rows)],
        Country=["DE"] * rows,
        Fax=[None] * rows,
        Surname=[f"name {row % 150}" for row in range(rows)],
        **{"Churn Reason": ["price" if row % 3 == 0 else None for row in range(rows)]},
    )
    screened = screen(found.accounts, found.labels)
    assert list(screened.accounts.columns) == ["tenure"]
    told = {note.feature: note.text for note in screened.notes}
    assert told["RowNumber"] == "left out: it counts the rows"
    assert told["Phone"] == "left out: it has the name of an id, and hardly any value comes twice"
    assert told["Country"] == "left out: it is always DE"
    assert told["Fax"] == "left out: it has no value"
    assert "different texts, most of them rare" in told["Surname"]
    assert "alone tells who left (AUC 1.000)" in told["Churn Reason"]
    assert {note.kind for note in screened.notes if note.feature == "Churn Reason"} == {"leak"}
    kept = screen(found.accounts, found.labels, keep={"Churn Reason"})
    assert set(kept.accounts.columns) == {"tenure", "Churn Reason"}
    assert any("kept, as asked" in note.text for note in kept.notes)


def test_amounts_that_hardly_repeat_are_no_ids() -> None:
    """Only whole numbers with the name of an id are taken for one."""
    drawn = np.random.default_rng(0)
    accounts = _table().accounts
    columns = {"balance": numbers(list(drawn.random(200) * 1e5)), "visits": numbers(list(range(0, 600, 3)))}
    found = screen(type(accounts)(accounts.ids, columns), drawn.random(200) < 0.5)
    assert set(found.accounts.columns) == {"balance", "visits"}


def test_texts_are_coded_by_their_sorted_levels() -> None:
    """Missing ones have no level."""
    column = texts(["b", None, "a", "b"])
    assert (column.levels, list(column.codes)) == (("a", "b"), [1, -1, 0, 1])
    assert [column.shown(row) for row in range(4)] == ["b", "", "a", "b"]


@pytest.mark.parametrize(
    ("learned", "asked", "means"),
    [
        (["12/25/2024", "01/31/2024"], "12/11/2024", 20068.0),
        (["25/12/2024", "11/12/2024"], "12/11/2024", 20039.0),
        (["25/12/2024", "11/12/2024"], "2024-11-12", 20039.0),
        (["12,5", "1.234,5"], "1.234", 1234.0),
        (["12,5", "1.234,5"], "12.5", 12.5),
        (["1,234.5", "7"], "1,234", 1234.0),
        (["12.5", "7"], "12,5", 12.5),
        (["12.5", "7"], "1.234", 1.234),
        (["25/12/2024", "11/12/2024"], "soon", np.nan),
    ],
)
def test_a_few_values_mean_what_they_mean_in_the_whole_column(learned: list[str], asked: str, means: float) -> None:
    """Month or day, thousands or a decimal comma: one value alone does not tell, the column of the model does."""
    column, _ = read_column(learned)
    assert isinstance(column, Numbers)
    found = read_like([asked], number=True, way=column.way)
    assert isinstance(found, Numbers)
    np.testing.assert_array_equal(found.values, [means])


def test_a_model_reads_rows_as_it_learned_them() -> None:
    """A kept model knows how its columns were written; so does the table that it is judged by."""
    days = [f"{row % 12 + 1:02}/{row % 28 + 1:02}/2024" for row in range(200)]
    found = _table(since=days, fee=[f"{row % 90},5" for row in range(200)])
    trained = train(found.accounts, found.labels, keep={"since", "fee"})
    assert isinstance(trained, Trained)
    model = read_model(write_model(trained.model))
    rows = read_rows({"since": ["02/03/2024"], "fee": ["1.234"]}, model, ["a"])
    # 3 February, as 28 is no month.
    assert [rows.columns[name].shown(0) for name in ("since", "fee")] == ["2024-02-03", "1234"]

    test = {"tenure": ["7"], "since": ["02/03/2024"], "fee": ["1.234"], "Churn": ["Yes"]}
    other = read_alike(test, found)
    assert [other.accounts.columns[name].shown(0) for name in ("since", "fee")] == ["2024-02-03", "1234"]
    assert list(other.labels) == [True]
    with pytest.raises(TableError, match="test has no column 'fee'; there are tenure, since, Churn"):
        read_alike({name: test[name] for name in ("tenure", "since", "Churn")}, found)
