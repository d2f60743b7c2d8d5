"""Each mistake has its own small broken file: its first line says where the mistake is and what is to be said of it."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from trueline_rules.errors import RuleFileError
from trueline_rules.expressions import Fact, FactType, compile_expression
from trueline_rules.loader import load_rules
from trueline_rules.model import Place
from trueline_rules.syntax import MOST_BYTES

FILES = sorted((Path(__file__).parent / "broken").glob("*.yaml"))
# The mistakes that the design asks for, each by the file that shows it.
ASKED = frozenset(
    {
        "bad_yaml",
        "tabs",
        "unknown_key",
        "unknown_kind",
        "duplicate_name",
        "unknown_fact",
        "wrong_type",
        "impossible_comparison",
        "unbalanced_expression",
        "catastrophic_regex",
        "recursion",
        "yaml_bomb",
        "circular_reference",
        "circular_kpis",
        "weights_not_100",
        "evaluation_too_long",
    }
)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_broken_file_tells_its_mistake(path: Path) -> None:
    """A problem names the file, the line, the column, what is wrong there and the way out, at once."""
    where, _, message = path.read_text(encoding="utf-8").splitlines()[0].removeprefix("# ").partition(" ")
    line, column = map(int, where.split(":"))
    started = time.perf_counter()
    with pytest.raises(RuleFileError) as caught:
        load_rules([path])
    assert time.perf_counter() - started < 2
    there = [problem.message for problem in caught.value.problems if problem.place == Place(str(path), line, column)]
    assert any(message in told for told in there), str(caught.value)


def test_every_mistake_has_its_file() -> None:
    """None of those that the design asks for is left out."""
    assert {path.stem for path in FILES} >= ASKED


@pytest.mark.parametrize("line", ["# a comment\n", "a: 1\n", "- [[[\n"], ids=["comments", "keys", "brackets"])
def test_a_file_of_ten_megabytes_is_refused_unread(tmp_path: Path, line: str) -> None:
    """What is in it does not matter, and no time is lost."""
    path = tmp_path / "large.yaml"
    path.write_text(line * (10 * MOST_BYTES // len(line)), encoding="utf-8")
    started = time.perf_counter()
    with pytest.raises(RuleFileError, match=f"has more than {MOST_BYTES} bytes, the most of a rule file"):
        load_rules([path])
    assert time.perf_counter() - started < 1


def test_a_pattern_that_others_fail_on_is_bounded() -> None:
    """What RE2 takes it matches in time proportional to the text, whatever a backtracking engine would need."""
    condition = compile_expression("tier =~ '(a|a)*(a+)+b$'", {"tier": Fact("tier", FactType.TEXT)})
    started = time.perf_counter()
    assert condition.evaluate({"tier": "a" * 100_000}) is False
    assert time.perf_counter() - started < 1
