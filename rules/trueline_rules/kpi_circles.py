"""KPIs that read each other in a circle, which no order of computing them resolves.

A statement is read as text, so what is found is sure and not all there is: `kpi = 'name'`, `'name' = kpi` and
`kpi IN ('name', …)`, where the name may be a parameter, in a statement that reads the view `kpis`.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable, Iterator, Mapping

from trueline_rules.documents import Document
from trueline_rules.errors import Problems
from trueline_rules.model import Kpi
from trueline_rules.names import quoted

VIEW = "kpis"
_COLUMN = "kpi"
# What does not end runs to the end, so that reading takes time in proportion to the text.
_TOKEN = re.compile(
    r"""
    (?P<aside>--[^\n]*|/\*(?:.*?\*/|.*))
    |(?P<text>'(?:[^'\\]|\\(?:.|\Z)|'')*(?:'|\Z))
    |\{\s*(?P<parameter>[A-Za-z_][A-Za-z0-9_]*)\s*:[^{}]*\}
    |[`"]?(?P<word>[A-Za-z_][A-Za-z0-9_]*)[`"]?
    |==|!=|<>|<=|>=|\S
    """,
    re.VERBOSE | re.DOTALL,
)


def refuse_circles(documents: Iterable[Document], problems: Problems) -> None:
    """Note each circle of KPIs once, at the first of them, where its statement reads the next one."""
    kpis = {document.name: document for document in documents if isinstance(document.model, Kpi)}
    reads = {name: _known(document.model, kpis) for name, document in kpis.items()}
    told: set[str] = set()
    for name, document in kpis.items():
        circle = None if name in told else _circle(name, reads)
        if circle is None:
            continue
        told.update(circle)
        after = circle[1]
        shown = " → ".join(circle)
        document.site.moved(problems).problem(
            ("spec", "statement"),
            f"reads the KPI {quoted(after)} and so itself: {shown}; compute one of them from events or points instead",
            at=document.model.place_in_statement(reads[name][after]),
        )


def kpis_read(statement: str, parameters: Mapping[str, object]) -> dict[str, int]:
    """The names that a statement looks up in the view `kpis`, and the offset of the first look at each."""
    if VIEW not in statement:
        return {}
    tokens = [found for found in _TOKEN.finditer(statement) if not found["aside"]]
    words = [found["word"] or found[0] for found in tokens]
    if VIEW not in words:
        return {}
    listed = set(_listed(words))
    names: dict[str, int] = {}
    for place, found in enumerate(tokens):
        name = _name(found, parameters)
        if name is not None and (place in listed or _compared(words, place)):
            names.setdefault(name, found.start())
    return names


def _known(kpi: Kpi, known: Mapping[str, Document]) -> dict[str, int]:
    return {name: at for name, at in kpis_read(kpi.statement, kpi.parameters).items() if name in known}


def _name(token: re.Match[str], parameters: Mapping[str, object]) -> str | None:
    if token["text"]:
        return token["text"][1:-1]
    value = parameters.get(token["parameter"] or "")
    return value if isinstance(value, str) else None


def _compared(words: list[str], place: int) -> bool:
    """Whether the column stands on the other side of an equals sign."""
    before, after = words[max(place - 2, 0) : place], words[place + 1 : place + 5]
    if before[1:] in (["="], ["=="]) and before[0] == _COLUMN:
        return True
    return after[:1] in (["="], ["=="]) and (after[1:2] == [_COLUMN] or after[2:4] == [".", _COLUMN])


def _listed(words: list[str]) -> Iterator[int]:
    """The places inside of the brackets of `kpi IN (…)`."""
    inside = False
    for place, word in enumerate(words):
        if inside and word in {")", "]"}:
            inside = False
        elif word in {"(", "["} and place > 1 and words[place - 1].upper() == "IN" and words[place - 2] == _COLUMN:
            inside = True
        elif inside:
            yield place


def _circle(start: str, reads: Mapping[str, Mapping[str, int]]) -> list[str] | None:
    """The shortest way from a KPI back to itself, with it at both ends."""
    came_from: dict[str, str] = {}
    waiting = deque([start])
    while waiting:
        name = waiting.popleft()
        for after in reads[name]:
            if after == start:
                way = [name]
                while way[-1] != start:
                    way.append(came_from[way[-1]])
                return [*reversed(way), start]
            if after not in came_from:
                came_from[after] = name
                waiting.append(after)
    return None
