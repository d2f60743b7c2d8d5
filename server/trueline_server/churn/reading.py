"""Reads a table of texts, as a CSV file has it, into columns: numbers, days and texts told apart. Pure."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import numpy as np

from trueline_server.churn.columns import DAY_S, EPOCH, ISO, ISO_DAY, Column, Flags, Numbers, numbers, texts

Raw = Sequence[str | None]

# How files say that a value is missing, in lower case and without spaces around.
_BLANK = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-", "missing", "#n/a"})
_PLAIN = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")
_DRESSED = re.compile(r"[-+]?[$€£]?\s?(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?\s?[%$€£]?")
_DECIMAL_COMMA = re.compile(r"[-+]?[$€£]?\s?(?:\d{1,3}(?:[.\s]\d{3})+|\d+)(?:,\d+)?\s?[%$€£]?")
_FORMATS = ("%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%d-%m-%Y", "%b %d, %Y", "%d %b %Y", "%d-%b-%Y")
_LEADING_ZERO = re.compile(r"0\d+")
# What a label says of somebody who left, and of somebody who stayed; in lower case.
LEFT = frozenset(
    {
        "1", "1.0", "yes", "y", "true", "t", "churn", "churned", "left", "exited", "exit", "lost", "cancelled",
        "canceled", "attrited", "attrited customer", "inactive", "terminated", "closed", "gone", "leaver",
    }
)  # fmt: skip
STAYED = frozenset(
    {
        "0", "0.0", "no", "n", "false", "f", "stayed", "stay", "retained", "existing", "existing customer", "active",
        "current", "joined", "not churned", "non-churn", "not churn", "no churn", "kept", "loyal", "open", "remained",
    }
)  # fmt: skip
_LABEL_NAMES = (
    "churn", "churned", "churn label", "churn value", "exited", "attrition", "attrition flag", "is churn", "is churned",
    "churn flag", "churn status", "customer status", "left", "cancelled", "canceled", "target churn", "has churned",
)  # fmt: skip
_ID_NAMES = ("customerid", "customer id", "account id", "user id", "client id", "clientnum", "id")
_SHOWN, _NAMED = 5, 12


class TableError(ValueError):
    """A table cannot be learned from: which field is wrong, and the way out."""

    def __init__(self, field: str, description: str) -> None:
        super().__init__(f"{field} {description}")
        self.field = field
        self.description = description


def listed(names: Sequence[str]) -> str:
    """Some names for a message."""
    return ", ".join(names[:_NAMED]) + (", …" if len(names) > _NAMED else "")


def plain_name(name: str) -> str:
    """A column's name in lower case with blanks between its words: "customerID", "Customer_ID" and "Customer ID?"."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name)
    return " ".join(re.sub(r"[^a-z0-9]+", " ", words.lower()).split())


def _plain_label(value: str) -> str:
    return value.lower().rstrip(".")


def blank(value: str | None) -> bool:
    """Whether nothing is known."""
    return value is None or value.strip().lower() in _BLANK


def read_column(values: Raw) -> tuple[Column, str]:
    """A column by what all of its values are: numbers, days since 1970, or texts; and what to tell people, "" nothing.

    Numbers may be written with thousands separators, a decimal comma, a currency's sign or a percent sign; dates as
    ISO 8601 and the usual ways. A number with leading zeros is a code, which is a text.
    """
    stripped = [None if blank(value) else str(value).strip() for value in values]
    known = {value for value in stripped if value is not None}
    plain = all(_PLAIN.fullmatch(value) for value in known)
    coded = any(_LEADING_ZERO.fullmatch(value) for value in known)
    if known and plain and not coded:
        return numbers([None if value is None else float(value) for value in stripped]), ""
    for way, (parse, told) in _WAYS.items() if known and not coded else ():
        try:
            read = {value: parse(value) for value in known}
        except ValueError:
            continue
        return numbers([None if value is None else read[value] for value in stripped], way), told
    return texts(stripped), ""


def read_like(values: Raw, *, number: bool, way: str = "") -> Column:
    """A column as another one was read, so that a few values mean what many did; what does not fit is missing.

    Args:
        values: of the column.
        number: whether the other one has numbers, or texts.
        way: of its numbers, see Numbers; "" = any.

    """
    if not number:
        return texts([None if blank(value) else str(value).strip() for value in values])
    if way in _WAYS:
        return numbers([_parsed(value, way) for value in values], way)
    read = read_column(values)[0]
    return read if isinstance(read, Numbers) else numbers([plain_number(value) for value in values])


def plain_number(value: str | None) -> float | None:
    """A number without anything around it; None if it is none, or not finite."""
    try:
        found = None if value is None else float(value)
    except ValueError:
        return None
    return found if found is not None and math.isfinite(found) else None


def _parsed(value: str | None, way: str) -> float | None:
    if value is None or blank(value):
        return None
    for parse in (_WAYS[way][0], _iso_days if way in _DATES else float):
        try:
            return parse(value.strip())
        except ValueError:
            continue
    return None


def _dressed(text: str) -> float:
    if not (_PLAIN.fullmatch(text) or _DRESSED.fullmatch(text)):
        raise ValueError(text)
    return float(re.sub(r"[$€£,%\s]", "", text))


def _decimal_comma(text: str) -> float:
    if not _DECIMAL_COMMA.fullmatch(text):
        raise ValueError(text)
    return float(re.sub(r"[$€£.%\s]", "", text).replace(",", "."))


def _iso_day(text: str) -> float:
    if len(text) != len("1970-01-01"):
        raise ValueError(text)
    return _iso_days(text)


def _iso_days(text: str) -> float:
    if len(text) < len("1970-01-01"):
        raise ValueError(text)
    return _days(datetime.fromisoformat(text))


def _days_by(form: str) -> Callable[[str], float]:
    return lambda text: _days(datetime.strptime(text, form))  # noqa: DTZ007  a day without a zone is one of UTC


def _days(at: datetime) -> float:
    return ((at.replace(tzinfo=UTC) if at.tzinfo is None else at) - EPOCH).total_seconds() / DAY_S


_DATES: Mapping[str, Callable[[str], float]] = {ISO_DAY: _iso_day, ISO: _iso_days} | {
    form: _days_by(form) for form in _FORMATS
}
# How numbers are written that are not plain: what reads them, and what people are told. The first that reads all is it.
_WAYS: Mapping[str, tuple[Callable[[str], float], str]] = {
    "thousands comma": (_dressed, "read as numbers"),
    "decimal comma": (_decimal_comma, "read as numbers with a decimal comma"),
} | {
    way: (parse, "dates, read as days since 1970; a model that learned from dates drifts as time passes")
    for way, parse in _DATES.items()
}


def find_label(names: Sequence[str]) -> str:
    """The column that says who left, by the names that such columns have.

    Raises:
        TableError: none or several may be it.

    """
    found = [name for name in names if plain_name(name) in _LABEL_NAMES]
    if len(found) == 1:
        return found[0]
    if found:
        raise TableError("label", f"could be {', '.join(found)}; say which column tells who left")
    told = "is not given, and no column has the name of one; say which column tells who left; there are"
    raise TableError("label", f"{told} {listed(names)}")


def find_id(columns: Mapping[str, Raw]) -> str:
    """The column with the ids, by its name and because no value comes twice; "" if there is none."""
    for name, values in columns.items():
        named = plain_name(name) in _ID_NAMES or plain_name(name).replace(" ", "") in _ID_NAMES
        if named and len(set(values)) == len(values):
            return name
    return ""


def read_labels(name: str, values: Raw, *, churned: str = "") -> tuple[Flags, Flags, list[str]]:
    """Who left, (n,), of whom it is known, (n,), and what to tell people.

    Args:
        name: of the column.
        values: as the file has them.
        churned: the value that says that somebody left; "" = by what such values usually are.

    Raises:
        TableError: the values are not of two kinds that can be told apart.

    """
    stripped = np.array(["" if blank(value) else str(value).strip() for value in values], dtype=object)
    known = stripped != ""
    found = {str(value) for value in stripped[known]}
    shown = ", ".join(sorted(found)[:_SHOWN]) + (", …" if len(found) > _SHOWN else "")
    if churned:
        meant = {value for value in found if value.lower() == churned.strip().lower()}
        if found and not meant:
            raise TableError("churned", f"is '{churned}', but column {name} has {shown}")
    else:
        meant = {value for value in found if _plain_label(value) in LEFT}
        strange = {value for value in found - meant if _plain_label(value) not in STAYED}
        if strange:
            raise TableError("churned", f"is needed: column {name} has {shown}; say which value means that they left")
    notes = []
    if not known.all():
        notes.append(f"{int((~known).sum())} rows without a label were left out")
    if len(found - meant) > 1:
        *others, last = sorted(found - meant)
        notes.append(f"{', '.join(others)} and {last} count as stayed")
    return np.isin(stripped, sorted(meant)), known, notes
