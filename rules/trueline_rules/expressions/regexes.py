"""Regular expressions: RE2's, with one string for the closure and for ClickHouse, so that both mean the same."""

from __future__ import annotations

from collections.abc import Callable

import re2

# A program of RE2 takes memory in proportion to the pattern with its repetitions written out.
LARGEST_PROGRAM_BYTES = 1 << 20


class RegexError(Exception):
    """A pattern that RE2 does not take; the text says why."""


def full_pattern(pattern: str, *, search: bool) -> str:
    """The pattern with its anchor; `.` does not match a line break, `^` and `$` are the ends of the text."""
    return f"(?-s)(?:{pattern})" if search else f"(?-s)^(?:{pattern})"


def compile_regex(pattern: str, *, search: bool) -> Callable[[str], bool]:
    """Answer the test of a text against a pattern; it takes time in proportion to the text, whatever the pattern.

    Raises:
        RegexError: the pattern is no regular expression of RE2 (look-around and back-references are not), or it is
            too large.

    """
    if "\0" in pattern:
        raise RegexError("it contains a NUL character")
    options = re2.Options()
    options.log_errors = False
    options.never_capture = True
    options.max_mem = LARGEST_PROGRAM_BYTES
    try:
        re2.compile(pattern, options)
        # Of bytes, and without groups: the wrapper would else count where in the text each group lies.
        found = re2.compile(full_pattern(pattern, search=search).encode("utf-8"), options).search
    except (re2.error, UnicodeEncodeError) as error:
        raise RegexError(_reason(error)) from None

    def test(text: str) -> bool:
        return found(text.encode("utf-8", "replace")) is not None

    return test


def _reason(error: Exception) -> str:
    said = error.args[0] if error.args else str(error)
    return said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
