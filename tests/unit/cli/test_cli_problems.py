"""Problems of rule files that a server tells, with the line that they are in."""

from __future__ import annotations

from trueline import RulePlace, RuleProblem
from trueline_cli.rules.files import told_problems


def _told(text: str, column: int) -> tuple[str, str]:
    problem = RuleProblem(RulePlace("a.yaml", 2, column), "is wrong")
    first, line, caret = told_problems([problem], {"a.yaml": f"kind: AlertRule\n{text}\n"})
    assert first == f"a.yaml:2:{column}: is wrong"
    return line, caret


def test_a_problem_has_its_line_and_a_caret() -> None:
    """The caret stands below the words at fault; what is no text is shown as a sign, and a tab is one column."""
    assert _told("  warning: a < b", 16) == ("      warning: a < b", " " * 19 + "^")
    line, caret = _told("\twarning: \x1b[31mb", 16)
    assert line == "    \N{REPLACEMENT CHARACTER}warning: \N{REPLACEMENT CHARACTER}[31mb"
    assert line[caret.index("^")] == "b"


def test_of_a_long_line_what_is_about_the_place() -> None:
    """Whether the place is at the beginning, in the middle or at the end of ten thousand letters."""
    for column in (1, 5_000, 10_000):
        letters = ["x"] * 10_000
        letters[column - 1] = "!"
        line, caret = _told("".join(letters), column)
        assert len(line) <= 124
        assert line[caret.index("^")] == "!"


def test_a_file_as_a_whole_has_no_line() -> None:
    """And neither has a place that the file at hand does not have."""
    for place in (RulePlace("a.yaml", 0, 0), RulePlace("a.yaml", 9, 1), RulePlace("b.yaml", 1, 1)):
        assert len(told_problems([RuleProblem(place, "is wrong")], {"a.yaml": "x\n"})) == 1
