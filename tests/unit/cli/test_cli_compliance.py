"""Files of `trueline compliance`: what they say, and what is told about those that are wrong."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from trueline import DataSharing, DataUse
from trueline_cli.compliance.reading import read_pattern, read_privacy
from trueline_cli.options import UsageError


def _file(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "file.yml"
    file.write_text(text)
    return file


def test_facts_have_the_types_that_the_file_says(tmp_path: Path) -> None:
    """Texts in a list are a set; times may stand as YAML has them; null says that nothing is known."""
    text = (
        "subject: p\nkind: parcel\nname: P\nframeworks: [post]\nfacts:\n  a: true\n  b: 1.5\n  c: text\n  d: [x, y]\n"
        "  e: 2026-03-01\n  f: {time: 2026-03-01T12:00:00Z}\n  g: {decimal: '1.10'}\n  h: null\n"
        "  i: 2026-03-01T12:00:00Z\n"
    )
    found = read_pattern(_file(tmp_path, text))
    assert (found.subject, found.kind, found.name, found.frameworks) == ("p", "parcel", "P", ("post",))
    noon = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert found.facts == {
        "a": True,
        "b": 1.5,
        "c": "text",
        "d": frozenset({"x", "y"}),
        "e": datetime(2026, 3, 1, tzinfo=UTC),
        "f": noon,
        "g": Decimal("1.10"),
        "h": None,
        "i": noon,
    }


def test_a_file_of_json_is_read_too(tmp_path: Path) -> None:
    """JSON is YAML."""
    assert read_pattern(_file(tmp_path, '{"subject": "p", "facts": {"a": false}}')).facts == {"a": False}


def test_maps_that_are_taken_over_may_be_changed(tmp_path: Path) -> None:
    """A key of a map that is merged in is given once in the map that has it anew."""
    assert read_pattern(_file(tmp_path, "facts: {<<: {a: true}, a: false}\n")).facts == {"a": False}


def test_a_processing_says_what_is_done_with_data(tmp_path: Path) -> None:
    """What is left out is not known; the code of Norway is one, though YAML takes it for false."""
    text = (
        "subject: p\npeople: 500\nmeasures: [access_control]\nrights: {access: By mail., erasure: false}\n"
        "data:\n  - data_type: email\n    retention: 365d\n    shared_with: [{recipient: Mailer, country: NO}]\n"
    )
    found = read_privacy(_file(tmp_path, text))
    assert found.data == (DataUse("email", retention=timedelta(days=365), shared_with=(DataSharing("Mailer", "NO"),)),)
    assert (found.rights, found.people) == ({"access": "By mail.", "erasure": False}, 500)
    assert found.automated_decisions is None


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("subject: p\nfcats: {}\n", "has no key 'fcats'; did you mean 'facts'?"),
        ("facts: [a]\n", "facts must be a map with names as keys"),
        ("facts: {a: {b: 1}}\n", "facts.a is no value"),
        ("facts: {a: [1]}\n", "facts.a is no value"),
        ("facts: {a: {time: tomorrow}}\n", "facts.a: 'tomorrow' is not a time"),
        ("facts: {a: {decimal: x}}\n", "facts.a: 'x' is no decimal"),
        ("frameworks: gdpr\n", "frameworks must be a list"),
        ("subject: 7\n", "subject must be a text; put it in quotes"),
        ("a: [\n", "is no YAML"),
        ("", "must be a map"),
        ("facts:\n  a: true\n  b: 1\n  a: false\n", "line 4: 'a' is given on line 2 already; keep one of them"),
        ("{facts: {a: true, a: false}}", "line 1: 'a' is given on line 1 already"),
        ("frameworks: [{a: 1, a: 1}]\n", "'a' is given on line 1 already"),
    ],
)
def test_what_is_wrong_with_a_pattern_is_told(tmp_path: Path, text: str, told: str) -> None:
    """With the place in the file, and the way out."""
    with pytest.raises(UsageError) as caught:
        read_pattern(_file(tmp_path, text))
    assert told in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("data: [{data_type: email, retention: a year}]\n", "data[0].retention: 'a year' is not a span"),
        ("data: [{data_type: email, encrypted: maybe}]\n", "data[0].encrypted must be true or false"),
        ("data: [{shared_with: [{country: USA}]}]\n", "data[0].shared_with[0].country is 'USA'; write the two letters"),
        ("data: [{datatype: email}]\n", "did you mean 'data_type'?"),
        ("people: many\n", "people must be a whole number"),
        ("rights: [access]\n", "rights must be a map"),
    ],
)
def test_what_is_wrong_with_a_processing_is_told(tmp_path: Path, text: str, told: str) -> None:
    """With the place in the file, and the way out."""
    with pytest.raises(UsageError) as caught:
        read_privacy(_file(tmp_path, text))
    assert told in str(caught.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    """In a sentence."""
    with pytest.raises(UsageError, match="cannot be read"):
        read_pattern(tmp_path / "none.yml")
