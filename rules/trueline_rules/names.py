"""Names in messages: which known one was meant, and how to show one that a stranger wrote."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

# Longer names are not compared: the time of a comparison grows with the square of the length.
LONGEST_COMPARED = 128
LONGEST_SHOWN = 60
MOST_LISTED = 12


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Answer the known name that is most like this one; None if none is like it.

    Letter case and the difference between `_` and `-` do not count against a name.
    """
    if len(name) > LONGEST_COMPARED:
        return None
    plain = {_plain(candidate): candidate for candidate in sorted(known, reverse=True)}
    close = difflib.get_close_matches(_plain(name), plain, n=1, cutoff=0.6)
    return plain[close[0]] if close else None


def hint(name: str, known: Iterable[str]) -> str:
    """Say which known name was meant, or which there are: the tail of a message about an unknown name."""
    names = sorted(known)
    close = nearest(name, names)
    if close is not None:
        return f"; did you mean '{close}'?"
    if not names:
        return ""
    listed = ", ".join(names[:MOST_LISTED])
    return f"; known: {listed}{', ...' if len(names) > MOST_LISTED else ''}"


def quoted(text: str) -> str:
    """Show a text in a message: quoted, on one line, cut after 60 characters."""
    line = text.encode("unicode_escape").decode("ascii") if not text.isprintable() else text
    return f"'{line if len(line) <= LONGEST_SHOWN else line[: LONGEST_SHOWN - 3] + '...'}'"


def _plain(name: str) -> str:
    return name.lower().replace("-", "_")
