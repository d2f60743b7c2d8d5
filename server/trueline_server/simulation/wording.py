"""How a timeline says things: alerts, reasons and spans of time in words."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trueline_rules.routing.alert_labels import ALWAYS

from trueline_server.notifications.content import number_of, section, text_of
from trueline_server.notifications.model import Notification

# Why nobody is told, as `reason` of an entry; suppressions have the names that the parts give them.
RATE_LIMIT, RESOLVED_IN_TIME, NO_CHANNELS = "rate_limit", "resolved_in_time", "no_channels"
TOO_SHORT, NOT_WANTED, NO_CHANNEL, OUTDATED = "too_short", "not_wanted", "no_channel", "outdated"
_SECOND_US = 1_000_000
_UNTOLD = {
    "silenced": "silenced by {by}",
    "maintenance": "maintenance {by}",
    "inhibited": "inhibited: {by}",
    "muted": "route {by} is muted at this time",
    "inactive": "route {by} is not active at this time",
    RESOLVED_IN_TIME: "over before anybody had to be told",
}
_REASONS = {
    "first": "the first alerts of their group",
    "new_alerts": "new alerts in the group",
    "unsuppressed": "nothing suppresses it any more",
    "severity_changed": "its severity changed",
    "all_resolved": "all of the group are resolved",
    "some_resolved": "some of the group are resolved",
    "repeat": "it still fires",
    "moved": "it goes another way now",
}


def subject_of(rule: str, labels: Mapping[str, str], count: int = 1) -> str:
    """Alerts in a line: their rule, and the labels by which they differ from others of it."""
    own = "".join(f" {name}={value}" for name, value in sorted(labels.items()) if name not in ALWAYS)
    state = f" ({labels['state']})" if labels.get("state") else ""
    many = f"{count:,} alerts of " if count > 1 else ""
    return f"{many}{rule}{own}{state}"


def why_untold(kind: str, by: str) -> str:
    """Why nobody is told, by kind of suppression and what suppresses."""
    return _UNTOLD.get(kind, kind).format(by=by)


def why_told(part: Notification) -> str:
    """Why a notification goes out."""
    deadline = text_of(section(part.content, "deadline"), "name")
    if deadline:
        return f"{deadline} was missed"
    escalation = section(part.content, "escalation")
    if not text_of(escalation, "level"):
        return _REASONS.get(part.reason, part.reason)
    tries, rounds = number_of(escalation, "try"), number_of(escalation, "round")
    again = f", {tries}. time" if tries > 1 else ""
    anew = f", round {rounds + 1}" if rounds else ""
    return f"level {text_of(escalation, 'level')} of {text_of(escalation, 'policy')}{again}{anew}"


def alike(sets: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """The labels that all have alike."""
    found: dict[str, str] | None = None
    for labels in sets:
        if found is None:
            found = dict(labels)
        else:
            found = {name: value for name, value in found.items() if labels.get(name) == value}
    return dict(sorted((found or {}).items()))


def span_text(us: int) -> str:
    """A length of time in its two largest units."""
    seconds = us // _SECOND_US
    parts = [(seconds // 86_400, "d"), (seconds // 3_600 % 24, "h"), (seconds // 60 % 60, "m"), (seconds % 60, "s")]
    return " ".join(f"{count}{unit}" for count, unit in [part for part in parts if part[0]][:2]) or "0s"
