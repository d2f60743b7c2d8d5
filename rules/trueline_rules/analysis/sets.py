"""Sets of values of one variable: numbers, texts, a few constants; and whether nothing is known of it."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import TypeAlias

from trueline_rules.analysis.ranges import ALL, NONE, Ranges


@dataclass(frozen=True, slots=True)
class Texts:
    """Some texts, or all texts but some."""

    members: frozenset[str]
    all_but: bool = False

    def __bool__(self) -> bool:
        return self.all_but or bool(self.members)

    def __or__(self, other: Texts) -> Texts:
        return ~(~self & ~other)

    def __and__(self, other: Texts) -> Texts:
        if self.all_but and other.all_but:
            return Texts(self.members | other.members, all_but=True)
        if self.all_but:
            return Texts(other.members - self.members)
        return Texts(self.members - other.members if other.all_but else self.members & other.members)

    def __invert__(self) -> Texts:
        return Texts(self.members, all_but=not self.all_but)


@dataclass(frozen=True, slots=True)
class Few:
    """Some of a few constants."""

    universe: frozenset[Hashable]
    members: frozenset[Hashable]

    def __bool__(self) -> bool:
        return bool(self.members)

    def __or__(self, other: Few) -> Few:
        return Few(self.universe, self.members | other.members)

    def __and__(self, other: Few) -> Few:
        return Few(self.universe, self.members & other.members)

    def __invert__(self) -> Few:
        return Few(self.universe, self.universe - self.members)


Known: TypeAlias = Ranges | Texts | Few

ALL_TEXTS = Texts(frozenset(), all_but=True)
TRUTHS: frozenset[Hashable] = frozenset({True, False})
ORDERS: frozenset[Hashable] = frozenset({"<", "=", ">"})
THERE: frozenset[Hashable] = frozenset({"there"})


@dataclass(frozen=True, slots=True)
class Values:
    """A set of values of one variable; `missing` tells whether having no value is among them."""

    known: Known
    missing: bool = False

    def __bool__(self) -> bool:
        return self.missing or bool(self.known)

    def __or__(self, other: Values) -> Values:
        return Values(_either(self.known, other.known), self.missing or other.missing)

    def __and__(self, other: Values) -> Values:
        return Values(_both(self.known, other.known), self.missing and other.missing)


def _both(one: Known, other: Known) -> Known:
    """The section; the sets of a variable are all of one sort."""
    return one & other  # type: ignore[operator]


def _either(one: Known, other: Known) -> Known:
    return one | other  # type: ignore[operator]


@dataclass(frozen=True, slots=True)
class Variable:
    """What a condition looks at: a fact, or a part of the condition that is not looked into.

    Attributes:
        key: tells it from others.
        sort: "numbers", "texts", or the constants that it may be.
        nullable: whether it may have no value.

    """

    key: Hashable
    sort: str | frozenset[Hashable]
    nullable: bool = True

    @property
    def known(self) -> Known:
        """All values that it may have."""
        if isinstance(self.sort, frozenset):
            return Few(self.sort, self.sort)
        return ALL if self.sort == "numbers" else ALL_TEXTS

    @property
    def none(self) -> Known:
        """No value."""
        if isinstance(self.sort, frozenset):
            return Few(self.sort, frozenset())
        return NONE if self.sort == "numbers" else Texts(frozenset())

    @property
    def all(self) -> Values:
        """All that it may be."""
        return Values(self.known, self.nullable)

    def rest(self, values: Values) -> Values:
        """All that it may be but these."""
        return Values(~values.known, self.nullable and not values.missing)
