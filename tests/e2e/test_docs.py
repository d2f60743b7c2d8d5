"""Every command and snippet of README and docs works as it stands, page by page; those of rules stand beside."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.e2e.snippets import OF_RULES, PAGES, ROOT, run_page


@pytest.mark.parametrize("page", [page for page in PAGES if page.name not in OF_RULES], ids=lambda page: page.name)
def test_every_snippet_of_a_page_runs(page: Path, tmp_path: Path) -> None:
    """What a page shows works as it stands, from its first fence to its last."""
    run_page(page, tmp_path)


def test_every_link_to_a_file_leads_somewhere() -> None:
    """Relative links of README and docs name files that exist."""
    pages = [*PAGES, ROOT / "docs" / "adr" / "README.md"]
    dead = [
        (page.name, target)
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text())
        if not (page.parent / target).exists()
    ]

    assert dead == []
