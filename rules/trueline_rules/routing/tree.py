"""The tree of routes: which routes an alert goes to. The first child that matches wins, unless it says `continue`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from trueline_rules.escalation_model import EscalationPolicy
from trueline_rules.model import Metadata
from trueline_rules.routing.index import MatcherIndex
from trueline_rules.routing.matchers import Matcher
from trueline_rules.routing_model import (
    DEFAULT_GROUP_BY,
    DEFAULT_GROUP_INTERVAL_US,
    DEFAULT_GROUP_WAIT_US,
    DEFAULT_REPEAT_INTERVAL_US,
    MATCHED,
    NO_ESCALATION,
    Destination,
    Route,
    RouteNode,
    Timing,
)

ROOT_NAME = "default"
# What holds where not even the root says anything.
_BARE = RouteNode(
    group_by=DEFAULT_GROUP_BY,
    group_wait_us=DEFAULT_GROUP_WAIT_US,
    group_interval_us=DEFAULT_GROUP_INTERVAL_US,
    repeat_interval_us=DEFAULT_REPEAT_INTERVAL_US,
    channels=(),
    escalation=NO_ESCALATION,
    mute=(),
    active=(),
)
_INHERITED = (
    "group_by",
    "group_wait_us",
    "group_interval_us",
    "repeat_interval_us",
    "channels",
    "escalation",
    "mute",
    "active",
)
_Named = tuple[str, RouteNode]


@dataclass(frozen=True, slots=True)
class _Branch:
    """A route with what it inherits, and its children behind an index; `matched` = its policy is that of the alert."""

    destination: Destination
    matched: bool
    go_on: bool
    children: tuple[_Branch, ...]
    index: MatcherIndex

    def collect(self, labels: Mapping[str, str], found: list[_Branch]) -> None:
        """Add where an alert ends that came here: at children, or here if none matches."""
        before = len(found)
        for at in self.index.matching(labels):
            child = self.children[at]
            child.collect(labels, found)
            if not child.go_on:
                break
        if len(found) == before:
            found.append(self)

    def all(self) -> Iterator[_Branch]:
        """This branch and those below."""
        yield self
        for child in self.children:
            yield from child.all()


class RouteTree:
    """All routes of a rule set, from the root, and the policies that alerts take where their route names none."""

    def __init__(self, root: _Branch, policies: Sequence[EscalationPolicy] = ()) -> None:
        """`policies` are those with `match`, in the order in which they are asked."""
        self._root = root
        self._policies = policies
        self._index = MatcherIndex([policy.match or () for policy in policies])
        self._made: dict[tuple[tuple[str, ...], str], Destination] = {}

    @classmethod
    def of(cls, routes: Iterable[Route], policies: Iterable[EscalationPolicy] = ()) -> RouteTree:
        """Make the tree of route documents: the one without matchers is the root, the others come below it by name.

        Without a root nobody is notified. Costs time in proportion to the number of routes.

        Args:
            routes: of a rule set.
            policies: of the same; those without `match` are only taken where a route names them.

        Raises:
            ValueError: two documents have no matchers.

        """
        documents = sorted(routes, key=lambda route: route.metadata.name)
        roots = [route for route in documents if not route.node.matchers]
        if len(roots) > 1:
            raise ValueError(f"two routes have no matchers: {' and '.join(root.metadata.name for root in roots)}")
        root = roots[0] if roots else Route(Metadata(ROOT_NAME), RouteNode())
        below = [(route.metadata.name, route.node) for route in documents if route.node.matchers]
        asked = [policy for policy in policies if policy.match is not None]
        asked.sort(key=lambda policy: (policy.order, policy.metadata.name))
        return cls(_grow((), root.metadata.name, root.node, [*below, *_inner(root.node)], _BARE), asked)

    def destinations(self, labels: Mapping[str, str]) -> tuple[Destination, ...]:
        """Where an alert goes, in the order of the routes; at most one for each route, and at least one."""
        found: list[_Branch] = []
        self._root.collect(labels, found)
        return tuple(self._with_policy(branch, labels) if branch.matched else branch.destination for branch in found)

    @property
    def all_destinations(self) -> tuple[Destination, ...]:
        """Every route, whether an alert goes there or to one below, with each policy that it may come to there."""
        found: list[Destination] = []
        for branch in self._root.all():
            found.append(branch.destination)
            if branch.matched:
                found += (self._made_with(branch, policy.metadata.name) for policy in self._policies)
        return tuple(found)

    def _with_policy(self, branch: _Branch, labels: Mapping[str, str]) -> Destination:
        first = next(self._index.matching(labels), None)
        return branch.destination if first is None else self._made_with(branch, self._policies[first].metadata.name)

    def _made_with(self, branch: _Branch, policy: str) -> Destination:
        """The destination for alerts that take a policy, which are groups of their own; made once."""
        plain = branch.destination
        known = self._made.get((plain.path, policy))
        if known is None:
            known = replace(plain, path=(*plain.path, f"policy:{policy}"), escalation=policy)
            self._made[plain.path, policy] = known
        return known


def _grow(
    above: tuple[str, ...], name: str, node: RouteNode, children: Sequence[_Named], inherits: RouteNode
) -> _Branch:
    path = (*above, name)
    left_out = {key: getattr(inherits, key) for key in _INHERITED if getattr(node, key) is None}
    whole = replace(node, **left_out)
    return _Branch(
        destination=_destination(path, whole),
        matched=whole.escalation == MATCHED,
        go_on=node.go_on,
        children=tuple(_grow(path, called, child, _inner(child), whole) for called, child in children),
        index=MatcherIndex([child.matchers for _, child in children]),
    )


def _inner(node: RouteNode) -> list[_Named]:
    """The routes inside of a document by names that stay when others come and go: what they match."""
    seen: Counter[str] = Counter()
    named = []
    for child in node.routes:
        name = _written(child.matchers)
        seen[name] += 1
        named.append((name if seen[name] == 1 else f"{name}#{seen[name]}", child))
    return named


def _written(matchers: tuple[Matcher, ...]) -> str:
    return "{" + ", ".join(str(matcher) for matcher in matchers) + "}"


def _destination(path: tuple[str, ...], node: RouteNode) -> Destination:
    """What a route comes to that leaves nothing out."""
    wait, interval, repeat = node.group_wait_us, node.group_interval_us, node.repeat_interval_us
    assert wait is not None
    assert interval is not None
    assert repeat is not None
    return Destination(
        path=path,
        channels=node.channels or (),
        escalation="" if node.escalation in {None, NO_ESCALATION, MATCHED} else str(node.escalation),
        group_by=node.group_by or (),
        # A group is looked at every interval, and so cannot repeat at another time.
        timing=Timing(wait, interval, -(-repeat // interval) * interval),
        mute=node.mute or (),
        active=node.active or (),
    )
