"""Texts of notifications with places for values: `{{ labels.team }}`; no code, nothing but names from a closed list."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from trueline_rules.names import hint, quoted

# Single values of a notification that a place may name.
VALUES: Mapping[str, str] = {
    "status": "firing or resolved",
    "reason": "why it is sent: first, new_alerts, ...",
    "firing": "number of alerts that fire",
    "resolved": "number of alerts that are resolved",
    "suppressed": "number of alerts that fire and are not told",
    "severity": "the worst severity among the alerts",
    "rule": "name of the alert rule, if all alerts have the same",
    "summary": "summary of the rule",
    "description": "description of the rule",
    "owner": "who answers for the rule",
    "runbook": "where it says what to do",
    "route": "path of the route",
    "channel": "name of the channel",
    "level": "level of the escalation, if it is one",
    "tenant": "whose alerts they are",
    "alerts": "the alerts, one on a line",
}
# Names before a dot: labels that all alerts have alike, and the labels of the group.
MAPS = ("labels", "group")

DEFAULT_TITLE = "[{{ status }}] {{ severity }}: {{ rule }}"
DEFAULT_TEXT = "{{ summary }}\n{{ alerts }}\n{{ runbook }}"
MOST_BYTES = 8192
# A message is bounded whatever the values are; senders cut further where their channel takes less.
MOST_RENDERED = 20_000
_OPEN, _CLOSE = "{{", "}}"
_LABEL = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class TemplateError(ValueError):
    """A text is no template.

    Attributes:
        offset: index of the character at fault.

    """

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Template:
    """A text with places for values.

    Raises:
        TemplateError: a place names nothing that there is, or is not closed.

    """

    text: str
    _parts: tuple[tuple[str, str, str], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_parts", tuple(_split(self.text)))

    def render(self, values: Mapping[str, str | int], maps: Mapping[str, Mapping[str, str]]) -> str:
        """Put in the values; what is missing is left empty, and the whole is cut at 20,000 characters.

        Args:
            values: of VALUES.
            maps: of MAPS. What values hold is put in as it is, also if it looks like a place.

        """
        pieces = []
        for literal, name, key in self._parts:
            pieces.append(literal)
            if key:
                pieces.append(maps.get(name, {}).get(key, ""))
            elif name:
                pieces.append(str(values.get(name, "")))
        whole = "".join(pieces)
        return whole if len(whole) <= MOST_RENDERED else whole[: MOST_RENDERED - 3] + "..."


def _split(text: str) -> list[tuple[str, str, str]]:
    """Literal text, name and key behind it (both "" at the end), for all of a text."""
    parts = []
    at = 0
    while (begin := text.find(_OPEN, at)) >= 0:
        end = text.find(_CLOSE, begin)
        if end < 0:
            raise TemplateError("opens '{{' and does not close it; write '}}' behind the name", begin)
        name, key = _name(text[begin + len(_OPEN) : end].strip(), begin)
        parts.append((text[at:begin], name, key))
        at = end + len(_CLOSE)
    stray = text.find(_CLOSE, at)
    if stray >= 0:
        raise TemplateError("closes '}}' without having opened '{{'", stray)
    parts.append((text[at:], "", ""))
    return parts


def _name(written: str, offset: int) -> tuple[str, str]:
    if written in VALUES:
        return written, ""
    first, dot, key = written.partition(".")
    if dot and first in MAPS and _LABEL.fullmatch(key):
        return first, key
    known = [*VALUES, *(f"{name}.<label>" for name in MAPS)]
    if not written:
        raise TemplateError(f"has a place without a name{hint(written, known)}", offset)
    if written.startswith((".", "$")) or re.search(r"[\s|()]", written):
        way_out = "; a place has one name and nothing else, such as {{ labels.team }} or {{ summary }}"
    elif dot and first not in MAPS:
        way_out = hint(first, MAPS)
    elif first in MAPS:
        way_out = f"; write {{{{ {first}.team }}}} with the name of a label"
    else:
        way_out = hint(written, known)
    raise TemplateError(f"has a place for {quoted(written)}, which is nothing that a message has{way_out}", offset)
