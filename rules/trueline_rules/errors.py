"""Errors of rule files: all that is wrong with a set of files, each with its place."""

from __future__ import annotations

from dataclasses import dataclass

from trueline_rules.model import Place


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a rule file: where, and what to do about it."""

    place: Place
    message: str

    def __str__(self) -> str:
        """`file:line:column: message`, as compilers write it."""
        return f"{self.place.file}:{self.place.line}:{self.place.column}: {self.message}"


class RuleFileError(Exception):
    """The rule files do not load; `problems` has every error found, in order of place."""

    code = "INVALID_ARGUMENT"
    reason = "INVALID_RULE_FILE"

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = problems
        self.message = str(self)
        self.metadata = {"file": problems[0].place.file, "line": str(problems[0].place.line)}
