"""Errors of the server in plain words, with the way out."""

from __future__ import annotations

from trueline.errors import TruelineError

# What lists the names that there are.
_LISTED_BY = {
    "UNKNOWN_METRIC": "trueline metrics",
    "UNKNOWN_RULE": "trueline rules list",
    "UNKNOWN_DECISION": "trueline rules decisions",
    "UNKNOWN_CHECKPOINT": "trueline checkpoint list",
    "UNKNOWN_SCHEDULE": "trueline schedules",
    "UNKNOWN_SILENCE": "trueline alerts silences",
    "UNKNOWN_NOTIFICATION": "trueline alerts notifications",
}


def explain(error: TruelineError) -> str:
    """What went wrong and what to do about it; one line, and one more for each broken rule of the request."""
    lines = [error.message]
    if error.code == "UNAVAILABLE":
        lines[0] += "; start one with `trueline up`, or name another with --address" if not error.reason else ""
    elif error.code == "UNAUTHENTICATED":
        lines[0] += "; give the credential with --token or TRUELINE_TOKEN"
    elif error.code == "DEADLINE_EXCEEDED":
        lines[0] += "; allow more with --timeout"
    nearest = error.metadata.get("nearest")
    if nearest and nearest not in error.message:
        lines[0] += f"; did you mean '{nearest}'?"
    elif not nearest and error.reason in _LISTED_BY and "did you mean" not in error.message:
        lines[0] += f"; see `{_LISTED_BY[error.reason]}`"
    if error.retry_after is not None:
        lines[0] += f" (try again in {error.retry_after:g} s)"
    for violation in error.violations:
        told = (f"{violation.field}: {violation.description}", f"{violation.field} {violation.description}")
        if not any(text in error.message for text in told):
            lines.append(f"  {told[0]}")
    return "\n".join(lines)
