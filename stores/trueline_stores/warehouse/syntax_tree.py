"""Reads what EXPLAIN AST prints into a tree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

_TAIL = re.compile(r"(?: \(alias [^()]*\))?(?: \(children \d+\))?$")


@dataclass(slots=True)
class Node:
    """A node: "Function sumIf (alias x) (children 1)" is kind "Function", name "sumIf"."""

    kind: str
    name: str
    children: list[Node] = field(default_factory=list)


def read_tree(lines: Sequence[str]) -> Node:
    """The tree under the first line.

    Each line is a node, indented by one space a level. Names hold no line breaks: the tokens of a statement that could
    bring some in were refused before.

    Raises:
        ValueError: the lines are no tree.

    """
    path: list[Node] = []
    root: Node | None = None
    for line in lines:
        text = line.lstrip(" ")
        depth = len(line) - len(text)
        kind, _, name = _TAIL.sub("", text).partition(" ")
        node = Node(kind, name)
        if root is None and depth == 0:
            root = node
        elif 0 < depth <= len(path):
            path[depth - 1].children.append(node)
        else:
            raise ValueError(f"EXPLAIN AST printed a line that fits nowhere: {line!r}")
        del path[depth:]
        path.append(node)
    if root is None:
        raise ValueError("EXPLAIN AST printed nothing")
    # The client adds a FORMAT, which shows as a second child of the root.
    del root.children[1:]
    return root
