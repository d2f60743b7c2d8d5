"""Every command and snippet of the pages about rules works as it stands: a module of its own, since they take long."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.snippets import OF_RULES, PAGES, run_page


@pytest.mark.parametrize("page", [page for page in PAGES if page.name in OF_RULES], ids=lambda page: page.name)
def test_every_snippet_of_a_page_of_rules_runs(page: Path, tmp_path: Path) -> None:
    """What a page shows works as it stands, from its first fence to its last."""
    run_page(page, tmp_path)
