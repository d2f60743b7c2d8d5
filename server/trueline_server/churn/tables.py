"""A table of texts as accounts with labels: what CSV files and requests with columns become. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from trueline_rules.names import nearest

from trueline_server.churn.columns import Accounts, Column, Flags, Numbers, Texts, absent
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
    listed,
    plain_number,
    read_column,
    read_labels,
    read_like,
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


def read_labelled(
    columns: Mapping[str, Raw],
    *,
    label: str = "",
    id: str = "",  # noqa: A002
    churned: str = "",
    keep: Sequence[str] = (),
) -> Labelled:
    """Read a table that says who left.

    Args:
        columns: values by column, each as long as the others; None = missing.
        label: the column that tells who left; "" = by its name.
        id: the column with the ids; "" = by its name, or none.
        churned: the label's value that means that they left; "" = by what such values usually are.
        keep: columns that somebody asks to keep, to see that they are there.

    Raises:
        TableError: there is no such column, or its values cannot be told apart.

    """
    for field, name in (("label", label), ("id", id), *(("keep", one) for one in keep)):
        if name and name not in columns:
            raise TableError(field, no_column(name, columns))
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


def read_alike(columns: Mapping[str, Raw], labelled: Labelled, *, churned: str = "") -> Labelled:
    """Read another table that says who left, each column as that of a first one was read.

    Raises:
        TableError: it lacks a column, or its labels cannot be told apart.

    """
    needed = (labelled.label, *labelled.accounts.columns)
    lacking = next((name for name in needed if name not in columns), None)
    if lacking is not None:
        raise TableError("test", f"has no column '{lacking}'; there are {listed(tuple(columns))}")
    labels, known, told = read_labels(labelled.label, columns[labelled.label], churned=churned)
    rows = np.flatnonzero(known)
    read = {
        name: read_like(columns[name], number=isinstance(one, Numbers), way=one.way if isinstance(one, Numbers) else "")
        for name, one in labelled.accounts.columns.items()
    }
    accounts = Accounts(row_ids(columns.get(labelled.id), len(known)), read).take(rows)
    notes = tuple(Note(labelled.label, "rows", text) for text in told)
    return Labelled(accounts, labels[rows], labelled.label, labelled.id, notes)


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
        else:
            found[profile.feature] = read_like(values, number=number, way=profile.way)
    return Accounts(tuple(ids), found)


def require_features(columns: Mapping[str, Raw], features: Sequence[str]) -> None:
    """See that a table has any of the features: without one, all of its rows would be foreseen alike.

    Raises:
        TableError: it has none; with what it has, and what may be meant.

    """
    if any(name in columns for name in features):
        return
    told = f"has no column of any feature: wanted are {listed(features)}; there are {listed(tuple(columns))}"
    meant = {near: name for name in features if (near := nearest(name, columns)) is not None}
    renamed = ", ".join(f"'{near}' to '{name}'" for near, name in meant.items())
    raise TableError("table", f"{told}; rename {renamed}" if renamed else told)


def unknown_features(accounts: Accounts, features: Sequence[str]) -> list[str]:
    """Features that no account has a value of."""
    return [name for name in features if bool(accounts.columns[name].missing.all())]


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
    return plain_number(value)


def no_column(name: str, columns: Mapping[str, Raw]) -> str:
    """What is said of a column that is not there."""
    near = nearest(name, columns)
    meant = f"; did you mean '{near}'?" if near is not None else ""
    return f"is '{name}', which is no column; there are {listed(tuple(columns))}{meant}"
