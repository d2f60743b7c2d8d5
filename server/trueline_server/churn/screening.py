"""Which columns a model may learn from: no ids, no constants, nothing that tells the answer. Pure."""

from __future__ import annotations

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

import numpy as np

from trueline_server.churn.columns import Accounts, Codes, Column, Flags, Floats, Numbers, Texts
from trueline_server.churn.effects import FEWEST_OF_LEVEL, MOST_LEVELS
from trueline_server.churn.metrics import roc_auc
from trueline_server.churn.reading import plain_name

LEAK_AUC = 0.98
_MOST_OTHER = 0.5
_MOST_BINS = 32
_PARTS = 5
_PRIOR = 5.0
_FEWEST_FOR_IDS = 20
# So many of the values of an id are different; files that were joined have some twice.
_DISTINCT = 0.9
_ID_WORDS = frozenset(
    {
        *("id", "ids", "uid", "uuid", "guid", "key", "code", "index", "row", "number", "num", "no"),
        *("phone", "email", "mail", "name", "surname", "clientnum", "unnamed"),
    }
)


@dataclass(frozen=True, slots=True)
class Note:
    """Something that people should know of a column, or of all ("").

    Attributes:
        feature: which column.
        kind: "left_out", "leak", "read" or "rows".
        text: what it is.

    """

    feature: str
    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Screened:
    """The columns that are left, and what became of the others."""

    accounts: Accounts
    notes: tuple[Note, ...]


def screen(accounts: Accounts, labels: Flags, *, keep: AbstractSet[str] = frozenset()) -> Screened:
    """Leave out what no model should learn from.

    Left out are columns without a value or with only one, ids, texts that hardly repeat, and columns that alone tell
    who left (AUC above 0.98), which are usually consequences of leaving: its reason, its date.

    Args:
        accounts: what is known.
        labels: who left, (n,).
        keep: columns that stay, whatever they are like.

    """
    kept: dict[str, Column] = {}
    notes: list[Note] = []
    for name, column in accounts.columns.items():
        why = "" if name in keep else (_empty(column) or _is_id(name, column) or _scattered(column))
        if why:
            notes.append(Note(name, "left_out", f"left out: {why}"))
            continue
        alone = _alone_auc(column, labels)
        if alone > LEAK_AUC:
            told = f"alone tells who left (AUC {alone:.3f}), as what is known only afterwards does"
            done = "kept, as asked" if name in keep else "left out; ask to keep it if it is known beforehand"
            notes.append(Note(name, "leak", f"{told}: {done}"))
            if name not in keep:
                continue
        kept[name] = column
    return Screened(Accounts(accounts.ids, kept), tuple(notes))


def _empty(column: Column) -> str:
    known = ~column.missing
    if not known.any():
        return "it has no value"
    same = column.values if isinstance(column, Numbers) else column.codes
    if known.all() and (same == same[0]).all():
        return f"it is always {column.shown(0)}"
    return ""


def _is_id(name: str, column: Column) -> str:
    known = ~column.missing
    count = int(known.sum())
    if count < _FEWEST_FOR_IDS:
        return ""
    if isinstance(column, Texts):
        return "no value comes twice, so it is an id" if len(np.unique(column.codes[known])) == count else ""
    values = np.unique(column.values[known])
    if not (values == np.round(values)).all() or len(values) < _DISTINCT * count:
        return ""
    if len(values) == count and float(values[-1] - values[0]) == count - 1:
        return "it counts the rows"
    words = set(re.split(r"[^a-z]+", plain_name(name)))
    return "it has the name of an id, and hardly any value comes twice" if words & _ID_WORDS or words == {""} else ""


def _scattered(column: Column) -> str:
    if isinstance(column, Numbers):
        return ""
    counts = np.sort(column.counts())[::-1]
    kept = counts[:MOST_LEVELS]
    rare = 1 - float(kept[kept >= FEWEST_OF_LEVEL].sum()) / float(counts.sum())
    return f"{(counts > 0).sum():,} different texts, most of them rare" if rare > _MOST_OTHER else ""


def _alone_auc(column: Column, labels: Flags) -> float:
    """AUC of the rates of a column's bins, each of rows by the rates that the other parts of the rows have."""
    codes = _coarse(column)
    size = int(codes.max()) + 1
    parts = np.arange(len(codes)) % _PARTS
    overall = float(labels.mean())
    scores = np.empty(len(codes))
    for part in range(_PARTS):
        inner = parts != part
        total = np.bincount(codes[inner], minlength=size)
        left = np.bincount(codes[inner], weights=labels[inner], minlength=size)
        scores[~inner] = ((left + _PRIOR * overall) / (total + _PRIOR))[codes[~inner]]
    found = roc_auc(labels, scores)
    return 0.5 if np.isnan(found) else found


def _coarse(column: Column) -> Codes:
    """Bins of about equal size; the missing ones are the last."""
    if isinstance(column, Texts):
        return np.where(column.missing, len(column.levels), column.codes).astype(np.int32)
    edges = np.unique(_quantiles(column.values[~column.missing]))
    found = np.searchsorted(edges, column.values, side="right")
    return np.where(column.missing, len(edges) + 1, found).astype(np.int32)


def _quantiles(values: Floats) -> Floats:
    found: Floats = np.quantile(values, np.linspace(0, 1, _MOST_BINS + 1)[1:-1]) if len(values) else values
    return found
