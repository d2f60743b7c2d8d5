"""Regular expressions: RE2's, with one string for the closure and for ClickHouse, so that both mean the same."""

from __future__ import annotations

import re
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


# What RE2 begins its reason with, and what to write instead.
_WAYS_OUT = (
    ("invalid perl operator", "RE2 has neither look-around nor atomic groups: write it without"),
    ("invalid escape sequence", "a backslash is written twice in a text: '\\\\d+', or once in r'\\d+'"),
    ("trailing \\", "a backslash is written twice in a text"),
    ("missing )", "close the bracket, or write [(] for the character itself"),
    ("unexpected )", "open the bracket before, or write [)] for the character itself"),
    ("missing ]", "close the bracket, or write \\\\[ for the character itself"),
    ("no argument for repetition operator", "something must stand before it, or write [*], [+], [?] for the character"),
    ("invalid repetition size", "something is repeated at most 1000 times"),
    ("bad repetition operator", "only one repetition stands behind something: put brackets around it"),
    ("invalid character class range", "write the smaller character first"),
    ("pattern too large", "repeat fewer times"),
)


def _reason(error: Exception) -> str:
    said = error.args[0] if error.args else str(error)
    text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
    if re.match(r"invalid escape sequence: \\[1-9]", text):
        return f"{text}; RE2 has no back-references: write it without"
    way_out = next((way_out for begins, way_out in _WAYS_OUT if text.startswith(begins)), "")
    return f"{text}; {way_out}" if way_out else text
