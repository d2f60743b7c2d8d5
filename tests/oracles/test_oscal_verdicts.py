"""Verdicts on OSCAL documents of others, beside those of NIST's schema of 1.0.4 and of trestle's models of 1.2.1."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from trueline_cli.compliance.oscal import check

from tests.unit.compliance.reports import FORMS, MODELS, document_whole, parcel_report, schema_of

INSTANTS = {"collected", "date", "deadline", "end", "expires", "last-modified", "start"}


@pytest.fixture(scope="module")
def compliance(data_dir: Path) -> Path:
    """Folder of the oracles of compliance."""
    return data_dir / "compliance"


def _with_version(document: Any, version: str) -> Any:
    """The document, saying another version, if it says any."""
    made = copy.deepcopy(document)
    for body in made.values():
        if isinstance(body, dict) and "oscal-version" in body.get("metadata", {}):
            body["metadata"]["oscal-version"] = version
    return made


def test_verdicts_are_those_of_schema_and_trestle(compliance: Path) -> None:
    """Of documents with one thing wrong each; an empty title is allowed by 1.0.4 only."""
    cases = json.loads((compliance / "oracle_oscal_ar_validity.json").read_text())
    assert cases
    for case in cases:
        earlier, latest = (check(_with_version(case["doc"], version)) for version in ("1.0.4", "1.2.1"))
        assert (not earlier) is case["schema_1_0_4_valid"], (case["name"], earlier)
        assert (not latest) is case["trestle_5_2_0_oscal_1_2_1_valid"], (case["name"], latest)


def test_a_published_example_is_valid(compliance: Path) -> None:
    """NIST's own."""
    found = json.loads((compliance / "oscal_example_ifa_assessment-results-example.json").read_text())
    assert check(found) == []
    assert check(_with_version(found, "1.0.4")) == []


def _places(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    children = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(place for key, child in children for place in _places(child, (*path, key)))]


def _spoilt(document: Any, chance: random.Random) -> Any:
    """The document with one change anywhere: something gone, added, empty, or of another type."""
    made = copy.deepcopy(document)
    path = chance.choice([place for place in _places(made) if place])
    parent = made
    for key in path[:-1]:
        parent = parent[key]
    value = parent[path[-1]]
    if isinstance(value, dict) and chance.random() < 0.5:
        value[chance.choice(["remarks", "severity", "props", "uuid", "title"])] = chance.choice(["x", "", [], {}, 3])
    elif chance.random() < 0.3:
        del parent[path[-1]]
    else:
        odd = ["", " x", "x y", "x\ny", "1x", "é", "c232ab00-9414-11ec-b3c8-9e6bdeced846", "2024-06-03"]
        # trestle takes a number for an instant, as seconds.
        parent[path[-1]] = chance.choice(odd if path[-1] in INSTANTS else [*odd, 7, [], {}, True])
    return made


@pytest.mark.parametrize("form", FORMS)
def test_verdicts_agree_on_spoilt_reports(compliance: Path, form: Any) -> None:
    """Of reports of our own with one change each: valid here is valid there, in both versions."""
    chance = random.Random(7)
    whole = document_whole(parcel_report(), form)
    verdicts = set()
    for _ in range(250):
        spoilt = _spoilt(whole, chance)
        earlier, latest = _with_version(spoilt, "1.0.4"), _with_version(spoilt, "1.2.1")
        assert (not check(earlier)) is schema_of(compliance, form).is_valid(earlier), (check(earlier), earlier)
        assert (not check(latest)) is _trestle(form, latest), (check(latest), latest)
        verdicts.add(not check(latest))
    assert verdicts == {True, False}


def _trestle(form: Any, document: Any) -> bool:
    try:
        MODELS[form].model_validate_json(json.dumps(document))
    except ValidationError:
        return False
    return True
