"""The difference between two rule sets: as tables, as Markdown that fits a pull request, and for programs."""

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


def show(documents: Sequence[Mapping[str, Any]], found: Backtest | None) -> None:
    """Print a difference for people: a line for each field, then one for each alert that differs; see `markdown`."""
    from trueline_cli import style

    table = style.table("change", "document", "field", "before", "after", fold=("document", "field", "before", "after"))
    for one in documents:
        what = (one["change"], f"{one['kind']} {one['name']}")
        for field, each in one["fields"].items():
            table.add_row(*what, field, _line(each["before"]), _line(each["after"]))
            what = ("", "")
        if not one["fields"]:
            table.add_row(*what, "", "", "")
    style.show(table if documents else "no rule changes")
    if found is not None:
        print()
        show_firings(found)


def show_firings(found: Backtest) -> None:
    """Print what would have fired otherwise than the baseline, and what must be known of the values."""
    from trueline_cli import style

    table = style.table("change", "rule", "severity", "from", "to", fold=("rule", "from", "to"))
    for one in found.changes:
        rule, labels, *cells = _moved(one)
        table.add_row(one.change.value, f"{rule} {labels}".strip(), *cells)
    style.show(table if found.changes else "no decision appears, vanishes or moves")
    left_out = found.total_changes - len(found.changes)
    if left_out:
        print(f"and {left_out:,} changes more than fit")
    for note in found.notes:
        print(f"! {note.origin.value} {note.source} {note.message}")


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
        lines += [f"| {one.change.value} | {_row(*_moved(one))} |" for one in found.changes]
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
    line = _line(value).replace("`", "'")
    return f"`{line}`"


def _line(value: Any) -> str:
    """A value in a line, cut where it is long; nothing for what is not there."""
    text = value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_CODE else line[: _LONGEST_CODE - 1] + "…"


def _row(rule: str, labels: str, *cells: str) -> str:
    name = f"`{rule}` {labels and _code(labels)}".replace("|", "\\|").strip()
    return " | ".join((name, *cells))


def _moved(change: FiringChange) -> tuple[str, ...]:
    """Rule and labels, then severity, begin and end, each of both sides where they differ."""
    from trueline_cli.rules.backtests import labels_text
    from trueline_cli.style import moment

    known = change.after or change.before
    assert known is not None
    sides = [one for one in (change.before, change.after) if one is not None]

    def both(tell: Callable[[Firing], str]) -> str:
        return " → ".join(dict.fromkeys(tell(one) for one in sides))

    return (
        known.rule,
        labels_text(known),
        both(lambda one: one.severity.value),
        both(lambda one: moment(one.since)),
        both(lambda one: "still fires" if one.until is None else moment(one.until)),
    )
