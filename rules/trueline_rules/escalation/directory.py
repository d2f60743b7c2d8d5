"""Who is behind a target: the people on call in a schedule, the channels of a person, a channel."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from trueline_rules.escalation.actions import Reached, Recipient
from trueline_rules.escalation_model import Reaches, Target
from trueline_rules.model import Metadata
from trueline_rules.schedule_model import OnCallSchedule
from trueline_rules.schedules.on_call import on_call


class Channel(Protocol):
    """What is read of a notification channel: its name, and whose it is ("" = nobody's)."""

    @property
    def metadata(self) -> Metadata: ...  # noqa: D102
    @property
    def person(self) -> str | None: ...  # noqa: D102


@dataclass(frozen=True, slots=True)
class Directory:
    """The schedules and channels of a rule set; an instance is what `due` calls `reach`.

    A person is told on the first of their channels, in the order of the rule files, or on all where the target says so.
    Cases keep their policy, not the directory: who is on call and how they are reached is looked up when it is due.
    """

    schedules: Mapping[str, OnCallSchedule]
    people: Mapping[str, tuple[str, ...]]
    channels: frozenset[str]

    @classmethod
    def of(cls, schedules: Mapping[str, OnCallSchedule], channels: Iterable[Channel]) -> Directory:
        """Make it of on-call schedules by name and of all notification channels."""
        people: dict[str, tuple[str, ...]] = {}
        names = set()
        for channel in channels:
            name = channel.metadata.name
            names.add(name)
            if channel.person:
                people[channel.person] = (*people.get(channel.person, ()), name)
        return cls(dict(schedules), people, frozenset(names))

    def __call__(self, target: Target, at_us: int) -> Reached:
        """Answer the channels behind a target at an instant, each once, or why there are none."""
        if target.kind is Reaches.CHANNEL:
            if target.name not in self.channels:
                return Reached((), f"there is no channel {target.name} any more")
            return Reached((Recipient(target.name, "", target),))
        if target.kind is Reaches.PERSON:
            return self._people((target.name,), target)
        schedule = self.schedules.get(target.name)
        if schedule is None:
            return Reached((), f"there is no schedule {target.name} any more")
        people = on_call(schedule, at_us)
        return self._people(people, target) if people else Reached((), "nobody is on call")

    def _people(self, people: tuple[str, ...], target: Target) -> Reached:
        most = None if target.every else 1
        channels = {person: self.people.get(person, ())[:most] for person in people}
        found = {name: Recipient(name, person, target) for person, names in channels.items() for name in names}
        if found:
            return Reached(tuple(found.values()))
        return Reached((), f"{' and '.join(people)} {'have' if len(people) > 1 else 'has'} no channel")
