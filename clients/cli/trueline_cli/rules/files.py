"""Rule files on their way to a server: which ones paths mean, and problems told with the line they are in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from trueline_cli import options

if TYPE_CHECKING:
    from trueline import RuleProblem

_SUFFIXES = frozenset({".yaml", ".yml"})
# Of a longer line so many characters about the place are shown.
_LONGEST_LINE = 200
_EXCERPT = 120


def read_files(paths: Sequence[Path]) -> dict[str, str]:
    """Name -> text of the files that paths mean: a file itself, the *.yaml and *.yml directly in a folder, by name.

    Raises:
        UsageError: a path cannot be read, or there is no file in it.

    """
    found: dict[str, str] = {}
    for path in paths:
        try:
            inside = sorted(child for child in path.iterdir() if _is_rule_file(child)) if path.is_dir() else [path]
            found.update({str(file): file.read_bytes().decode("utf-8") for file in inside})
        except UnicodeDecodeError as error:
            line = error.object.count(b"\n", 0, error.start) + 1
            raise options.UsageError(f"{path}: a file is not UTF-8 in line {line}") from None
        except OSError as error:
            raise options.UsageError(f"{path} cannot be read: {error.strerror}") from None
        if not inside:
            told = "files end in .yaml or .yml, and folders within folders are not read"
            raise options.UsageError(f"{path} holds no rule file; {told}")
    return found


def told_problems(problems: Sequence[RuleProblem], files: Mapping[str, str]) -> list[str]:
    """Each problem as compilers write it; below it the line and a caret, where the file is at hand."""
    lines = []
    for problem in problems:
        place = problem.place
        lines.append(f"{place}: {problem.message}")
        text = files.get(place.file, "").splitlines()
        if 0 < place.line <= len(text):
            lines += _excerpt(text[place.line - 1], place.column)
    return lines


def _excerpt(line: str, column: int) -> list[str]:
    """A line and a caret below; of a long line what is about the place."""
    first = max(column - 1 - _EXCERPT // 2, 0) if len(line) > _LONGEST_LINE else 0
    part = line[first : first + _EXCERPT] if len(line) > _LONGEST_LINE else line
    # A file of a stranger does not write to the terminal as it likes.
    shown = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in part)
    return [f"    {shown}", f"    {' ' * (column - 1 - first)}^"]


def _is_rule_file(path: Path) -> bool:
    return path.suffix in _SUFFIXES and not path.name.startswith(".") and path.is_file()
