"""The table of frameworks in the docs, and that nothing of the facts of the pack is idle."""

from __future__ import annotations

import re
from pathlib import Path
from typing import cast

import yaml
from trueline_rules.compliance_model import TENANT, ComplianceFramework, ControlMapping
from trueline_rules.compliance_rules import compile_framework
from trueline_rules.loader import load_rules

ROOT = Path(__file__).resolve().parents[3]
PACKS = ROOT / "rules" / "trueline_rules" / "packs"
RULES = load_rules([])
FRAMEWORKS = {name: cast(ComplianceFramework, found) for name, found in RULES.documents["ComplianceFramework"].items()}
READ = {name: compile_framework(found, RULES.fact_types).facts for name, found in FRAMEWORKS.items()}


def _row(name: str) -> str:
    found = FRAMEWORKS[name]
    of_tenant = sum(control.subject == TENANT for control in found.controls)
    kinds = [RULES.fact_types[fact].subject for fact in READ[name]]
    cells = [
        f"`{name}`",
        found.title,
        found.version,
        len(found.controls),
        f"{len(found.controls) - of_tenant} by {kinds.count(found.subject)} facts",
        f"{of_tenant} by {kinds.count(TENANT)} facts" if of_tenant else "none",
        len({need.type for control in found.controls for need in control.evidence}),
    ]
    return "| " + " | ".join(map(str, cells)) + " |"


def test_the_table_of_frameworks_is_as_the_packs_are() -> None:
    """One row for each, with what it judges of a pattern and of the tenant."""
    page = (ROOT / "docs" / "compliance.md").read_text(encoding="utf-8")
    table = page.split("| framework |")[1].split("\n\n")[0]
    rows = [line for line in table.splitlines() if line.startswith("| `")]
    assert sorted(rows) == sorted(map(_row, FRAMEWORKS))


def test_the_table_of_mappings_is_as_the_packs_are() -> None:
    """One row for each, with its pairs."""
    page = (ROOT / "docs" / "compliance.md").read_text(encoding="utf-8")
    table = page.split("| mapping |")[1].split("\n\n")[0]
    mappings = [cast(ControlMapping, each) for each in RULES.documents["ControlMapping"].values()]
    rows = [f"| `{each.source.name}` to `{each.target.name}` | {len(each.pairs)} |" for each in mappings]
    assert sorted(re.findall(r"^\| `.*$", table, re.MULTILINE)) == sorted(rows)


def test_every_fact_of_compliance_is_read_by_a_framework() -> None:
    """Nobody is asked for what nothing hangs on."""
    read = {fact for facts in READ.values() for fact in facts}
    files = sorted(PACKS.glob("compliance_*_facts.yaml"))
    assert files
    for file in files:
        documents = yaml.safe_load_all(file.read_text(encoding="utf-8"))
        assert [each["metadata"]["name"] for each in documents if each["metadata"]["name"] not in read] == []
