"""Each mistake in a document about routing has its own small broken file; its first line says what is to be told."""

from __future__ import annotations

from pathlib import Path

import pytest
from trueline_rules.errors import RuleFileError
from trueline_rules.loader import load_rules
from trueline_rules.model import Place

FILES = sorted((Path(__file__).parent / "broken").glob("*.yaml"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_broken_file_tells_its_mistake(path: Path) -> None:
    """One problem, which names the file, the line, the column, what is wrong there and the way out."""
    where, _, message = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").partition(" ")
    line, column = map(int, where.split(":"))
    with pytest.raises(RuleFileError) as caught:
        load_rules([path])
    assert [(problem.place, problem.message) for problem in caught.value.problems] == [
        (Place(str(path), line, column), message)
    ]


def test_no_message_repeats_a_secret() -> None:
    """Whoever wrote a password into a file reads that it must not be there, and the log does not keep it."""
    told = [path for path in FILES if "hunter2" in path.read_text(encoding="utf-8")]
    assert len(told) >= 5
    assert [path for path in told if "hunter2" in path.read_text(encoding="utf-8").splitlines()[0]] == []


def test_every_kind_of_routing_has_broken_files() -> None:
    """None of the kinds is left out."""
    kinds = {path.stem.partition("_")[0] for path in FILES}
    assert kinds >= {"route", "matcher", "inhibition", "silence", "maintenance", "interval", "channel"}
