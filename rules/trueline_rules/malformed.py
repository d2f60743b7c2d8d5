"""What is wrong with a text that is no YAML, in plain words and where the mistake was made, not where YAML noticed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

QUOTES = frozenset({"'", '"'})
_IN_QUOTES = "put the whole text in quotes, or write it below a | on lines of its own"


def explain(error: Any, lines: Sequence[str], last: Any) -> tuple[int, int, str]:
    """Line and column (from 0) of the mistake, and what it is.

    Args:
        error: of PyYAML or libyaml, which word the same mistake differently.
        lines: of the text.
        last: the scalar event before the error; None = there was none.

    """
    noticed = error.problem_mark or error.context_mark
    line, column = (noticed.line, noticed.column) if noticed is not None else (-1, -1)
    opened = error.context_mark
    if _has_tab(lines, line, column):
        return line, column, "a tab; YAML is indented with blanks: write blanks instead"
    context, problem = str(error.context or ""), str(error.problem or "")
    if "quoted scalar" in context and "unexpected" in problem and opened is not None:
        return opened.line, opened.column, "the quote that opens here is never closed; close it where the text ends"
    if last is not None and last.style in QUOTES and last.end_mark.line == line:
        return _behind_quote(lines, last, line, column)
    if "flow" in context and opened is not None and opened.line != line:
        sign = lines[opened.line][opened.column : opened.column + 1] if opened.line < len(lines) else ""
        return (
            opened.line,
            opened.column,
            f"the '{sign}' that opens here is not closed before line {line + 1}; close it where it ends",
        )
    written = lines[line] if 0 <= line < len(lines) else ""
    begun = line if last is None else last.start_mark.line
    return line, column, _plainly(context, problem, written, begun, (line, column))


def _behind_quote(lines: Sequence[str], last: Any, line: int, column: int) -> tuple[int, int, str]:
    """A quoted text is followed by more: its quotes are not around all of it, or close far below."""
    start = last.start_mark
    if start.line < line:
        told = (
            f"the quote that opens here is closed by the next quote, on line {line + 1}; close it where the text ends"
        )
        return start.line, start.column, told
    rest = lines[line][last.end_mark.column :].strip()[:40] if line < len(lines) else ""
    return line, column, f"after the closing quote stands {rest!r}; {_IN_QUOTES}"


# What the parsers say, in which of their two words, and what it comes from.
_PLAINLY = (
    ("block scalar", f"'>' and '|' at its beginning make a text a block of lines; {_IN_QUOTES}"),
    (
        "mapping values are not allowed",
        f"a colon with a blank behind it makes a key of what precedes; {_IN_QUOTES}",
    ),
    (
        "sequence entries are not allowed",
        "'- ' begins a list on lines of its own; if a text is meant, put it in quotes",
    ),
    ("unknown escape", "in double quotes a backslash begins an escape; use single quotes, or write it twice"),
)


def _plainly(context: str, problem: str, written: str, begun: int, noticed: tuple[int, int]) -> str:
    """What a parser says where it noticed a mistake (line and column); the scalar before it began on line `begun`."""
    line, column = noticed
    if "cannot start any token" in problem:
        return f"a text cannot begin with '{written[column : column + 1]}'; put it in quotes"
    if "mapping values" in problem and begun < line:
        return "a key within a text: this line is indented too far, or the one above lacks a blank behind its colon"
    for words, plain in _PLAINLY:
        if words in context or words in problem:
            return plain
    if "block mapping" in context and not written[:column].strip():
        return "this line is indented otherwise than those that it belongs to"
    return ", ".join(part for part in (context, problem) if part)


def _has_tab(lines: Sequence[str], line: int, column: int) -> bool:
    written = lines[line] if 0 <= line < len(lines) else ""
    stumbled = written[max(column - 1, 0) : column + 1]
    indented = written[: len(written) - len(written.lstrip())]
    return "\t" in stumbled or "\t" in indented
