"""A timeline in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from trueline_rules.model import RuleSet

from trueline_server.cases.model import Case, CaseKind
from trueline_server.simulation.model import Entry, EntryKind, LevelCount, RecipientCount, Summary
from trueline_server.simulation.wording import RATE_LIMIT

_NOBODY_TOLD = frozenset({EntryKind.UNTOLD, EntryKind.UNSENT, EntryKind.CALMED})


def summarise(rules: RuleSet, entries: Sequence[Entry], cases: Iterable[Case], waiting: int) -> Summary:
    """Count a timeline.

    Args:
        rules: for the channels that there are.
        entries: all of it.
        cases: as they are at the end.
        waiting: notifications that still wait.

    """
    untold: Counter[str] = Counter()
    deadlines: Counter[str] = Counter()
    for entry in entries:
        if entry.kind in _NOBODY_TOLD:
            untold[entry.reason] += max(entry.alerts_total, 1)
        elif entry.kind is EntryKind.DEADLINE_MISSED:
            deadlines[entry.deadline] += 1
    alerts = [case for case in cases if case.kind is CaseKind.ALERT]
    still_open = sum(case.is_open for case in alerts)
    return Summary(
        opened=len(alerts),
        resolved=len(alerts) - still_open,
        open=still_open,
        recipients=_recipients(rules, entries),
        untold=dict(sorted(untold.items())),
        levels=_levels(entries),
        exhausted=sum(entry.kind is EntryKind.EXHAUSTED for entry in entries),
        deadlines=dict(sorted(deadlines.items())),
        waiting=waiting,
    )


def _recipients(rules: RuleSet, entries: Sequence[Entry]) -> tuple[RecipientCount, ...]:
    channels: dict[str, Any] = dict(rules.documents.get("NotificationChannel", {}))
    found = {name: RecipientCount(name, channel.person) for name, channel in channels.items()}
    for entry in entries:
        if entry.kind not in {EntryKind.SENT, EntryKind.HELD}:
            continue
        (channel,) = entry.channels
        known = found[channel]
        if entry.kind is EntryKind.HELD and entry.reason == RATE_LIMIT:
            found[channel] = replace(known, held=known.held + entry.parts)
        elif entry.kind is EntryKind.SENT:
            found[channel] = replace(
                known,
                messages=known.messages + 1,
                notifications=known.notifications + entry.parts,
                longest_wait_us=max(known.longest_wait_us, entry.waited_us),
            )
    return tuple(sorted(found.values(), key=lambda one: (one.person, one.channel)))


def _levels(entries: Sequence[Entry]) -> tuple[LevelCount, ...]:
    found: dict[tuple[str, str], LevelCount] = {}
    for entry in entries:
        if entry.kind not in {EntryKind.LEVEL, EntryKind.UNREACHED}:
            continue
        key = (entry.policy, entry.level)
        known = found.setdefault(key, LevelCount(*key))
        told = known.told + bool(entry.channels)
        found[key] = replace(known, told=told, unreached=known.unreached + (entry.kind is EntryKind.UNREACHED))
    return tuple(found.values())
