"""The site of a document: where each of its values stands, and how a problem there is told."""

from __future__ import annotations

from typing import Any, Protocol

import yaml

from trueline_rules.errors import Problems
from trueline_rules.model import Place, Written
from trueline_rules.names import quoted
from trueline_rules.syntax import NULL, REFUSED, TextNode, place_of

# Keys and list indexes from the document down to a value.
Path = tuple[str | int, ...]

TEXT = "tag:yaml.org,2002:str"
BOOLEAN = "tag:yaml.org,2002:bool"
WHOLE = "tag:yaml.org,2002:int"
FRACTION = "tag:yaml.org,2002:float"
INSTANT = "tag:yaml.org,2002:timestamp"
MERGE = "tag:yaml.org,2002:merge"
MAP = "tag:yaml.org,2002:map"
LIST = "tag:yaml.org,2002:seq"

_SCALARS = {
    TEXT: "",
    BOOLEAN: "the boolean ",
    WHOLE: "the number ",
    FRACTION: "the number ",
    INSTANT: "the date ",
    MERGE: "the merge key ",
}

# What a shape answers for a value that is wrong; the problem is noted by then.
BAD = object()


class Shape(Protocol):
    """What a value may look like: it reads values and describes itself as JSON Schema, from one definition."""

    @property
    def noun(self) -> str:
        """What a value is called in messages: "a number above 0"."""
        ...

    def take(self, node: yaml.Node, path: Path, site: Site) -> Any:
        """Answer the value, or BAD after noting what is wrong."""
        ...

    def schema(self) -> dict[str, Any]:
        """Describe the values as JSON Schema."""
        ...


class Site:
    """Where the values of one document stand, and what is wrong with them."""

    def __init__(self, file: str, problems: Problems, start: Place) -> None:
        self.file = file
        self._problems = problems
        self._before = len(problems)
        self._refused = False
        self._values: dict[Path, Place] = {(): start}
        self._keys: dict[Path, Place] = {}
        self._texts: dict[Path, TextNode] = {}

    @property
    def sound(self) -> bool:
        """True if nothing was found wrong since the document began, and nothing in it was refused before."""
        return not self._refused and len(self._problems) == self._before

    def read(self, shape: Shape, node: yaml.Node, path: Path, key: yaml.Node | None = None) -> Any:
        """Read a value by its shape and remember where it stands."""
        self._values[path] = place_of(self.file, node.start_mark)
        if key is not None:
            self._keys[path] = place_of(self.file, key.start_mark)
        if isinstance(node, TextNode):
            self._texts[path] = node
        if node.tag == REFUSED:
            self._refused = True
            return BAD
        return shape.take(node, path, self)

    def place(self, path: Path, *, key: bool = False) -> Place:
        """Where a value (or, with `key`, its key) stands; if it is absent, where the nearest thing around it does."""
        if key and path in self._keys:
            return self._keys[path]
        while path not in self._values:
            path = path[:-1]
            key = True
        return self._keys.get(path, self._values[path]) if key else self._values[path]

    def written(self, path: Path) -> Written | None:
        """How a text stands in the file; None if there is none."""
        node = self._texts.get(path)
        return node.written(self.file) if node is not None else None

    def place_in(self, path: Path, offset: int) -> Place | None:
        """Where a character of a text stands; None if the file does not have the text letter by letter."""
        written = self.written(path)
        return written.place(offset) if written is not None and written.exact else None

    def comment_behind(self, path: Path) -> str:
        """What a comment says that stands directly behind an unquoted text; "" = there is none."""
        node = self._texts.get(path)
        return node.comment if node is not None else ""

    def problem(self, path: Path, message: str, *, key: bool = False, at: yaml.Node | Place | None = None) -> None:
        """Note a problem: "spec.window must be ...", at the value, its key, or where `at` says."""
        if isinstance(at, yaml.Node):
            at = place_of(self.file, at.start_mark)
        place = at if at is not None else self.place(path, key=key)
        self._problems.add(place, f"{show_path(path)} {message}")

    def moved(self, problems: Problems) -> Site:
        """The same site, telling its problems to another collection."""
        site = Site(self.file, problems, self._values[()])
        site._values, site._keys, site._texts = self._values, self._keys, self._texts
        return site


def show_path(path: Path) -> str:
    """Write a path as `spec.where.name[0]`; the document itself is "the document"."""
    shown = ""
    for part in path:
        shown += f"[{part}]" if isinstance(part, int) else f".{part if len(part) <= 80 else part[:77] + '...'}"
    return shown.removeprefix(".") or "the document"


def show_node(node: yaml.Node) -> str:
    """Say what a node is, for the tail of a message: "is the number 5"."""
    if isinstance(node, yaml.MappingNode):
        return "is a map" if node.tag == MAP else f"has the tag {quoted(node.tag)}"
    if isinstance(node, yaml.SequenceNode):
        return "is a list" if node.tag == LIST else f"has the tag {quoted(node.tag)}"
    if node.tag == NULL:
        return "is empty"
    if node.tag in _SCALARS:
        value = quoted(node.value)
        return f"is {_SCALARS[node.tag]}{value if node.tag == TEXT else value[1:-1]}"
    return f"has the tag {quoted(node.tag)}"
