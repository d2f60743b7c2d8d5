"""Facts as an expression may read them: name, type, nullability and unit."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class FactType(StrEnum):
    """Types of facts; None or no value means that nothing is known, and so does a NaN or infinite number."""

    NUMBER = "number"  # float or int, compared and computed as float64
    DECIMAL = "decimal"  # decimal.Decimal or int, exact
    TEXT = "text"
    BOOL = "bool"
    DATETIME = "datetime"  # aware
    TEXTS = "texts"  # a set of texts


@dataclass(frozen=True, slots=True)
class Fact:
    """A declared fact. `unit` is for people ("ratio", "EUR"); it does not change the meaning."""

    name: str
    type: FactType
    nullable: bool = True
    unit: str = ""
