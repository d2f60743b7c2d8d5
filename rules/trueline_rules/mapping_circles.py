"""Mappings of controls that contradict each other: a control that asks for more than itself, by whatever way."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

from trueline_rules.compliance_model import ControlMapping, Relation
from trueline_rules.documents import Document
from trueline_rules.errors import Problems

# Circles that are told; each takes a search of its own.
MOST_TOLD = 20

# Framework and id of a control.
Node = tuple[str, str]


@dataclass(frozen=True, slots=True)
class _Step:
    """From a control to one that it asks for all of (`strict`: and more), as a pair of a document says."""

    start: Node
    end: Node
    strict: bool
    document: Document
    pair: int


def refuse_contradictions(documents: Iterable[Document], problems: Problems) -> None:
    """Note circles in which every control asks for all of the next, and one of them for more."""
    steps = [step for document in documents if isinstance(document.model, ControlMapping) for step in _steps(document)]
    if not _contradictory(steps):
        return
    leading: dict[Node, list[_Step]] = {}
    for step in steps:
        leading.setdefault(step.start, []).append(step)
    told: set[frozenset[Node]] = set()
    for step in steps:
        back = _way(step.end, step.start, leading) if step.strict else None
        if back is None or frozenset(each.start for each in (step, *back)) in told:
            continue
        told.add(frozenset(each.start for each in (step, *back)))
        shown = _shown(step.start) + "".join(
            f" {'⊃' if each.strict else '='} {_shown(each.end)}" for each in (step, *back)
        )
        message = f"makes a control ask for more than itself: {shown}; one of these relations is wrong"
        step.document.site.moved(problems).problem(("spec", "pairs", step.pair), message)
        if len(told) == MOST_TOLD:
            return


def _steps(document: Document) -> list[_Step]:
    mapping: ControlMapping = document.model
    steps = []
    for place, pair in enumerate(mapping.pairs):
        first, second = (mapping.source.name, pair.source), (mapping.target.name, pair.target)
        if pair.relation in {Relation.SUPERSET, Relation.EQUAL}:
            steps.append(_Step(first, second, pair.relation is Relation.SUPERSET, document, place))
        if pair.relation in {Relation.SUBSET, Relation.EQUAL}:
            steps.append(_Step(second, first, pair.relation is Relation.SUBSET, document, place))
    return steps


def _contradictory(steps: Sequence[_Step]) -> bool:
    """Whether the strict steps between classes of equal controls go round."""
    parent: dict[Node, Node] = {}

    def class_of(node: Node) -> Node:
        while (above := parent.get(node, node)) != node:
            parent[node] = node = parent.get(above, above)
        return node

    for step in steps:
        if not step.strict:
            parent[class_of(step.start)] = class_of(step.end)
    order: TopologicalSorter[Node] = TopologicalSorter()
    for step in steps:
        if step.strict:
            order.add(class_of(step.start), class_of(step.end))
    try:
        order.prepare()
    except CycleError:
        return True
    return False


def _way(start: Node, end: Node, leading: Mapping[Node, Sequence[_Step]]) -> list[_Step] | None:
    """The shortest way from one control to another; None if there is none."""
    came_by: dict[Node, _Step] = {}
    waiting = deque([start])
    while waiting and end not in came_by:
        for step in leading.get(waiting.popleft(), []):
            if step.end not in came_by and step.end != start:
                came_by[step.end] = step
                waiting.append(step.end)
    if end not in came_by:
        return None
    way = [came_by[end]]
    while way[-1].start != start:
        way.append(came_by[way[-1].start])
    return way[::-1]


def _shown(node: Node) -> str:
    return f"{node[0]} {node[1]}"
