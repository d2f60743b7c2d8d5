"""The difference between two rule sets as Markdown that fits a pull request, and for programs."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from trueline import Backtest, Firing, FiringChange

_LONGEST_CODE = 120


def plain(found: Backtest) -> dict[str, Any]:
    """What would have fired otherwise, for programs."""
    return {
        "firings": found.changes,
        "total_firings": found.total_changes,
        "notes": found.notes,
        "start": found.start,
        "end": found.end,
        "watermark": found.watermark,
    }


def markdown(documents: Sequence[Mapping[str, Any]], found: Backtest | None) -> str:
    """A difference as Markdown.

    Args:
        documents: each change of a document: its change, kind and name, and field -> before and after.
        found: the rules after the change, compared with those before; None if no history was asked for.

    """
    lines = ["### Rules", ""]
    lines += [f"- **{one['change']}** {one['kind']} `{one['name']}`{_fields(one['fields'])}" for one in documents] or [
        "No rule changes."
    ]
    if found is not None:
        lines += ["", "### What would have fired", "", *firing_lines(found)]
    return "\n".join(lines)


def firing_lines(found: Backtest) -> list[str]:
    """What would have fired otherwise than the baseline, and what must be known of the values."""
    lines = ["No decision appears, vanishes or moves."]
    if found.changes:
        lines = ["| change | rule | severity | from | to |", "| --- | --- | --- | --- | --- |"]
        lines += [f"| {one.change.value} | {_moved(one)} |" for one in found.changes]
    left_out = found.total_changes - len(found.changes)
    lines += ["", f"and {left_out:,} changes more than fit"] if left_out else []
    if found.notes:
        lines += ["", *(f"- {note.origin.value} `{note.source}` {note.message}" for note in found.notes)]
    return lines


def _fields(fields: Mapping[str, Mapping[str, Any]]) -> str:
    told = "; ".join(f"`{field}`: {_code(one['before'])} → {_code(one['after'])}" for field, one in fields.items())
    return f": {told}" if told else ""


def _code(value: Any) -> str:
    """A value within a line of Markdown, cut where it is long."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    line = " ".join(text.split()).replace("`", "'")
    return f"`{line if len(line) <= _LONGEST_CODE else line[: _LONGEST_CODE - 1] + '…'}`"


def _moved(change: FiringChange) -> str:
    from trueline_cli.rules.backtests import labels_text
    from trueline_cli.style import moment

    known = change.after or change.before
    assert known is not None
    sides = [one for one in (change.before, change.after) if one is not None]

    def both(tell: Callable[[Firing], str]) -> str:
        return " → ".join(dict.fromkeys(tell(one) for one in sides))

    labels = labels_text(known)
    cells = (
        f"`{known.rule}` {labels and _code(labels)}".replace("|", "\\|").strip(),
        both(lambda one: one.severity.value),
        both(lambda one: moment(one.since)),
        both(lambda one: "still fires" if one.until is None else moment(one.until)),
    )
    return " | ".join(cells)
