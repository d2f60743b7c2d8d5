"""Which controls of a framework others cover by mappings, hop by hop. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from trueline_rules.compliance_model import ControlMapping, ControlPair, Relation

MOST_HOPS = 3

# Framework and id of a control.
Node = tuple[str, str]

# The weakest first: a chain is worth what its weakest link is.
_RANKS: Mapping[Relation, int] = {
    Relation.INTERSECTS: 1,
    Relation.SUBSET: 2,
    Relation.SUPERSET: 3,
    Relation.EQUAL: 4,
}
_FULL = _RANKS[Relation.SUPERSET]


@dataclass(frozen=True, slots=True)
class Hop:
    """From a control to the next one of a chain, and how it lies to it."""

    framework: str
    control: str
    relation: Relation
    strength: int
    rationale: str


@dataclass(frozen=True, slots=True)
class Covered:
    """How a control is covered.

    Attributes:
        control: its id.
        share: of the controls mapped to it those in place, 0 to 1.
        hops: the best chain from a control in place: that with the strongest weakest link; () if there is none.

    """

    control: str
    share: float
    hops: tuple[Hop, ...]

    @property
    def relation(self) -> Relation | None:
        """The weakest relation of the best chain."""
        return min((hop.relation for hop in self.hops), key=_RANKS.__getitem__, default=None)

    @property
    def full(self) -> bool:
        """Whether each control of the best chain asks for all of the next."""
        return self.relation is not None and _RANKS[self.relation] >= _FULL


@dataclass(frozen=True, slots=True)
class Coverage:
    """How the controls of a framework are covered by another; the shares are over those that mappings lead to."""

    controls: tuple[Covered, ...]

    @property
    def covered_any(self) -> int:
        """Controls with at least one mapped control in place."""
        return sum(covered.share > 0 for covered in self.controls)

    @property
    def covered_all(self) -> int:
        """Controls with all mapped controls in place."""
        return sum(covered.share == 1 for covered in self.controls)

    @property
    def mean_share(self) -> float | None:
        """Mean share; None if there are no controls."""
        return sum(covered.share for covered in self.controls) / len(self.controls) if self.controls else None

    @property
    def uncovered(self) -> tuple[str, ...]:
        """Controls without any mapped control in place."""
        return tuple(covered.control for covered in self.controls if not covered.share)


@dataclass(frozen=True, slots=True)
class _Chain:
    """A chain from a control in place, and what it is worth."""

    rank: int
    strength: int
    hops: tuple[Hop, ...] = ()

    def better_than(self, other: _Chain | None) -> bool:
        return other is None or (self.rank, self.strength, -len(self.hops)) > (
            other.rank,
            other.strength,
            -len(other.hops),
        )


@dataclass(slots=True)
class _Reached:
    """What leads to a control: controls of the covering framework as bits, and the best chain."""

    sources: int = 0
    chain: _Chain | None = field(default=None)


def cover(
    mappings: Iterable[ControlMapping],
    framework: str,
    by_framework: str,
    in_place: Iterable[str],
    *,
    hops: int = MOST_HOPS,
    order: Sequence[str] = (),
) -> Coverage:
    """How the controls of a framework are covered.

    Args:
        mappings: that may be used, in both directions.
        framework: that is covered.
        by_framework: that covers it.
        in_place: its controls that are in place.
        hops: most mappings from the one to the other.
        order: ids of the covered framework in its order; others follow by id.

    """
    links = _links(mappings, framework, by_framework)
    starts = sorted({start for start, _ in links if start[0] == by_framework})
    bits = {start: 1 << place for place, start in enumerate(starts)}
    held = sum(bits[by_framework, control] for control in {*in_place} if (by_framework, control) in bits)
    strongest = _Chain(max(_RANKS.values()), 10)
    layer = {start: _Reached(bit, strongest if held & bit else None) for start, bit in bits.items()}
    total: dict[Node, _Reached] = {}
    for _ in range(hops):
        layer = _step(layer, links)
        for node, reached in layer.items():
            if node[0] == framework:
                _join(total.setdefault(node, _Reached()), reached.sources, reached.chain)
    places = {control: place for place, control in enumerate(order)}
    controls = sorted(total, key=lambda node: (places.get(node[1], len(places)), node[1]))
    return Coverage(
        tuple(
            Covered(node[1], _share(total[node].sources, held), chain.hops if (chain := total[node].chain) else ())
            for node in controls
        )
    )


def _share(sources: int, held: int) -> float:
    return (sources & held).bit_count() / sources.bit_count()


def _links(
    mappings: Iterable[ControlMapping], framework: str, by_framework: str
) -> list[tuple[Node, tuple[Node, ControlPair]]]:
    """All links in both directions that a chain may have: none back to where it began, none beyond its end."""
    links: list[tuple[Node, tuple[Node, ControlPair]]] = []
    for mapping in mappings:
        source, target = mapping.source.name, mapping.target.name
        for pair in mapping.pairs:
            turned = ControlPair(pair.target, pair.source, pair.relation.turned, pair.strength, pair.rationale)
            for start, end, link in ((source, target, pair), (target, source, turned)):
                if start != framework and end != by_framework:
                    links.append(((start, link.source), ((end, link.target), link)))
    return links


def _step(
    layer: Mapping[Node, _Reached], links: Iterable[tuple[Node, tuple[Node, ControlPair]]]
) -> dict[Node, _Reached]:
    """One hop further."""
    further: dict[Node, _Reached] = {}
    for start, (end, pair) in links:
        reached = layer.get(start)
        if reached is None:
            continue
        chain = None
        if reached.chain is not None:
            hop = Hop(*start, pair.relation, pair.strength, pair.rationale)
            rank = min(reached.chain.rank, _RANKS[pair.relation])
            # A link of which nobody tells the strength does not weaken a chain.
            strength = min(reached.chain.strength, pair.strength or reached.chain.strength)
            chain = _Chain(rank, strength, (*reached.chain.hops, hop))
        _join(further.setdefault(end, _Reached()), reached.sources, chain)
    return further


def _join(reached: _Reached, sources: int, chain: _Chain | None) -> None:
    reached.sources |= sources
    if chain is not None and chain.better_than(reached.chain):
        reached.chain = chain
