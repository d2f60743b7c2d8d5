"""Why alerts are not notified: silences, maintenance, inhibitions, and the hours of routes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trueline_rules.routing.index import MatcherIndex
from trueline_rules.routing.inhibition import Inhibitor
from trueline_rules.routing.matchers import Matcher, match_everything
from trueline_rules.routing.time_intervals import begins_us, covers, ends_us
from trueline_rules.routing_model import (
    LONGEST_SILENCE_US,
    Destination,
    Maintenance,
    Silence,
    SuppressedBy,
    Suppression,
)


class Suppressor:
    """Tells at an instant why alerts are not notified; made anew when silences or rules change, or for each flush.

    Of several reasons a silence comes first (somebody said so), then maintenance, then inhibition; of several silences
    the one that ends last.
    """

    def __init__(
        self,
        silences: Iterable[Silence],
        maintenances: Iterable[Maintenance],
        inhibitor: Inhibitor,
        now_us: int,
    ) -> None:
        self._silences = [one for one in silences if one.starts_us <= now_us < one.ends_us]
        self._silenced = MatcherIndex([one.matchers for one in self._silences])
        self._maintenances = sorted(
            (one for one in maintenances if covers(one.intervals, now_us)), key=lambda one: one.metadata.name
        )
        self._maintained = MatcherIndex([one.matchers for one in self._maintenances])
        self._ends = [ends_us(one.intervals, now_us) for one in self._maintenances]
        self._inhibitor = inhibitor

    def why(self, labels: Mapping[str, str]) -> Suppression | None:
        """Why an alert with these labels is not notified on any route; None if it is."""
        silences = [self._silences[at] for at in self._silenced.matching(labels)]
        if silences:
            last = max(silences, key=lambda one: (one.ends_us, one.metadata.name))
            return Suppression(SuppressedBy.SILENCED, last.metadata.name, last.ends_us)
        for at in self._maintained.matching(labels):
            return Suppression(SuppressedBy.MAINTENANCE, self._maintenances[at].metadata.name, self._ends[at])
        return self._inhibitor.inhibits(labels)


def out_of_hours(destination: Destination, now_us: int) -> Suppression | None:
    """Why a route notifies nobody now: it is muted, or not active; None if it does."""
    name = "/".join(destination.path)
    if covers(destination.mute, now_us):
        return Suppression(SuppressedBy.MUTED, name, ends_us(destination.mute, now_us))
    if destination.active and not covers(destination.active, now_us):
        return Suppression(SuppressedBy.INACTIVE, name, begins_us(destination.active, now_us))
    return None


def wrong_matchers(matchers: Iterable[Matcher]) -> str | None:
    """Say what is wrong with the matchers of a silence or maintenance; None if nothing is."""
    if match_everything(matchers):
        return 'ask for no label: each holds for an alert without it; add rule=~".+" if that is meant'
    return None


def wrong_span(starts_us: int, ends_us: int) -> str | None:
    """Say what is wrong with the time of a silence, as "must ..." of its end; None if nothing is."""
    if ends_us <= starts_us:
        return "must be after it starts"
    if ends_us - starts_us > LONGEST_SILENCE_US:
        return "must be at most a year after it starts; what comes again and again is a Maintenance"
    return None
