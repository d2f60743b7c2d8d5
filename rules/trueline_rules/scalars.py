"""Shapes of single values: text, choices, numbers, booleans."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import yaml

from trueline_rules.names import hint, quoted
from trueline_rules.site import BAD, BOOLEAN, FRACTION, INSTANT, TEXT, WHOLE, Path, Site, show_node
from trueline_rules.syntax import REFUSED

# YAML 1.1 also reads 0x10, 010, 1_000 and 1:30 as numbers, and YAML 1.2 reads them otherwise: refused.
_WHOLE = re.compile(r"[-+]?(0|[1-9][0-9]*)")
_FRACTION = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# Whole numbers up to here are exact in JSON and in a double.
_LARGEST = 2.0**53
_TRUE = frozenset({"true", "yes", "on"})


@dataclass(frozen=True, slots=True)
class Text:
    """A text.

    Attributes:
        noun: what it is called in messages.
        pattern: what all of it must match; one that JSON Schema's dialect reads alike. "" = anything.
        least: fewest characters.
        most: most bytes of UTF-8.
        lines: may have several lines.
        near: known texts, to tell which one a text that does not match was meant to be.
        way_out: answers what to write instead of a text or number that does not match, as "; write 5m"; "" if unknown.
        examples: for editors to offer.
        check: answers what is wrong with a text, None if nothing is; JSON Schema does not see it.

    """

    noun: str = "text"
    pattern: str = ""
    least: int = 1
    most: int = 1024
    lines: bool = False
    near: tuple[str, ...] = ()
    way_out: Callable[[str], str] | None = None
    examples: tuple[str, ...] = ()
    check: Callable[[str], str | None] | None = None

    def take(self, node: yaml.Node, path: Path, site: Site) -> Any:
        """Answer the text."""
        if not isinstance(node, yaml.ScalarNode) or node.tag != TEXT:
            site.problem(path, f"must be {self.noun}, {show_node(node)}{self._instead(node)}", at=node)
            return BAD
        wrong = self.wrong(node.value)
        if wrong is None:
            return node.value
        site.problem(path, wrong, at=node)
        return BAD

    def wrong(self, value: str) -> str | None:
        """Say what is wrong with a text; None if nothing is."""
        if len(value) < self.least or (self.least and not value.strip()):
            return f"must be {self.noun}, is empty"
        if len(value.encode()) > self.most:
            return f"must have at most {self.most} bytes, has {len(value.encode())}"
        if not self.lines and _CONTROL.search(value):
            return f"must be {self.noun} on one line, is {quoted(value)}"
        if self.pattern and not re.fullmatch(self.pattern, value):
            way_out = self.way_out(value) if self.way_out is not None else hint(value, self.near)
            return f"must be {self.noun}, is {quoted(value)}{way_out}"
        return self.check(value) if self.check is not None else None

    def _instead(self, node: yaml.Node) -> str:
        if node.tag in {WHOLE, FRACTION} and self.way_out is not None:
            return self.way_out(node.value)
        if node.tag.startswith("!") and node.tag != REFUSED:
            return "; a text that begins with '!' is put in quotes"
        return "; write it in quotes" if node.tag in {BOOLEAN, WHOLE, FRACTION, INSTANT} else ""

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema; a bound in bytes becomes the looser one in characters."""
        schema: dict[str, Any] = {"type": "string", "maxLength": self.most}
        if self.examples:
            schema["examples"] = list(self.examples)
        if self.least:
            schema["minLength"] = self.least
        if self.pattern:
            schema["pattern"] = f"^({self.pattern})$"
            # What editors say instead of the pattern.
            schema["patternErrorMessage"] = f"must be {self.noun}"
        elif not self.lines:
            schema["pattern"] = "^[^\\u0000-\\u001f\\u007f]*$"
        return schema


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few texts."""

    values: tuple[str, ...]

    @property
    def noun(self) -> str:
        """All of the values, joined by "or"."""
        return " or ".join((", ".join(self.values[:-1]), self.values[-1])) if len(self.values) > 1 else self.values[0]

    def take(self, node: yaml.Node, path: Path, site: Site) -> Any:
        """Answer the text."""
        if isinstance(node, yaml.ScalarNode) and node.tag == TEXT:
            if node.value in self.values:
                return node.value
            site.problem(path, f"is {quoted(node.value)}{hint(node.value, self.values)}", at=node)
            return BAD
        site.problem(path, f"must be {self.noun}, {show_node(node)}", at=node)
        return BAD

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema."""
        return {"const": self.values[0]} if len(self.values) == 1 else {"enum": list(self.values)}


@dataclass(frozen=True, slots=True)
class Number:
    """A finite number; `least` and `most` are inclusive bounds, `above` and `below` exclusive ones."""

    least: float | None = None
    above: float | None = None
    most: float | None = None
    below: float | None = None
    whole: bool = False

    @property
    def noun(self) -> str:
        """Kind and bounds, as people say them."""
        bounds = (("from", self.least), ("above", self.above), ("up to", self.most), ("below", self.below))
        said = " ".join(f"{word} {_plain(bound)}" for word, bound in bounds if bound is not None)
        return f"a{' whole' if self.whole else ''} number{' ' + said if said else ''}"

    def take(self, node: yaml.Node, path: Path, site: Site) -> Any:
        """Answer an int if `whole`, else a float."""
        number = parse_number(node)
        if number is None or not self._within(number) or (self.whole and not isinstance(number, int)):
            written = node.tag == TEXT and _FRACTION.fullmatch(node.value)
            plain = "; write it in plain digits, without quotes" if written else ""
            site.problem(path, f"must be {self.noun}, {show_node(node)}{plain}", at=node)
            return BAD
        return number if self.whole else float(number)

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema."""
        bounds = {"minimum": self.least, "exclusiveMinimum": self.above, "maximum": self.most}
        bounds["exclusiveMaximum"] = self.below
        known = {name: bound for name, bound in bounds.items() if bound is not None}
        return {"type": "integer" if self.whole else "number", **known}

    def _within(self, number: float) -> bool:
        return (
            (self.least is None or number >= self.least)
            and (self.above is None or number > self.above)
            and (self.most is None or number <= self.most)
            and (self.below is None or number < self.below)
        )


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false; with `only`, just one of the two."""

    only: bool | None = None

    @property
    def noun(self) -> str:
        """The values allowed."""
        return "true or false" if self.only is None else str(self.only).lower()

    def take(self, node: yaml.Node, path: Path, site: Site) -> Any:
        """Answer the boolean."""
        value = node.value.lower() in _TRUE if node.tag == BOOLEAN else None
        if value is None or self.only not in {None, value}:
            site.problem(path, f"must be {self.noun}, {show_node(node)}", at=node)
            return BAD
        return value

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema."""
        return {"type": "boolean"} if self.only is None else {"const": self.only}


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text, a number or a boolean, kept as it is written."""

    noun: str = "a text, a number, true or false"

    def take(self, node: yaml.Node, path: Path, site: Site) -> Any:
        """Answer a str, int, float or bool."""
        if node.tag == BOOLEAN:
            return Flag().take(node, path, site)
        if node.tag == TEXT:
            return Text(least=0).take(node, path, site)
        number = parse_number(node)
        if number is None:
            quotes = "; write it in quotes" if node.tag == INSTANT else ""
            site.problem(path, f"must be {self.noun}, {show_node(node)}{quotes}", at=node)
            return BAD
        return number

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema."""
        return {"anyOf": [Text(least=0).schema(), {"type": ["number", "boolean"]}]}


def _plain(number: float) -> str:
    return str(int(number)) if float(number).is_integer() else str(number)


def parse_number(node: yaml.Node) -> int | float | None:
    """Read a plainly written, finite number; None if the node is none."""
    if node.tag == WHOLE and _WHOLE.fullmatch(node.value) and len(node.value) < 20:
        number = int(node.value)
        return number if abs(number) <= _LARGEST else None
    if node.tag == FRACTION and _FRACTION.fullmatch(node.value):
        fraction = float(node.value)
        return fraction if math.isfinite(fraction) else None
    return None
