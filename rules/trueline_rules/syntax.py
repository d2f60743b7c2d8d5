"""From the text of a rule file to YAML nodes with places; what the nodes mean is not looked at here.

Aliases are refused: they make files that grow without bound when read, and rule files that nobody can read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import yaml
from yaml.reader import Reader
from yaml.resolver import Resolver

from trueline_rules.errors import Problems
from trueline_rules.malformed import explain
from trueline_rules.model import Place, Written
from trueline_rules.names import quoted

MOST_BYTES = 1024 * 1024
MOST_NODES = 200_000
DEEPEST = 32
# Tag of a node that stands where an alias was: it is known to be wrong already.
REFUSED = "!refused"
NULL = "tag:yaml.org,2002:null"
_COMMENT = re.compile(r"[ \t]+#(.*)")

# libyaml reads ten times faster than the parser written in Python; both give the same events.
_EVENTS: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class _Unreadable(Exception):  # noqa: N818 - never leaves this module
    def __init__(self, place: Place, message: str) -> None:
        super().__init__(message)
        self.place = place
        self.message = message


def place_of(file: str, mark: Any) -> Place:
    """Where a mark of PyYAML is, with lines and columns from 1."""
    return Place(file, mark.line + 1, mark.column + 1)


def compose(text: str, file: str, problems: Problems) -> tuple[list[yaml.Node], bool]:
    """Read the documents of a text; empty ones are left out.

    Returns the documents up to the first error of syntax, and whether there was none.
    """
    documents: list[yaml.Node] = []
    composer = _Composer(text, file, problems)
    try:
        _refuse_unreadable(text, file)
        for node in composer.documents():
            documents += [node] if node.tag != NULL else []
    except _Unreadable as error:
        problems.add(error.place, error.message)
        return documents, False
    except yaml.MarkedYAMLError as error:
        line, column, said = explain(error, text.splitlines(), composer.last)
        problems.add(Place(file, line + 1, column + 1), f"not valid YAML: {said}")
        return documents, False
    return documents, True


def _refuse_unreadable(text: str, file: str) -> None:
    size = len(text.encode("utf-8", "surrogatepass"))
    if size > MOST_BYTES:
        raise _Unreadable(Place(file, 0, 0), f"has {size} bytes; a rule file has at most {MOST_BYTES}: split it")
    strange = Reader.NON_PRINTABLE.search(text)
    if strange:
        line = text.count("\n", 0, strange.start()) + 1
        column = strange.start() - text.rfind("\n", 0, strange.start())
        raise _Unreadable(
            Place(file, line, column), f"not valid YAML: the character U+{ord(strange.group()):04X} is not allowed"
        )


class TextNode(yaml.ScalarNode):
    """A scalar that knows where each of its characters stands, if its value is in the file as it is."""

    def __init__(self, tag: str, value: str, event: Any, lines: Sequence[str]) -> None:
        super().__init__(tag, value, event.start_mark, event.end_mark, event.style)
        # What follows from them is asked of few texts.
        self._event, self._lines = event, lines

    @property
    def comment(self) -> str:
        """What a comment says that stands directly behind an unquoted text; "" = there is none."""
        return _comment_behind(self._event, self._lines)

    def written(self, file: str) -> Written:
        """How the value stands in its file."""
        starts = _line_starts(self.value, self._event, self._lines)
        lines = tuple((line + 1, column + 1) for line, column in starts)
        return Written(self.value, place_of(file, self.start_mark), lines)


def _line_starts(value: str, event: Any, lines: Sequence[str]) -> list[tuple[int, int]]:
    """Line and column (from 0) where each line of a scalar's value begins in the file; empty if it is not there so."""
    line, column = event.start_mark.line, event.start_mark.column
    if event.style == "|":
        starts = []
        for number, part in enumerate(value.removesuffix("\n").split("\n"), start=line + 1):
            if number >= len(lines) or not lines[number].endswith(part):
                return []
            starts.append((number, len(lines[number]) - len(part)))
        return starts
    # A quoted text begins behind its quote.
    begin = column + (event.style in {"'", '"'})
    there = line < len(lines) and lines[line].startswith(value, begin)
    return [(line, begin)] if there and event.end_mark.line == line else []


def _comment_behind(event: Any, lines: Sequence[str]) -> str:
    end = event.end_mark
    if event.style or end.line >= len(lines):
        return ""
    found = _COMMENT.match(lines[end.line], end.column)
    return str(found[1]).strip() if found else ""


class _Composer:
    """Makes nodes of parser events, as PyYAML's own composer does, within bounds of depth and number."""

    def __init__(self, text: str, file: str, problems: Problems) -> None:
        self._text = text
        self._events: Iterator[Any] = iter(())
        self._file = file
        self._problems = problems
        self._resolver: Any = Resolver()
        self._nodes = 0
        self._lines: Sequence[str] = ()
        # The last scalar that was read, to tell a quote that closes too late.
        self.last: Any = None

    def documents(self) -> Iterator[yaml.Node]:
        self._lines = self._text.splitlines()
        self._events = yaml.parse(self._text, Loader=_EVENTS)
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                yield self._node(next(self._events), 1)

    def _node(self, event: Any, depth: int) -> yaml.Node:
        self._nodes += 1
        if depth > DEEPEST:
            raise self._unreadable(event, f"nested deeper than {DEEPEST} levels; no rule is: close what opens before")
        if self._nodes > MOST_NODES:
            raise self._unreadable(event, f"more than {MOST_NODES} values in one file: split it")
        # PyYAML's stubs give the marks of events another type than those of nodes.
        start: Any = event.start_mark
        if isinstance(event, yaml.AliasEvent):
            message = f"the alias {quoted('*' + str(event.anchor))} is not allowed; repeat the value"
            self._problems.add(place_of(self._file, start), message)
            return yaml.ScalarNode(REFUSED, "", start)
        if isinstance(event, yaml.ScalarEvent):
            return self._scalar(event)
        if isinstance(event, yaml.SequenceStartEvent):
            return self._sequence(event, depth)
        return self._mapping(event, depth)

    def _scalar(self, event: Any) -> yaml.ScalarNode:
        self.last = event
        try:
            event.value.encode("utf-8")
        except UnicodeEncodeError:
            raise self._unreadable(event, "not valid YAML: half of a surrogate pair is no character") from None
        tag = self._tag(event, yaml.ScalarNode, event.value)
        return TextNode(tag, event.value, event, self._lines)

    def _sequence(self, event: Any, depth: int) -> yaml.SequenceNode:
        items: list[yaml.Node] = []
        while not isinstance(item := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(item, depth + 1))
        return yaml.SequenceNode(self._tag(event, yaml.SequenceNode, None), items, event.start_mark)

    def _mapping(self, event: Any, depth: int) -> yaml.MappingNode:
        pairs: list[tuple[yaml.Node, yaml.Node]] = []
        while not isinstance(item := next(self._events), yaml.MappingEndEvent):
            key = self._node(item, depth + 1)
            pairs.append((key, self._node(next(self._events), depth + 1)))
        return yaml.MappingNode(self._tag(event, yaml.MappingNode, None), pairs, event.start_mark)

    def _tag(self, event: Any, kind: type[yaml.Node], value: str | None) -> str:
        if event.tag is not None and event.tag != "!":
            return str(event.tag)
        return str(self._resolver.resolve(kind, value, event.implicit))

    def _unreadable(self, event: Any, message: str) -> _Unreadable:
        return _Unreadable(place_of(self._file, event.start_mark), message)
