"""Says in words what a message tells: a title and lines of plain text, which each type of channel dresses up."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from trueline_rules.routing.templates import Template

from trueline_server.notifications.content import (
    MOVED,
    RESOLVED,
    alerts_in,
    common_labels,
    is_resolve,
    labels_of,
    number_of,
    section,
    text_of,
    worst_of,
    worst_severity,
)
from trueline_server.notifications.model import Message

# A mail longer than this helps nobody.
_MOST_CHARACTERS = 200_000
_TITLE_CHARACTERS = 200
# Templates are cut at 20,000 characters; what comes behind the alerts should be within them.
_ALERTS_CHARACTERS = 16_000
_REASONS = {
    "new_alerts": "New alerts joined.",
    "some_resolved": "Some are resolved, others are not.",
    "all_resolved": "All are resolved.",
    "repeat": "Nothing changed; this is a reminder.",
    "severity_changed": "A severity changed.",
    "unsuppressed": "It was suppressed until now and still fires.",
    "moved": "It fires on and goes another way now: its severity or its routes have changed.",
}


@dataclass(frozen=True, slots=True)
class Rendered:
    """What people read.

    Attributes:
        title: one line.
        text: lines.
        resolved: whether all of it is over.
        severity: the worst in it; "" if there is none.

    """

    title: str
    text: str
    resolved: bool
    severity: str


def render(message: Message, title: Template, text: Template) -> Rendered:
    """A message in words, by its channel's templates; a bundle is a list of titles, then each of them with its text."""
    said = [_render_part(part.content, message, title, text) for part in message.parts]
    if len(said) == 1:
        return said[0]
    resolved = sum(each.resolved for each in said)
    counts = ", ".join(f"{n} {what}" for n, what in ((len(said) - resolved, "open"), (resolved, "resolved")) if n)
    titles = "\n".join(f"- {each.title}" for each in said)
    texts = "\n\n".join(f"{each.title}\n{each.text}" for each in said)
    worst = worst_of(each.severity for each in said)
    told = f"{len(said)} notifications: {counts}"
    return Rendered(told, fit(f"{titles}\n\n{texts}", _MOST_CHARACTERS), resolved == len(said), worst)


def values_of(content: Mapping[str, Any], message: Message) -> dict[str, str | int]:
    """What places of templates name, beside labels; see trueline_rules.routing.templates.VALUES."""
    alerts = alerts_in(content)
    first = alerts[0] if alerts else {}
    firing = sum(text_of(each, "status") not in {RESOLVED, MOVED} for each in alerts)
    rules = {text_of(each, "rule") for each in alerts}
    alone = len(rules) == 1
    return {
        "status": text_of(content, "status"),
        "reason": text_of(content, "reason"),
        "firing": firing,
        "resolved": len(alerts) - firing,
        "suppressed": number_of(content, "suppressed_total"),
        "severity": worst_severity(content),
        "rule": next(iter(rules)) if alone else f"{len(rules)} rules",
        "summary": text_of(first, "title") if alone else "",
        "description": text_of(first, "text") if alone else "",
        "owner": text_of(first, "owner") if alone else "",
        "runbook": text_of(first, "runbook") if alone else "",
        "route": text_of(section(content, "group"), "route"),
        "channel": message.channel,
        "level": text_of(section(content, "escalation"), "level"),
        "tenant": message.tenant,
        "alerts": "\n".join(_alerts(content)),
    }


def fit(text: str, most: int) -> str:
    """A text of at most so many characters: whole lines, and how many are left out."""
    if len(text) <= most:
        return text
    lines = text.split("\n")
    kept, size = 0, 0
    while size + len(lines[kept]) + 1 <= most - 40:
        size += len(lines[kept]) + 1
        kept += 1
    if not kept:
        return text[: most - 1] + "…"
    return "\n".join(lines[:kept]) + f"\n… and {len(lines) - kept} more lines"


def one_line(text: str, most: int = _TITLE_CHARACTERS) -> str:
    """A text without breaks and control characters, at most so long."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _render_part(content: Mapping[str, Any], message: Message, title: Template, text: Template) -> Rendered:
    if not alerts_in(content):
        # A report says it in its own words; templates are about alerts.
        told = text_of(content, "title") or text_of(content, "reason")
        facts = [f"{name}: {value}" for name, value in section(content, "facts").items()]
        return Rendered(one_line(told) or "Trueline", _tidy("\n".join([text_of(content, "text"), *facts])), False, "")
    values, maps = values_of(content, message), {"labels": common_labels(content), "group": _group_labels(content)}
    told = one_line(title.render(values, maps)) or "Trueline"
    level, missed = str(values["level"]), text_of(section(content, "deadline"), "name")
    if level and level not in told:
        # Whoever is called by an escalation must see that it is one, whatever the template leaves out.
        told = one_line(f"{level}: {told}")
    if missed:
        told = one_line(f"{missed} was missed: {told}")
    lines = _tidy(text.render(values, maps))
    return Rendered(told, fit(lines, _MOST_CHARACTERS), is_resolve(content), worst_severity(content))


def _tidy(text: str) -> str:
    """Without what empty places leave behind: spaces at ends and more than one empty line."""
    lines = "\n".join(line.rstrip() for line in text.split("\n"))
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n")


def _alerts(content: Mapping[str, Any]) -> list[str]:
    reason = _REASONS.get(text_of(content, "reason"), "") or _missed(content)
    alerts = alerts_in(content)
    lines = [reason] if reason else []
    lines += [fit("\n".join(line for each in alerts for line in _alert(each)), _ALERTS_CHARACTERS)]
    more = number_of(content, "alerts_total") - len(alerts)
    lines += [f"and {more} more alerts"] if more > 0 else []
    return lines + _suppressed(content)


def _missed(content: Mapping[str, Any]) -> str:
    deadline = section(content, "deadline")
    return f"{text_of(deadline, 'name')} was due by {text_of(deadline, 'due')}." if deadline else ""


def _alert(alert: Mapping[str, Any]) -> list[str]:
    head = " ".join(filter(None, (text_of(alert, "severity"), text_of(alert, "status"), text_of(alert, "title"))))
    case = text_of(alert, "case")
    lines = [f"- {head}{f' ({case})' if case else ''}"]
    since, until = text_of(alert, "starts_at"), text_of(alert, "ends_at")
    details = {
        "": one_line(text_of(alert, "text"), 1000),
        "labels": _pairs(labels_of(alert)),
        "values": _pairs(section(alert, "values")),
        "since": since + (f" until {until}" if until else ""),
    }
    return lines + [f"  {f'{name}: ' if name else ''}{value}" for name, value in details.items() if value]


def _suppressed(content: Mapping[str, Any]) -> list[str]:
    total = number_of(content, "suppressed_total")
    if not total:
        return []
    found = content.get("suppressed")
    listed = [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []
    why = list(dict.fromkeys(f"{text_of(each, 'kind')} by {text_of(each, 'by')}" for each in listed))[:5]
    return [f"{total} suppressed{': ' + ', '.join(why) if why else ''}"]


def _group_labels(content: Mapping[str, Any]) -> dict[str, str]:
    return labels_of(section(content, "group"))


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={value}" for name, value in sorted(values.items()))
