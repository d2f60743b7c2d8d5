"""Errors of rule files: all that is wrong with a set of files, each with its place."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from trueline_rules.model import Place

# A file that is no rule file at all would else answer with one line for each of its keys.
MOST_PROBLEMS = 200


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in a rule file: where, and what to do about it. Line 0 means the file as a whole."""

    place: Place
    message: str

    def __str__(self) -> str:
        """`file:line:column: message`, as compilers write it; `file: message` for the file as a whole."""
        if self.place.line == 0:
            return f"{self.place.file}: {self.message}"
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


class Problems:
    """What is found wrong while files are read; the files keep the order in which they were first named."""

    def __init__(self) -> None:
        self._found: dict[Problem, None] = {}
        self._files: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._found)

    def __iter__(self) -> Iterator[Problem]:
        return iter(self._found)

    def start(self, file: str) -> None:
        """Give a file its turn in the order of problems."""
        self._files.setdefault(file, len(self._files))

    def add(self, place: Place, message: str) -> None:
        """Note a problem; the same one at the same place counts once."""
        self.start(place.file)
        self._found.setdefault(Problem(place, message))

    def error(self) -> RuleFileError:
        """All of it as one error: by file, line and column, at most 200 of them and then how many more."""
        found = sorted(self._found, key=lambda p: (self._files[p.place.file], p.place.line, p.place.column))
        if len(found) > MOST_PROBLEMS:
            last = found[MOST_PROBLEMS].place
            found[MOST_PROBLEMS:] = [Problem(last, f"and {len(found) - MOST_PROBLEMS} further problems from here on")]
        return RuleFileError(tuple(found))

    def raise_if_any(self) -> None:
        """Raise a RuleFileError if anything is wrong."""
        if self._found:
            raise self.error()
