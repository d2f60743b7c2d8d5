"""CSV and Parquet, and what a mapping makes of columns."""

from __future__ import annotations

import gzip
import json
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trueline.results import EventMapping, FieldSource
from trueline_cli.files.csv_rows import CsvRows
from trueline_cli.files.opened import OpenedFile

from tests.unit.cli.reading import read

SHOP = EventMapping(
    name="shop",
    fields={
        "id": FieldSource(constant="{file}-{line}"),
        "source": FieldSource(constant="shop"),
        "name": FieldSource(column="what", required=True),
        "occurred_at": FieldSource(column="when", required=True, format="epoch_s"),
        "user_id": FieldSource(column="who", required=True),
        "value": FieldSource(column="paid", absent=("n/a",)),
    },
    properties={
        "country": FieldSource(column="country", absent=("",)),
        "lines": FieldSource(column="lines", type="number"),
        "gift": FieldSource(column="gift", type="bool"),
        "code": FieldSource(column="code", type="string"),
    },
)


def text(folder: Path, content: str, name: str = "orders.csv") -> Path:
    """A file with this content."""
    path = folder / name
    path.write_bytes(gzip.compress(content.encode()) if name.endswith(".gz") else content.encode())
    return path


@pytest.mark.parametrize("name", ["orders.csv", "orders.csv.gz"])
def test_columns_become_fields(tmp_path: Path, name: str) -> None:
    """Constants with line and file, numbers and truth values parsed from text, markers of absence."""
    path = text(
        tmp_path,
        "when,what,who,paid,country,lines,gift,code\n"
        '1714979289.123456,sale,17850,12.5,"Österreich, Wien",3,true,007\n'
        "1714979290,sale,17851,n/a,,,,\n",
        name,
    )
    events, bad, lines, failure = read(path, SHOP)
    assert (bad, failure, lines) == ([], "", [2, 3])
    assert [event["id"] for event in events] == [f"{name}-2", f"{name}-3"]
    assert events[0]["occurred_at_us"] == 1714979289123456
    assert (events[0]["user_id"], events[0]["value"], events[0]["source"]) == ("17850", 12.5, "shop")
    assert events[0]["properties"] == {"country": "Österreich, Wien", "lines": 3.0, "gift": True, "code": "007"}
    assert (events[1]["value"], events[1]["properties"]) == (None, {"code": ""})


@pytest.mark.parametrize(
    ("row", "told"),
    [
        ("1,sale,,1,,,,", "user_id: is required and empty"),
        ("1,sale,u,12x,,,,", "value: '12x' is not a number"),
        ("1,sale,u,nan,,,,", "value: 'nan' is not a number"),
        ("1,sale,u,1_000,,,,", "value: '1_000' is not a number"),
        ("1,sale,u,1e999,,,,", "value: Infinity is not a finite number"),
        ("1,sale,u,1,,four,,", "properties[lines]: 'four' is not a number"),
        ("1,sale,u,1,,,perhaps,", "properties[gift]: 'perhaps' is not true or false"),
        ("soon,sale,u,1,,,,", "occurred_at: 'soon' is not a number of epoch_s"),
        ("1e40,sale,u,1,,,,", "occurred_at: '1e40' is beyond all times"),
        ("1,sale,u", "has 3 columns, the header has 8"),
        ('1,"sa"le,u,1,,,,', "is not CSV: ',' expected after '\"'"),
    ],
)
def test_a_bad_row_is_told_with_its_line(tmp_path: Path, row: str, told: str) -> None:
    """A record may span lines; its line is its first one. The others go in."""
    good = '1,"sa\nle",u,1,,,,'
    path = text(tmp_path, f"when,what,who,paid,country,lines,gift,code\n{good}\n{row}\n{good}\n")
    events, bad, lines, _ = read(path, SHOP)
    assert [str(item) for item in bad] == [f"orders.csv:4: {told}"]
    assert lines == [2, 5]
    assert {event["name"] for event in events} == {"sa\nle"}


def test_a_column_that_is_missing_is_told_once(tmp_path: Path) -> None:
    """A header without what the mapping needs is a fault of the file, not of each line."""
    path = text(tmp_path, "when,what\n1,sale\n2,sale\n")
    told = "has no column 'who', which user_id is read from; its columns are 'when', 'what': "
    assert read(path, SHOP) == ([], [], [], told + "name one of them in the mapping")
    told = "has no column 'id', which id is read from; its columns are 'when', 'what': "
    assert read(path) == ([], [], [], told + "give a --mapping that names them")


@pytest.mark.parametrize(
    ("mark", "name"), [(";", "a.csv"), ("\t", "a.csv"), ("|", "a.csv"), ("\t", "a.tsv"), ("\t", "A.TSV.gz")]
)
def test_cells_may_be_separated_otherwise(tmp_path: Path, mark: str, name: str) -> None:
    """What splits the header into the most columns separates the cells; in .tsv it is the tab, whatever there is."""
    rows = [["when", "what", "who", "paid", "country, or state"], ["1", "sale, or order", "u", "2.5", ""]]
    path = text(tmp_path, "".join(mark.join(row) + "\n" for row in rows), name)
    path = path.rename(path.with_name(name))
    events, bad, _, failure = read(path, SHOP)
    assert (bad, failure) == ([], "")
    assert [(event["name"], event["value"]) for event in events] == [("sale, or order", 2.5)]


def test_a_separator_that_is_not_known_shows_in_the_header(tmp_path: Path) -> None:
    """The header is one column then, and the message shows it."""
    failure = read(text(tmp_path, "when:what:who\n1:sale:u\n"), SHOP)[3]
    assert "its columns are 'when:what:who': " in failure


def test_csv_without_a_mapping(tmp_path: Path) -> None:
    """Headers are fields of an event or properties.KEY; empty cells are absent; anything else is a mistake."""
    head = "id,source,name,occurred_at,user_id,value,properties.plan"
    path = text(tmp_path, f"{head}\n1,shop,sale,2024-05-06T07:08:09Z,,,pro\n2,shop,sale,2024-05-06T07:08:09Z,u,-1.5,\n")
    events, bad, _, _ = read(path)
    assert bad == []
    assert [(event["user_id"], event["value"], event["properties"]) for event in events] == [
        (None, None, {"plan": "pro"}),
        ("u", -1.5, {}),
    ]
    path = text(tmp_path, f"{head},plan\n1,shop,sale,2024-05-06T07:08:09Z,,,pro,x\n")
    assert [str(item) for item in read(path)[1]] == [
        "orders.csv:2: plan: is no field of an event; give a --mapping, or leave it out"
    ]


HEAD = "when,what,who,paid,country,lines,gift,code\n"


def row(number: int, what: str = "sale") -> str:
    """A good row, told apart by its time."""
    return f"{number},{what},u,1,,,,\n"


@pytest.mark.parametrize("stray", ['1,"sale,u,1,,,,\n', '"1,sale,u,1,,,,\n', '1,sale,u,1,,,,"\n'])
def test_a_stray_quote_takes_only_its_line(tmp_path: Path, stray: str) -> None:
    """Nothing closes it up to the end of the file: all other rows go in, whatever stands between."""
    rows = [row(number) for number in range(2, 3002)]
    rows[10], rows[20] = stray, '22,"a\nb",u,1,,,,\n'
    events, bad, _, failure = read(text(tmp_path, HEAD + "".join(rows)), SHOP)
    assert failure == ""
    assert [item.line for item in bad] == [12]
    assert bad[0].reason == "CORRUPT_LINE"
    assert bad[0].message.startswith("is not CSV: ")
    assert [event["occurred_at_us"] // 1_000_000 for event in events] == [n for n in range(2, 3002) if n != 12]
    assert sum(event["name"] == "a\nb" for event in events) == 1


@pytest.mark.parametrize(
    "second",
    ['"9,sale,u,1,,,,\n', '9,"sale,u,1,,,,\n', '9,sale,u,1,,,,"\n', '9,sale,u,1,,"","","\n', '9,sale",u,1,,\n'],
)
def test_good_rows_between_two_stray_quotes_go_in(tmp_path: Path, second: str) -> None:
    """Also where the second one ends what the first one opened, to a row of another width."""
    rows = [row(2), '3,sale,u,1,"x,,,\n', row(4), row(5), second, row(7), row(8)]
    events, bad, lines, failure = read(text(tmp_path, HEAD + "".join(rows)), SHOP)
    assert failure == ""
    assert [item.line for item in bad] == [3, 6]
    assert "a quote that opens here goes on to line 6" in bad[0].message
    assert lines == [2, 4, 5, 7, 8]
    assert [event["id"] for event in events] == [f"orders.csv-{line}" for line in lines]


def test_many_stray_quotes_do_not_read_the_file_again_and_again(tmp_path: Path) -> None:
    """A row of many lines is given up at a mebibyte; each line of this file leaves a quote open from either side."""
    filler = "x" * 200_000
    rows = [f'{number}","{filler}\n' for number in range(60)]
    opened = OpenedFile(str(text(tmp_path, HEAD + "".join(rows) + row(9))))
    reread = 0

    class Counting(CsvRows):
        def _lines(self):
            nonlocal reread
            for line in super()._lines():
                reread += 1
                yield line

    found = list(Counting(opened))
    opened.close()
    assert [bool(problem) for _, _, problem in found] == [True] * 60 + [False]
    assert "a quoted cell does not end within 1 MiB" in found[0][2]
    assert reread < 60 * 8


LINES = st.sampled_from(
    ["1,a,b\n", '1,"a\nb",c\n', '"1,a,b\n', '1,"a,b\n', '1,a,b"\n', '1,"a ""b"",c\n', "1,a\n", "\n", '"\n']
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(LINES, max_size=12))
def test_no_line_is_lost_untold(tmp_path: Path, pieces: list[str]) -> None:
    """Whatever the quotes: every line that is not empty is within a row that has come, or told as refused; in order."""
    path = text(tmp_path, "x,y,z\n" + "".join(pieces))
    opened = OpenedFile(str(path))
    found = list(CsvRows(opened))
    opened.close()
    lines = path.read_text().splitlines()
    covered = []
    for number, cells, problem in found:
        spans = 1 if problem else 1 + sum(cell.count("\n") for cell in cells)
        covered += range(number, number + spans)
        assert problem or len(cells) == 3
    assert covered == sorted(set(covered))
    assert set(range(2, len(lines) + 1)) - set(covered) <= {n for n, line in enumerate(lines, 1) if not line}


def test_a_row_that_is_not_utf8_is_told(tmp_path: Path) -> None:
    """The rows around it go in."""
    path = tmp_path / "orders.csv"
    path.write_bytes(b"when,what,who,paid,country,lines,gift,code\n1,sale,u,,,,,\n1,caf\xe9,u,,,,,\n2,sale,u,,,,,\n")
    events, bad, lines, _ = read(path, SHOP)
    assert [str(item) for item in bad] == ["orders.csv:3: is not UTF-8"]
    assert (len(events), lines) == (2, [2, 4])


@pytest.mark.parametrize(
    ("content", "failure"),
    [("", "has no header"), ("id,id\n1,2\n", "has two columns 'id'")],
    ids=["empty", "double"],
)
def test_a_header_that_cannot_be_used(tmp_path: Path, content: str, failure: str) -> None:
    """Nothing can be read without one."""
    assert read(text(tmp_path, content))[3] == failure


def test_nested_members_and_an_object_of_properties(tmp_path: Path) -> None:
    """Dots reach into JSON objects; a member with the dot in its name comes first; named properties win."""
    mapping = EventMapping(
        name="m",
        fields={
            "id": FieldSource(column="meta.id", required=True),
            "source": FieldSource(constant="app"),
            "name": FieldSource(column="type", required=True),
            "occurred_at": FieldSource(column="ts", required=True, format="epoch_ms"),
            "user_id": FieldSource(column="user.id", absent=("", "null")),
        },
        properties={"plan": FieldSource(column="user.plan")},
        properties_object="context",
    )
    records: list[dict[str, Any]] = [
        {
            "meta": {"id": "1"},
            "type": "t",
            "ts": 1714979289123,
            "user": {"id": 17, "plan": "pro"},
            "context": {"plan": "x", "n": 2},
        },
        {"meta.id": "2", "meta": {"id": "no"}, "type": "t", "ts": "5", "user": {"id": None}},
        {"meta": "flat", "type": "t", "ts": 5},
    ]
    path = text(tmp_path, "".join(json.dumps(record) + "\n" for record in records), "log.jsonl")
    events, bad, _, _ = read(path, mapping)
    assert [(event["id"], event["user_id"], event["properties"]) for event in events] == [
        ("1", "17", {"plan": "pro", "n": 2.0}),
        ("2", None, {}),
    ]
    assert events[0]["occurred_at_us"] == 1714979289123000
    assert [str(item) for item in bad] == ["log.jsonl:3: id: is required and not there"]


@pytest.mark.parametrize(
    ("written", "cell", "microseconds"),
    [
        ("%Y-%m-%d %H:%M", "2024-05-06 07:08", 1714979280000000),
        ("%d/%m/%Y %H:%M %z", "06/05/2024 09:08 +0200", 1714979280000000),
        ("epoch_us", "1714979289123456", 1714979289123456),
        ("epoch_s", "1714979289.123456", 1714979289123456),
    ],
)
def test_formats_of_time(tmp_path: Path, written: str, cell: str, microseconds: int) -> None:
    """A strptime pattern without an offset means UTC; numbers of an epoch keep their digits."""
    mapping = EventMapping(
        name="m",
        fields={
            "id": FieldSource(constant="{line}"),
            "source": FieldSource(constant="s"),
            "name": FieldSource(constant="n"),
            "occurred_at": FieldSource(column="t", required=True, format=written),
        },
    )
    events, bad, _, _ = read(text(tmp_path, f"t\n{cell}\nnever\n"), mapping)
    assert [event["occurred_at_us"] for event in events] == [microseconds]
    assert [item.line for item in bad] == [3]


@pytest.mark.parametrize("name", ["orders.parquet", "orders.parquet.gz"])
def test_parquet(tmp_path: Path, name: str) -> None:
    """Times, decimals, dictionaries and nulls come out as what they mean; a row is a line."""
    table = pa.table(
        {
            "when": pa.array([datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC)] * 2, pa.timestamp("ns", tz="UTC")),
            "what": pa.array(["sale", "sale"]).dictionary_encode(),
            "who": pa.array([17850, None], pa.int64()),
            "paid": pa.array(["12.50", None]).cast(pa.decimal128(9, 2)),
            "country": ["AT", None],
            "lines": [3, 4],
            "gift": [True, None],
            "code": ["007", "008"],
        }
    )
    plain = tmp_path / "plain.parquet"
    pq.write_table(table, plain)
    path = tmp_path / name
    path.write_bytes(gzip.compress(plain.read_bytes()) if name.endswith(".gz") else plain.read_bytes())
    events, bad, lines, failure = read(path, SHOP)
    assert (failure, lines) == ("", [1])
    assert [str(item) for item in bad] == [f"{name}:2: user_id: is required and not there"]
    assert (events[0]["occurred_at_us"], events[0]["user_id"], events[0]["value"]) == (1714979289123456, "17850", 12.5)
    assert events[0]["properties"] == {"country": "AT", "lines": 3.0, "gift": True, "code": "007"}


def test_parquet_as_other_tools_write_it(tmp_path: Path) -> None:
    """Identities that an absent cell made floats are whole again; times and dates may be properties, as text."""
    at = datetime(2024, 5, 6, 7, 8, 9, 120000, tzinfo=UTC)
    table = pa.table(
        {
            "when": pa.array([at] * 3, pa.timestamp("us", tz="UTC")),
            "what": ["sale"] * 3,
            "who": [17850.0, 17850.5, 1e300],
            "country": pa.array([at, None, None], pa.timestamp("ms")),
            "code": [7.0, 0.5, None],
            "lines": [1.0, 2.0, 3.0],
        }
    )
    mapping = replace(SHOP, properties=SHOP.properties | {"day": FieldSource(column="day", type="string")})
    table = table.append_column("day", pa.array([date(2024, 5, 6), None, None]))
    pq.write_table(table, tmp_path / "a.parquet")
    events, bad, _, _ = read(tmp_path / "a.parquet", mapping)
    assert [event["user_id"] for event in events] == ["17850"]
    assert events[0]["properties"] == {
        "country": "2024-05-06T07:08:09.120000Z",
        "code": "7",
        "lines": 1.0,
        "day": "2024-05-06",
    }
    assert [str(item) for item in bad] == [
        "a.parquet:2: user_id: 17850.5 is not a text",
        "a.parquet:3: user_id: 1e+300 is not a text",
    ]


def test_what_is_no_parquet_is_told(tmp_path: Path) -> None:
    """The ending says Parquet, the content does not."""
    assert read(text(tmp_path, "id,name\n", "orders.parquet"), SHOP)[3].startswith("cannot be read as Parquet: ")
