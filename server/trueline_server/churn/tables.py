"""A table of texts as accounts with labels: what CSV files and requests with columns become. Pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from trueline_server.churn.columns import Accounts, Column, Flags, Numbers, Texts, absent, numbers, texts
from trueline_server.churn.effects import NumberBins
from trueline_server.churn.fitted import FittedModel
from trueline_server.churn.reading import (
    LEFT,
    STAYED,
    Raw,
    TableError,
    blank,
    find_id,
    find_label,
    read_column,
    read_labels,
)
from trueline_server.churn.screening import Note


@dataclass(frozen=True, slots=True)
class Labelled:
    """Accounts of a table, who of them left, and what people should know.

    Attributes:
        accounts: with the columns that are neither id nor label.
        labels: who left, (n,).
        label, id: the columns that say so; id "" = rows are numbered.
        notes: by column.

    """

    accounts: Accounts
    labels: Flags
    label: str
    id: str
    notes: tuple[Note, ...]


def read_labelled(columns: Mapping[str, Raw], *, label: str = "", id: str = "", churned: str = "") -> Labelled:  # noqa: A002
    """Read a table that says who left.

    Args:
        columns: values by column, each as long as the others; None = missing.
        label: the column that tells who left; "" = by its name.
        id: the column with the ids; "" = by its name, or none.
        churned: the label's value that means that they left; "" = by what such values usually are.

    Raises:
        TableError: there is no such column, or its values cannot be told apart.

    """
    for field, name in (("label", label), ("id", id)):
        if name and name not in columns:
            raise TableError(field, f"is '{name}', which is no column; there are {', '.join(list(columns)[:12])}")
    label = label or find_label(tuple(columns))
    id = id or find_id({name: values for name, values in columns.items() if name != label})  # noqa: A001
    labels, known, told = read_labels(label, columns[label], churned=churned)
    notes = [Note(label, "rows", text) for text in told]
    rows = np.flatnonzero(known)
    ids = row_ids(columns[id] if id else None, len(known))
    if len(set(ids)) < len(ids):
        notes.append(Note(id, "rows", f"{len(ids) - len(set(ids)):,} ids come more than once; each row counts"))
    read, more = read_columns({name: values for name, values in columns.items() if name not in (label, id)})
    accounts = Accounts(ids, read).take(rows)
    return Labelled(accounts, labels[rows], label, id, (*notes, *more))


def read_columns(columns: Mapping[str, Raw]) -> tuple[dict[str, Column], tuple[Note, ...]]:
    """Columns of a table by what their values are, and what people should know."""
    found, notes = {}, []
    for name, values in columns.items():
        found[name], told = read_column(values)
        if told:
            notes.append(Note(name, "read", told))
    return found, tuple(notes)


def read_rows(columns: Mapping[str, Raw], model: FittedModel, ids: Sequence[str]) -> Accounts:
    """Rows of a table with the features of a model, each read as what the model learned it as."""
    found: dict[str, Column] = {}
    for profile in model.profiles:
        values = columns.get(profile.feature)
        number = isinstance(profile.bins, NumberBins)
        if values is None:
            found[profile.feature] = absent(Numbers if number else Texts, len(ids))
            continue
        read = read_column(values)[0]
        if number and not isinstance(read, Numbers):
            read = numbers([_number(value) for value in values])
        elif not number and not isinstance(read, Texts):
            read = texts([None if blank(value) else str(value).strip() for value in values])
        found[profile.feature] = read
    return Accounts(tuple(ids), found)


def facts_of_rows(columns: Mapping[str, Raw], types: Mapping[str, str], rows: int) -> list[dict[str, object]]:
    """Rows of a table as conditions read them: the columns that are facts, by the types of the facts."""
    found: list[dict[str, object]] = [{} for _ in range(rows)]
    for name, kind in types.items():
        for row, value in enumerate(columns.get(name, ())):
            if not blank(value):
                found[row][name] = _typed(str(value).strip(), kind)
    return found


def row_ids(values: Raw | None, rows: int) -> tuple[str, ...]:
    """Ids of rows: those of a column, or their numbers."""
    if values is None:
        width = len(str(rows))
        return tuple(f"row {row:0{width}}" for row in range(1, rows + 1))
    return tuple(str(value or "") for value in values)


def _typed(value: str, kind: str) -> object:
    if kind == "text":
        return value
    if kind == "bool":
        lower = value.lower()
        return True if lower in LEFT else False if lower in STAYED else None
    return _number(value)


def _number(value: str | None) -> float | None:
    try:
        found = None if value is None else float(value)
    except ValueError:
        return None
    return found if found is not None and math.isfinite(found) else None
