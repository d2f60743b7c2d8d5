"""Values by labels: what an operand answers at an instant, and what facts are joined from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TypeAlias

# Pairs of name and value in order of names; a label with an empty value is no label.
Labels: TypeAlias = tuple[tuple[str, str], ...]
# A value of a fact; NaN counts as missing wherever a condition reads it.
Value: TypeAlias = float | Decimal | str | bool | datetime | frozenset[str]


class AlertingError(Exception):
    """A rule cannot be evaluated on these facts; the message names the fact or label, and the way out."""


def labels_of(labels: Mapping[str, str]) -> Labels:
    """Labels in their one form: sorted, without empty values (Prometheus: an empty label is an absent one)."""
    return tuple(sorted((name, value) for name, value in labels.items() if value))


def kept(labels: Labels, names: Iterable[str]) -> Labels:
    """Those of the labels that have one of these names."""
    wanted = frozenset(names)
    return tuple(pair for pair in labels if pair[0] in wanted)


def shown(labels: Labels) -> str:
    """Labels for people: `{plan="pro", region="eu"}`."""
    return "{" + ", ".join(f'{name}="{value}"' for name, value in labels) + "}"


def is_missing(value: object) -> bool:
    """Tell whether a condition takes this value as missing: None, and NaN of either number type."""
    return value is None or (isinstance(value, float | Decimal) and value != value)  # noqa: PLR0124 - only NaN differs from itself


@dataclass(frozen=True, slots=True)
class Vector:
    """One value per label set, at one instant.

    Attributes:
        names: label names that rows may have; they stay known when there is no row, so that a join keeps its shape.
        rows: values by labels.

    Raises:
        AlertingError: a row has a label that `names` lacks.

    """

    names: tuple[str, ...]
    rows: Mapping[Labels, Value]

    def __post_init__(self) -> None:
        known = frozenset(self.names)
        for labels in self.rows:
            for name, _ in labels:
                if name not in known:
                    declared = f"those declared are {', '.join(self.names)}" if self.names else "none is declared"
                    raise AlertingError(f"{shown(labels)} has the label {name!r}; {declared}")

    @classmethod
    def of(cls, rows: Mapping[Labels, Value]) -> Vector:
        """Take the label names from the rows."""
        return cls(tuple(sorted({name for labels in rows for name, _ in labels})), rows)


@dataclass(frozen=True, slots=True)
class Row:
    """What a condition looks at: the facts of one label set; None = missing."""

    labels: Labels
    values: Mapping[str, Value | None]
