"""Reads the content of notifications, of alerts or of anything else, whatever of it is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from trueline_server.cases.model import WORST_FIRST

# MOVED: it fires on, and another route tells of it.
RESOLVED, MOVED = "resolved", "moved"


def alerts_in(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The alerts that a content tells of; none for a report."""
    found = content.get("alerts")
    return [each for each in found if isinstance(each, Mapping)] if isinstance(found, list) else []


def cases_of(content: Mapping[str, Any]) -> list[str]:
    """Ids of the cases of its alerts, each once, in order."""
    ids = (each.get("case") for each in alerts_in(content))
    return list(dict.fromkeys(each for each in ids if isinstance(each, str) and each))


def is_resolve(content: Mapping[str, Any]) -> bool:
    """Whether it only tells that something is over, or over for whoever is told."""
    return text_of(content, "status") in {RESOLVED, MOVED}


def common_labels(content: Mapping[str, Any]) -> dict[str, str]:
    """The labels that all its alerts have alike."""
    alerts = alerts_in(content)
    found = labels_of(alerts[0]) if alerts else {}
    for each in alerts[1:]:
        labels = labels_of(each)
        found = {name: value for name, value in found.items() if labels.get(name) == value}
    return found


def labels_of(of: Mapping[str, Any]) -> dict[str, str]:
    """The labels of an alert or a group."""
    return {str(name): str(value) for name, value in section(of, "labels").items()}


def section(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    """An object inside of a content; empty if it is not there."""
    found = content.get(name)
    return found if isinstance(found, Mapping) else {}


def text_of(content: Mapping[str, Any], name: str) -> str:
    """A text inside of a content; "" if it is not there."""
    found = content.get(name)
    return "" if found is None else str(found)


def number_of(content: Mapping[str, Any], name: str) -> int:
    """A whole number inside of a content; 0 if it is not there."""
    found = content.get(name)
    return found if isinstance(found, int) else 0


def worst_severity(content: Mapping[str, Any]) -> str:
    """The worst severity of what it tells of; "" if it has none."""
    return worst_of(text_of(each, "severity") for each in alerts_in(content))


def worst_of(severities: Iterable[str]) -> str:
    """The worst of severities; one that is not known counts least."""
    given = {each for each in severities if each}
    known = [each for each in WORST_FIRST if each in given]
    return known[0] if known else min(given, default="")
