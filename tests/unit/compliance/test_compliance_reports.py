"""Reports for spreadsheets and for people."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_server.compliance.export.csv_report import COLUMNS, csv_report, safe
from trueline_server.compliance.export.exporting import Form, write_report
from trueline_server.compliance.export.html_report import html_report
from trueline_server.compliance.export.report import Report
from trueline_server.compliance.model import THE_TENANT, Subject

from tests.unit.compliance.parcels import NOW_US, known, photo
from tests.unit.compliance.reports import parcel_report

EMPTY = Report("acme", THE_TENANT, (), NOW_US, "r1")
HOSTILE = "<script>alert(1)</script>\"'&"


class Page(HTMLParser):
    """Tags and texts of a page; a tag that is not closed where it should be is an error."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.links: list[str] = []
        self.headings: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """A tag opens."""
        self.tags.append(tag)
        self.links += [value or "" for name, value in attrs if name in {"href", "src"}]
        if tag not in {"meta", "br"}:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """The last tag closes."""
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        """A text."""
        if self.open and self.open[-1] == "h2":
            self.headings.append(data)


def _rows(report: Report) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(csv_report(report).decode())))


def test_csv_has_a_line_for_each_control() -> None:
    """With status, reason, what is missing, evidence, waiver and, if something is left to do, what."""
    rows = {row["control"]: row for row in _rows(parcel_report())}
    assert {id_: row["status"] for id_, row in rows.items()} == {
        "A.1": "pass",
        "A.2": "waived",
        "A.3": "fail",
        "A.4": "insufficient_evidence",
        "B.1": "fail",
    }
    assert rows["A.1"]["evidence"] == "photo fresh (evidence-1, counts until 2024-11-02T00:00:00Z)"
    assert rows["A.1"]["remediation"] == ""
    assert (rows["A.2"]["waiver"], rows["A.2"]["waived_until"]) == ("waiver-1", "2024-11-02T00:00:00Z")
    assert rows["A.4"]["missing_facts"] == "packed_at"
    assert {row["at"] for row in rows.values()} == {"2024-10-04T00:00:00Z"}
    assert {row["rule_revision"] for row in rows.values()} == {"r1"}


def test_csv_without_controls_has_its_header() -> None:
    """So that whatever reads it finds its columns."""
    assert csv_report(EMPTY).decode() == ",".join(COLUMNS) + "\r\n"


@pytest.mark.parametrize(
    "cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", " =1", "\uff1d1", "\ufeff=1", "\u00a0=1"]
)
def test_no_cell_is_a_formula(cell: str) -> None:
    """A spreadsheet takes it for text, whatever stands before the formula's sign."""
    assert safe(cell) == f"'{cell}"
    report = replace(parcel_report(), subject=Subject("parcel", "p1"), revision=cell)
    assert {row["rule_revision"] for row in _rows(report)} == {f"'{cell}"}


@given(cell=st.text(max_size=8))
def test_cells_are_told_as_they_are_or_with_an_apostrophe(cell: str) -> None:
    """Nothing is lost, and nothing that begins like a formula stays so."""
    told = safe(cell)
    assert told in {cell, f"'{cell}"}
    assert not told.startswith(("=", "+", "-", "@", "\t", "\r", "\n"))


def test_a_page_tells_what_is_open_first() -> None:
    """Counts, findings with the most severe first, waivers with their end, evidence with its age, every control."""
    page = html_report(parcel_report())
    headings = Page(page).headings
    assert headings == ["Summary", "Findings", "Waivers", "Evidence", "All controls of Post 1"]
    assert "Not satisfied: 2 fail, 1 not known, 1 waived." in page
    assert "Judged at 2024-10-04 00:00 UTC by rules r1, for tenant acme." in page
    findings = page[page.index("Findings") : page.index("Waivers</h2>")]
    assert findings.index("A.3") < findings.index("B.1")
    assert "A.2" not in findings
    assert "2024-11-02 00:00 UTC, 29 days left" in page
    assert "2024-10-03 00:00 UTC, 24 hours old" in page
    assert 'aria-label="1 passes, 1 waived, 1 not known, 2 fails"' in page


def test_a_page_takes_nothing_from_elsewhere_and_all_text_is_escaped() -> None:
    """No scripts, links or images; hostile texts are shown as they are."""
    evidence = replace(photo(), source=HOSTILE, uri=HOSTILE)
    page = html_report(replace(parcel_report(evidence=(evidence,)), tenant=HOSTILE, subject=Subject("parcel", HOSTILE)))
    read = Page(page)
    assert read.links == []
    assert not {"script", "img", "link", "iframe"} & set(read.tags)
    assert page.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 5


def test_a_page_tells_where_evidence_lies_and_its_hash() -> None:
    """So that whoever has the page can tell that a file is the one that counted."""
    evidence = replace(photo(), uri="https://files.example/seal.jpg", sha256="ab" * 32)
    page = html_report(parcel_report(evidence=(evidence,)))
    assert f"evidence-1 from camera, https://files.example/seal.jpg, SHA-256 {'ab' * 32}</td>" in page


def test_a_control_without_remediation_asks_for_itself() -> None:
    """In a cell that is empty nobody sees what to do."""
    report = parcel_report()
    (result,) = report.results
    bare = tuple(replace(one, control=replace(one.control, remediation="")) for one in result.controls)
    report = replace(report, results=(replace(result, controls=bare),))
    told = {row["control"]: row["remediation"] for row in _rows(report)}
    assert told["A.1"] == ""
    assert told["A.3"] == f"Meet what it asks for: {bare[2].control.title}"
    assert told["A.3"] in html_report(report).replace("&#x27;", "'")


def test_pages_of_a_posture_that_is_empty_and_of_one_where_all_is_well() -> None:
    """Nothing that was judged is no pass."""
    assert "Nothing was judged" in html_report(EMPTY)
    Page(html_report(EMPTY))
    packed = datetime(2024, 10, 3, tzinfo=UTC)
    well = known(sealed=True, fragile=False, contents=frozenset({"socks"}), insured=True, packed_at=packed)
    report = parcel_report(well, waivers=())
    assert "Satisfied: all that applies passes." in html_report(report)


@pytest.mark.parametrize(
    ("form", "name", "media_type"),
    [
        (Form.OSCAL, "compliance-parcel-a-b-assessment-results.json", "application/json"),
        (Form.PLAN, "compliance-parcel-a-b-plan-of-action.json", "application/json"),
        (Form.CSV, "compliance-parcel-a-b.csv", "text/csv; charset=utf-8"),
        (Form.HTML, "compliance-parcel-a-b.html", "text/html; charset=utf-8"),
    ],
)
def test_files_have_names_that_any_system_takes(form: Form, name: str, media_type: str) -> None:
    """Whatever the subject is called."""
    file = write_report(replace(parcel_report(), subject=Subject("parcel", "a/../b")), form, "1.2.1")
    assert (file.name.replace("a-..-b", "a-b"), file.media_type) == (name, media_type)
    assert "/" not in file.name
