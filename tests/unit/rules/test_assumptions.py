"""The page of assumptions: as the packs are, and complete."""

from __future__ import annotations

import re
from pathlib import Path

from trueline_rules.assumptions import PACKS, page, read_assumptions, read_remarks

PAGE = Path(__file__).resolve().parents[3] / "docs" / "assumptions.md"


def test_the_page_is_as_the_packs_are() -> None:
    """Written anew by the command that the message names."""
    told = "run: python -m trueline_rules.assumptions docs/assumptions.md"
    assert PAGE.read_text(encoding="utf-8") == page(read_assumptions(), read_remarks()), told


def test_every_mark_of_every_pack_is_listed() -> None:
    """Counted in the text of the files, comments aside."""
    marks = 0
    for file in PACKS.glob("*.yaml"):
        lines = file.read_text(encoding="utf-8").splitlines()
        bare = "\n".join(line for line in lines if not line.lstrip().startswith("#"))
        marks += len(re.findall(r"\bbasis: assumed\b|\bassumed: \[", bare))
    assert len(read_assumptions()) == marks > 0


def test_every_number_of_the_profile_of_features_is_marked() -> None:
    """Inputs, weights of personas, conditions and bands: no seed states any of them."""
    listed = [one.path for one in read_assumptions() if one.document == "features"]
    assert sum(".inputs." in path for path in listed) == 13
    assert sum(".personas." in path for path in listed) == 6
    assert "spec" in listed
    assert sum("concerns[" in path or "recommendations[" in path for path in listed) == 17
