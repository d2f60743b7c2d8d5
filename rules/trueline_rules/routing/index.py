"""Finds which of many sets of matchers hold for labels, without asking each of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from trueline_rules.routing.matchers import Matcher, MatchOp, all_match

# Values of a label of which the answer is remembered; beyond that all are forgotten, so that memory is bounded.
_REMEMBERED = 4096


class MatcherIndex:
    """Sets of matchers, each under one label: by its values, or by whether a regular expression holds for its value.

    Most sets have an equality, and of most labels the same few values come again and again; a set is asked only if the
    one matcher that it stands under holds.
    """

    def __init__(self, sets: Sequence[tuple[Matcher, ...]]) -> None:
        self._always: list[int] = []
        self._listed: dict[str, dict[str, list[int]]] = {}
        self._tested: dict[str, list[tuple[Matcher, int]]] = {}
        self._remembered: dict[str, dict[str, tuple[int, ...]]] = {}
        # Of each set what is still to be asked once the matcher that it stands under holds.
        self._others: list[tuple[Matcher, ...]] = []
        rarity = Counter((one.name, value) for each in sets for one in each for value in one.values or ())
        for at, matchers in enumerate(sets):
            chosen = _chosen(matchers, rarity)
            self._others.append(tuple(one for one in matchers if one is not chosen))
            if chosen is None:
                self._always.append(at)
            elif chosen.values is None:
                self._tested.setdefault(chosen.name, []).append((chosen, at))
            else:
                by_value = self._listed.setdefault(chosen.name, {})
                for value in chosen.values:
                    by_value.setdefault(value, []).append(at)

    def matching(self, labels: Mapping[str, str]) -> Iterator[int]:
        """Indexes of the sets that match labels, ascending."""
        found = list(self._always)
        for name, by_value in self._listed.items():
            found += by_value.get(labels.get(name, ""), ())
        for name in self._tested:
            found += self._holding(name, labels.get(name, ""))
        found.sort()
        for at in found:
            if all_match(self._others[at], labels):
                yield at

    def _holding(self, name: str, value: str) -> tuple[int, ...]:
        remembered = self._remembered.setdefault(name, {})
        holding = remembered.get(value)
        if holding is None:
            if len(remembered) >= _REMEMBERED:
                remembered.clear()
            holding = tuple(at for matcher, at in self._tested[name] if matcher.holds(value))
            remembered[value] = holding
        return holding


def _chosen(matchers: tuple[Matcher, ...], rarity: Mapping[tuple[str, str], int]) -> Matcher | None:
    """The matcher that a set stands under: the one whose values fewest others have, else one that leaves most out."""
    listed = [
        (max(rarity[one.name, value] for value in one.values), at) for at, one in enumerate(matchers) if one.values
    ]
    if listed:
        return matchers[min(listed)[1]]
    # "!=" and "!~" hold for most values.
    return next((one for one in matchers if one.op is MatchOp.REGEX), next(iter(matchers), None))
