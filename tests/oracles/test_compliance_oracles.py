"""Scores and coverage of controls, against what others computed over published mappings.

Not compared: the oracle's count of critical controls that are open has those that pass in part, and none that are not
assessed; here the latter are open, because what is not known is no pass.
"""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
from trueline_rules.compliance_model import (
    ControlMapping,
    ControlPair,
    ControlSeverity,
    MappedFramework,
    Relation,
)
from trueline_rules.model import Metadata
from trueline_server.compliance.coverage import cover
from trueline_server.compliance.tally import Standing, rates_of

RELATIONS = {
    "equal": Relation.EQUAL,
    "superset": Relation.SUPERSET,
    "subset": Relation.SUBSET,
    "intersect": Relation.INTERSECTS,
}
MAPPINGS = {
    "800-53r5 implemented -> ISO 27001:2022 requirements covered": "map_800-53r5_to_iso27001-2022.csv",
    "CSF 2.0 implemented -> ISO covered": "map_csf2_to_iso27001-2022.csv",
}


@pytest.fixture(scope="module")
def compliance(data_dir: Path) -> Path:
    """Folder of the oracles of compliance."""
    return data_dir / "compliance"


def test_rates_and_scores(compliance: Path) -> None:
    """Pass rates and the score weighted by severity, of controls that pass, in part, fail or are not assessed."""
    oracle = json.loads((compliance / "oracle_scoring.json").read_text())
    assert {severity.value: severity.weight for severity in ControlSeverity} == oracle["weights"]
    assert oracle["cases"]
    for case in oracle["cases"]:
        found = rates_of((Standing(one["status"]), ControlSeverity(one["severity"])) for one in case["items"])
        assert (found.applicable, found.assessed) == (case["applicable"], case["assessed"])
        assert found.pass_rate_assessed == pytest.approx(case["pass_rate_assessed"], abs=1e-12)
        assert found.pass_rate_applicable == pytest.approx(case["pass_rate_applicable"], abs=1e-12)
        assert found.weighted_score == pytest.approx(case["weighted_score_applicable"], abs=1e-12)


def test_coverage_of_published_mappings(compliance: Path) -> None:
    """Targets, those covered in part and in all, the mean share, and those that are not covered."""
    files = sorted(compliance.glob("oracle_coverage_*.json"))
    assert files
    for file in files:
        oracle = json.loads(file.read_text())
        with (compliance / MAPPINGS[oracle["mapping"]]).open(encoding="utf-8") as lines:
            pairs = [ControlPair(row[0], row[1], RELATIONS[row[2]]) for row in list(csv.reader(lines))[1:]]
        sides = (MappedFramework("from", external=True), MappedFramework("to", external=True))
        mapping = ControlMapping(Metadata("published"), *sides, tuple(pairs))
        for case in oracle["cases"]:
            found = cover([mapping], "to", "from", case["implemented"])
            assert (len(found.controls), found.covered_any, found.covered_all) == (
                case["targets"],
                case["covered_any"],
                case["covered_all"],
            )
            assert found.mean_share == pytest.approx(case["mean_share"], abs=1e-12)
            assert list(found.uncovered[:40]) == case["uncovered"]
