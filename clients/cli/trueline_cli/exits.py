"""Exit statuses: what a script can tell from how a command ended."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from trueline.errors import TruelineError

YES = 0
# The answer is there, and it is no: a control fails, a test failed, events or facts were refused.
FINDING = 1
# As it is, it would be refused again: wrong use, a file that says something else, a name that there is not.
REFUSED = 2
# No answer could be had, so none is known; the same command may get one later.
NO_ANSWER = 3
# As shells tell of a program that a signal ended: 128 and its number, SIGINT and SIGPIPE.
INTERRUPTED = 130
UNREAD = 141

TOLD = (
    "Exit status: 0 yes; 1 a finding, and nothing else; 2 refused: wrong use, a file\n"
    "or a request that cannot be taken as it is; 3 no answer: no server is there, or\n"
    "it cannot answer now, or something failed; 130 interrupted."
)

_NO_ANSWER = frozenset(
    {
        *("UNAVAILABLE", "DEADLINE_EXCEEDED", "RESOURCE_EXHAUSTED", "ABORTED", "CANCELLED"),
        *("INTERNAL", "UNKNOWN", "DATA_LOSS"),
    }
)
# What is told as aborted, but would be again: it must be read anew, and decided anew.
_DECIDE_ANEW = frozenset({"ETAG_MISMATCH"})


def status_of(error: TruelineError) -> int:
    """The exit status of a call that failed: REFUSED or NO_ANSWER."""
    if error.reason in _DECIDE_ANEW:
        return REFUSED
    return NO_ANSWER if error.code in _NO_ANSWER else REFUSED
