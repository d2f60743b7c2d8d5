"""Features as files and options have them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard

from trueline_cli import options
from trueline_cli.files.written import a_list, a_map, a_text, known_keys, read_map

if TYPE_CHECKING:
    from trueline import Feature, RoadmapItem
    from trueline.scoring import FeatureValue

_TOP = frozenset({"features", "capacities", "personas", "profile"})
_FEATURE = frozenset({"id", "name", "inputs", "effort", "after", "not_before"})
_FLAGS = {"true": True, "false": False}
_ENDS = ".."


@dataclass(frozen=True, slots=True)
class FeatureFile:
    """What a file says.

    Attributes:
        items: features; without `effort` it is 0.
        capacities: of the periods of a roadmap; () = the file does not say.
        personas: whose scores count, and how much; {} = all.
        profile: "" = the default one.

    """

    items: tuple[RoadmapItem, ...]
    capacities: tuple[float, ...] = ()
    personas: Mapping[str, float] | None = None
    profile: str = ""

    @property
    def features(self) -> list[Feature]:
        """The features without what roadmaps need."""
        from trueline import Feature

        return [Feature(one.feature_id, one.inputs, one.name) for one in self.items]


def read_features(path: Path) -> FeatureFile:
    """Features of a YAML or JSON file: one (id, name, inputs), or several below `features`.

    Raises:
        UsageError: it cannot be read, or says something else.

    """
    whole = read_map(path)
    if "inputs" in whole:
        return FeatureFile((_item(whole, f"{path}"),))
    known_keys(whole, _TOP, f"{path}")
    listed = a_list(whole.get("features"), f"{path}: features")
    return FeatureFile(
        tuple(_item(a_map(one, place), place) for number, one in enumerate(listed) if (place := f"features[{number}]")),
        tuple(_number(one, "capacities") for one in a_list(whole.get("capacities", []), "capacities")),
        _personas(whole.get("personas", {})),
        a_text(whole.get("profile", ""), "profile"),
    )


def input_value(written: str) -> tuple[str, FeatureValue]:
    """An input as name=value: a number, a range low..high, true, false, or a text.

    Raises:
        UsageError: there is no name or no value.

    """
    name, equals, value = written.partition("=")
    if not equals or not name or not value:
        raise options.UsageError(f"'{written}' is no input; write name=value, or name=low..high for a range")
    if value in _FLAGS:
        return name, _FLAGS[value]
    low, ends, high = value.partition(_ENDS)
    numbers = [_float(part) for part in ((low, high) if ends else (value,))]
    if any(number is None for number in numbers):
        return name, value
    found = [number for number in numbers if number is not None]
    return name, (found[0], found[1]) if ends else found[0]


def _item(written: Mapping[str, Any], place: str) -> RoadmapItem:
    from trueline import RoadmapItem

    known_keys(written, _FEATURE, place)
    inputs = {
        name: _value(value, f"{place}.inputs.{name}")
        for name, value in a_map(written.get("inputs"), f"{place}.inputs").items()
    }
    after = a_list(written.get("after", []), f"{place}.after")
    return RoadmapItem(
        a_text(written.get("id"), f"{place}.id"),
        inputs,
        _number(written.get("effort", 0), f"{place}.effort"),
        tuple(a_text(one, f"{place}.after") for one in after),
        int(_number(written.get("not_before", 0), f"{place}.not_before")),
        a_text(written.get("name", ""), f"{place}.name"),
    )


def _value(value: Any, place: str) -> FeatureValue:
    if isinstance(value, list) and len(value) == 2 and all(_is_number(end) for end in value):
        return float(value[0]), float(value[1])
    if isinstance(value, bool | str):
        return value
    if _is_number(value):
        return float(value)
    raise options.UsageError(f"{place} is no value; write a number, [low, high], a text, true or false")


def _personas(value: Any) -> dict[str, float]:
    if isinstance(value, list):
        return {a_text(one, "personas"): 1.0 for one in value}
    return {name: _number(weight, f"personas.{name}") for name, weight in a_map(value, "personas").items()}


def _number(value: Any, place: str) -> float:
    if _is_number(value):
        return float(value)
    raise options.UsageError(f"{place} must be a number")


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _float(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
