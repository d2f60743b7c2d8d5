"""References of the frameworks of the default pack, against lists of what the standards number.

The list of HIPAA has the standards of the Security Rule only: a specification is found by the standard that it is
below, and sections of the other rules are told here. Sections of the Civil Code of California are told here, too, as
there is no list. The list of SOC 2 writes PP where the criteria write PI.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import pytest
from trueline_rules.compliance_model import ComplianceFramework
from trueline_rules.loader import load_rules

from tests.oracles.reading import rows

pytestmark = pytest.mark.oracle
LISTS = {
    "gdpr": "structure_GDPR.csv",
    "soc2": "structure_SOC2_TSC_2017_rev2022.csv",
    "hipaa": "structure_HIPAA_SP800_66r2.csv",
    "pci_dss": "structure_PCI_DSS_4_0.csv",
    "iso27001": "structure_ISO27001_2022.csv",
}
# Breach Notification Rule (subpart D) and Privacy Rule (subpart E).
OTHER_RULES = {"164.404", "164.408", "164.502", "164.508", "164.514", "164.520", "164.524", "164.526", "164.528"}
OTHER_RULES |= {"164.530"}
CALIFORNIAN = {
    *("1798.100(a)(1)", "1798.100(a)(2)", "1798.100(a)(3)", "1798.100(c)", "1798.100(d)", "1798.100(e)"),
    *("1798.105(a)", "1798.105(b)", "1798.105(c)(1)", "1798.106(a)", "1798.106(c)"),
    *("1798.110(a)", "1798.110(b)", "1798.110(c)", "1798.115(a)", "1798.115(c)"),
    *("1798.120(a)", "1798.120(b)", "1798.120(c)", "1798.120(d)", "1798.121(a)"),
    *("1798.125(a)(1)", "1798.125(b)(2)", "1798.125(b)(3)"),
    *("1798.130(a)(1)", "1798.130(a)(2)(A)", "1798.130(a)(3)(B)", "1798.130(a)(5)", "1798.130(a)(5)(A)"),
    *("1798.130(a)(6)", "1798.135(a)(1)", "1798.135(a)(2)", "1798.135(c)(1)", "1798.135(c)(2)", "1798.135(c)(4)"),
    *("1798.135(e)", "1798.150(a)(1)"),
}


def _ids(name: str) -> list[str]:
    found = cast(ComplianceFramework, load_rules([]).documents["ComplianceFramework"][name])
    return [control.id for control in found.controls]


def _listed_as(name: str, control: str) -> list[str]:
    """How a list may write a reference, the exact form first."""
    if name == "gdpr":
        bare = control.removeprefix("Art. ").replace("(", ".").replace(")", "")
        return [bare if "." in bare else f"Article {bare}"]
    if name == "soc2":
        return [re.sub(r"^PI", "PP", control)]
    if name == "hipaa":
        parts = re.findall(r"^[\d.]+|\(\w+\)", control)
        return ["".join(parts[:count]) for count in range(len(parts), 1, -1)]
    return [control]


@pytest.mark.parametrize("name", sorted(LISTS))
def test_references_are_those_of_the_standard(data_dir: Path, name: str) -> None:
    """Each one that a list could have, it has."""
    listed = {row["ref_id"] for row in rows(data_dir / "compliance" / LISTS[name])}
    ids = [one for one in _ids(name) if one.split("(")[0] not in OTHER_RULES]
    assert len(ids) >= 25
    assert [one for one in ids if listed.isdisjoint(_listed_as(name, one))] == []


def test_references_to_the_law_of_california_are_those_that_were_looked_up() -> None:
    """A section that is not among them is looked up in the code, and put in here."""
    assert set(_ids("ccpa")) == CALIFORNIAN
