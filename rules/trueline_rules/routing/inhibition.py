"""Inhibition: alerts that are not notified because a worse one fires that explains them; Alertmanager's semantics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trueline_rules.routing.index import MatcherIndex
from trueline_rules.routing.matchers import all_match
from trueline_rules.routing_model import Inhibition, SuppressedBy, Suppression

# Values of the `equal` labels; an absent label and an empty one are the same.
_Key = tuple[str, ...]
# Fingerprints in the order in which they came; of a dict, so that the first one is found at once.
_Sources = dict[str, None]


class Inhibitor:
    """Knows which sources fire, by the values of the labels that must be equal.

    An alert that matches both sides of an inhibition is not inhibited by another one that does: neither itself nor
    those like it. To put in, to take out and to ask cost the same however many alerts fire.
    """

    def __init__(self, inhibitions: Iterable[Inhibition]) -> None:
        self._inhibitions = sorted(inhibitions, key=lambda one: one.metadata.name)
        self._by_source = MatcherIndex([one.sources for one in self._inhibitions])
        self._by_target = MatcherIndex([one.targets for one in self._inhibitions])
        # Of each inhibition by key: sources that are no targets, and those that are.
        self._plain: list[dict[_Key, _Sources]] = [{} for _ in self._inhibitions]
        self._both: list[dict[_Key, _Sources]] = [{} for _ in self._inhibitions]
        self._entries: dict[str, list[tuple[dict[_Key, _Sources], _Key]]] = {}

    @classmethod
    def of(cls, inhibitions: Iterable[Inhibition], firing: Iterable[tuple[str, Mapping[str, str]]]) -> Inhibitor:
        """An inhibitor that knows these firing alerts: fingerprint and labels."""
        inhibitor = cls(inhibitions)
        for fingerprint, labels in firing:
            inhibitor.fire(fingerprint, labels)
        return inhibitor

    def fire(self, fingerprint: str, labels: Mapping[str, str]) -> None:
        """Put in an alert that fires; one that was there with other labels is replaced."""
        self.resolve(fingerprint)
        entries = []
        for at in self._by_source.matching(labels):
            one = self._inhibitions[at]
            side = self._both if all_match(one.targets, labels) else self._plain
            key = _key(one, labels)
            side[at].setdefault(key, {})[fingerprint] = None
            entries.append((side[at], key))
        if entries:
            self._entries[fingerprint] = entries

    def resolve(self, fingerprint: str) -> None:
        """Take out an alert that fires no more; nothing happens if it is not there."""
        for sources, key in self._entries.pop(fingerprint, ()):
            del sources[key][fingerprint]
            if not sources[key]:
                del sources[key]

    def inhibits(self, labels: Mapping[str, str]) -> Suppression | None:
        """Why an alert is inhibited: by the first inhibition by name, and its source that has fired longest."""
        for at in self._by_target.matching(labels):
            one = self._inhibitions[at]
            key = _key(one, labels)
            sources = self._plain[at].get(key)
            if sources is None and not all_match(one.sources, labels):
                sources = self._both[at].get(key)
            if sources:
                return Suppression(SuppressedBy.INHIBITED, one.metadata.name, source=next(iter(sources)))
        return None


def _key(inhibition: Inhibition, labels: Mapping[str, str]) -> _Key:
    return tuple(labels.get(name, "") for name in inhibition.equal)
