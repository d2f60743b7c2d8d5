"""Shapes of lists and maps: lists, records with known keys, and choices between forms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from trueline_rules.names import hint, quoted
from trueline_rules.scalars import Text
from trueline_rules.site import BAD, LIST, MAP, TEXT, Path, Shape, Site, show_node
from trueline_rules.syntax import NULL, REFUSED


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of `least` to `most` values of one shape, which differ unless `unique` is false."""

    item: Shape
    least: int = 1
    most: int = 1000
    unique: bool = True

    @property
    def noun(self) -> str:
        """A list, and of what."""
        return f"a list ({self.item.noun} each)"

    def take(self, node: yaml.Node, path: Path, site: Site) -> Any:
        """Answer a tuple of the values."""
        if not isinstance(node, yaml.SequenceNode) or node.tag != LIST:
            site.problem(path, f"must be {self.noun}, {show_node(node)}", at=node)
            return BAD
        if not self.least <= len(node.value) <= self.most:
            held = "is empty" if not node.value else f"has {len(node.value)} values"
            site.problem(path, f"must have {self.least} to {self.most} values, {held}", at=node)
            return BAD
        values = []
        for index, child in enumerate(node.value):
            value = site.read(self.item, child, (*path, index))
            if self.unique and value is not BAD and value in values:
                site.problem((*path, index), f"repeats {quoted(str(value))}", at=child)
            values.append(value)
        return BAD if BAD in values else tuple(values)

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema."""
        bounds = {"minItems": self.least, "maxItems": self.most, "uniqueItems": self.unique}
        return {"type": "array", "items": self.item.schema(), **bounds}


@dataclass(frozen=True, slots=True)
class OrNull:
    """A value of a shape, or null."""

    shape: Shape

    @property
    def noun(self) -> str:
        """That of the shape."""
        return f"{self.shape.noun} or null"

    def take(self, node: yaml.Node, path: Path, site: Site) -> Any:
        """Answer None for null."""
        return None if node.tag == NULL else self.shape.take(node, path, site)

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema."""
        return {"anyOf": [self.shape.schema(), {"type": "null"}]}


@dataclass(frozen=True, slots=True)
class Key:
    """A known key of a record: the shape of its value, whether it must be there, and what editors tell and offer.

    Attributes:
        shape: of its value.
        about: a line for editors.
        required: whether it must be there.
        default: what it is where it is left out, as it would be written; None = it has no such value.
        empty: whether an empty list says something else than leaving the key out.

    """

    shape: Shape
    about: str = ""
    required: bool = False
    default: str | int | bool | None = None
    empty: bool = False

    def schema(self) -> dict[str, Any]:
        """Describe its value as JSON Schema."""
        told = {"description": self.about} if self.about else {}
        return self.shape.schema() | told | ({} if self.default is None else {"default": self.default})


@dataclass(frozen=True, slots=True)
class OneOf:
    """Exactly one of some keys."""

    keys: tuple[str, ...]

    def check(self, given: Mapping[str, Any], path: Path, site: Site) -> None:
        """Note a problem unless exactly one key is given."""
        present = [key for key in self.keys if key in given]
        if len(present) == 1:
            return
        place = site.place((*path, present[-1]) if present else path, key=True)
        either = " or ".join(f"'{key}'" for key in self.keys)
        site.problem(path, f"needs either {either}, has {'both' if present else 'neither'}", at=place)

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema."""
        return {"oneOf": [{"required": [key]} for key in self.keys]}


@dataclass(frozen=True, slots=True)
class When:
    """What holds for the other keys while one key has one of some values.

    Attributes:
        key: the key that decides.
        values: its values for which this holds.
        needs: keys that must be there then.
        bars: keys that must not.

    """

    key: str
    values: tuple[str, ...]
    needs: tuple[str, ...] = ()
    bars: tuple[str, ...] = ()

    def check(self, given: Mapping[str, Any], path: Path, site: Site) -> None:
        """Note each key that is missing or too many."""
        value = given.get(self.key)
        if value not in self.values:
            return
        for key in self.needs:
            if key not in given:
                site.problem(path, f"lacks the key '{key}', which {self.key} '{value}' needs", key=True)
        for key in self.bars:
            if key in given:
                site.problem((*path, key), f"does not go with {self.key} '{value}'", key=True)

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema."""
        then: dict[str, Any] = {}
        if self.needs:
            then["required"] = list(self.needs)
        if self.bars:
            then["properties"] = dict.fromkeys(self.bars, False)
        return {"if": {"properties": {self.key: {"enum": list(self.values)}}, "required": [self.key]}, "then": then}


@dataclass(frozen=True, slots=True)
class Record:
    """A map with known keys; with `rest`, further keys of one shape may have values of another.

    Attributes:
        keys: the known keys.
        rules: what holds between them.
        rest: shape of further keys and of their values; None = an unknown key is a mistake.
        least: fewest keys.
        most: most keys.
        noun: what it is called in messages.
        about: a line for editors about each further key.
        way_out: answers what to write instead of an unknown key, as "; write channels"; "" if it knows nothing.

    """

    keys: Mapping[str, Key] = field(default_factory=dict)
    rules: tuple[OneOf | When, ...] = ()
    rest: tuple[Text, Shape] | None = None
    least: int = 0
    most: int = 1000
    noun: str = "a map"
    about: str = ""
    way_out: Callable[[str], str] | None = None

    def take(self, node: yaml.Node, path: Path, site: Site) -> Any:
        """Answer a dict of the values that are there and right; the problems of the others are noted."""
        if not isinstance(node, yaml.MappingNode) or node.tag != MAP:
            site.problem(path, f"must be {self.noun}, {show_node(node)}", at=node)
            return BAD
        given: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = self._key(key_node, path, site)
            if key is None:
                continue
            if key in given:
                first = site.place((*path, key), key=True).line
                site.problem(path, f"has the key {quoted(key)} twice; first on line {first}", at=key_node)
                continue
            given[key] = site.read(self._shape(key), value_node, (*path, key), key_node)
        self._check(given, path, site, node)
        return {key: value for key, value in given.items() if value is not BAD}

    def _key(self, node: yaml.Node, path: Path, site: Site) -> str | None:
        if not isinstance(node, yaml.ScalarNode) or node.tag != TEXT:
            if node.tag != REFUSED:
                site.problem(path, f"has a key that {show_node(node)}; keys are text, in quotes if need be", at=node)
            return None
        key = str(node.value)
        if key in self.keys:
            return key
        if self.rest is None:
            known = self.way_out(key) if self.way_out is not None else ""
            site.problem(path, f"has no key {quoted(key)}{known or hint(key, self.keys)}", at=node)
            return None
        wrong = self.rest[0].wrong(key)
        if wrong is not None:
            site.problem(path, f"has a key that {wrong}", at=node)
            return None
        return key

    def _shape(self, key: str) -> Shape:
        known = self.keys.get(key)
        if known is not None:
            return known.shape
        assert self.rest is not None
        return self.rest[1]

    def _check(self, given: Mapping[str, Any], path: Path, site: Site, node: yaml.Node) -> None:
        for key, known in self.keys.items():
            if known.required and key not in given:
                site.problem(path, f"lacks the key '{key}'", key=True)
        for rule in self.rules:
            rule.check(given, path, site)
        if not self.least <= len(node.value) <= self.most:
            held = "is empty" if not node.value else f"has {len(node.value)}"
            site.problem(path, f"must have {self.least} to {self.most} keys, {held}", at=node)

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema."""
        properties = {key: known.schema() for key, known in self.keys.items()}
        schema: dict[str, Any] = {"type": "object"}
        if properties:
            schema["properties"] = properties
        required = [key for key, known in self.keys.items() if known.required]
        if required:
            schema["required"] = required
        if self.rest is None:
            schema["additionalProperties"] = False
        else:
            # A known key need not look like the others.
            names = self.rest[0].schema()
            schema["propertyNames"] = {"anyOf": [{"enum": list(self.keys)}, names]} if self.keys else names
            told = {"description": self.about} if self.about else {}
            schema["additionalProperties"] = self.rest[1].schema() | told
            schema |= {"minProperties": self.least, "maxProperties": self.most}
        if self.rules:
            schema["allOf"] = [rule.schema() for rule in self.rules]
        return schema


def map_of(
    key: Text, value: Shape, *, least: int = 1, most: int = 1000, noun: str = "a map", about: str = ""
) -> Record:
    """A map from keys of one shape to values of another."""
    return Record(rest=(key, value), least=least, most=most, noun=noun, about=about)


@dataclass(frozen=True, slots=True)
class Either:
    """A value that may be written in several forms: as a single value, a list or a map (at most one shape each)."""

    scalar: Shape | None = None
    sequence: Shape | None = None
    mapping: Shape | None = None

    @property
    def noun(self) -> str:
        """All forms, joined by "or"."""
        return " or ".join(shape.noun for shape in self._shapes())

    def take(self, node: yaml.Node, path: Path, site: Site) -> Any:
        """Answer what the shape of the value's form answers."""
        if isinstance(node, yaml.ScalarNode):
            shape = self.scalar
        else:
            shape = self.sequence if isinstance(node, yaml.SequenceNode) else self.mapping
        if shape is None:
            site.problem(path, f"must be {self.noun}, {show_node(node)}", at=node)
            return BAD
        return shape.take(node, path, site)

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema."""
        return {"anyOf": [shape.schema() for shape in self._shapes()]}

    def _shapes(self) -> list[Shape]:
        return [shape for shape in (self.scalar, self.sequence, self.mapping) if shape is not None]
