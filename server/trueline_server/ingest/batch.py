"""A batch of events as columns, before it is checked: what both wire forms are read into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa

# Columns whose dictionary goes on to the log: its texts must be distinct. In the others a text may stand twice.
CODED_FIELDS = frozenset({"source", "name", "currency"})

Ints = npt.NDArray[np.int64]
Codes = npt.NDArray[np.int32]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class TextColumn:
    """A dictionary-coded column of text.

    Attributes:
        texts: distinct texts; some may be unused.
        codes: place of each event's text in `texts`; -1 = absent.
        plain: each event has the text in its own place, so that the codes count up.

    """

    texts: pa.StringArray
    codes: Codes
    plain: bool = False

    def lengths(self) -> Codes:
        """Bytes of each event's text; 0 where it is absent."""
        # The last element is what code -1 finds.
        return np.append(text_lengths(self.texts), np.int32(0))[self.codes]


class Kind(IntEnum):
    """Type of a property's value; the number is its byte in the canonical form of an event."""

    STRING = 1
    DOUBLE = 2
    BOOL = 3


@dataclass(frozen=True, slots=True)
class PropertyColumn:
    """One property of one type, over the events that have it.

    Attributes:
        key: the property's name.
        kind: type of the values.
        rows: the events that have it, ascending; None = every event.
        values: one per row: codes (int32) for STRING, float64 for DOUBLE, bool for BOOL.
        texts: for STRING, what the codes mean.

    """

    key: str
    kind: Kind
    rows: Ints | None
    values: npt.NDArray[np.generic]
    texts: pa.StringArray | None = None

    def lengths(self) -> Codes:
        """Bytes of each value of a STRING column."""
        assert self.texts is not None
        found: Codes = text_lengths(self.texts)[self.values]
        return found


@dataclass(frozen=True, slots=True)
class Rejection:
    """Why one event is refused.

    Attributes:
        index: its place in the batch, from 0.
        field: the field at fault, e.g. "properties[blob]".
        reason: an ErrorReason without its prefix.
        message: for people: the field, the value and the way out.

    """

    index: int
    field: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Events by columns. Absent and empty texts are the same, except in properties.

    Attributes:
        count: number of events.
        ids: "" = absent.
        texts: source, name, user_id, account_id, anonymous_id, device_id and currency, by field name.
        occurred_at_us: microseconds since 1970 (UTC); any number where the time cannot be read.
        unset_times: events without occurred_at; None = none.
        values: any number where has_value is false.
        has_value: which events have a value.
        properties: by ascending bytes of the key; one key may have several columns.
        flaws: what is wrong with single events and cannot be told from the columns any more.

    """

    count: int
    ids: pa.StringArray
    texts: dict[str, TextColumn]
    occurred_at_us: Ints
    unset_times: Mask | None
    values: Floats
    has_value: Mask
    properties: Sequence[PropertyColumn]
    flaws: Sequence[Rejection] = ()

    def text_bytes(self) -> int:
        """Bytes of all texts once they are decoded, when each is there once per event that has it."""
        total = sum(int(column.lengths().sum(dtype=np.int64)) for column in self.texts.values())
        for column in self.properties:
            total += len(column.key.encode()) * len(column.values)
            if column.kind is Kind.STRING:
                total += int(column.lengths().sum(dtype=np.int64))
        return total

    def most_text_bytes(self) -> int:
        """An upper bound of text_bytes that is cheap: as if every event had the longest text of each column."""
        longest = sum(int(text_lengths(column.texts).max(initial=0)) for column in self.texts.values())
        for column in self.properties:
            longest += len(column.key.encode())
            if column.texts is not None:
                longest += int(text_lengths(column.texts).max(initial=0))
        return longest * self.count


def text_lengths(texts: pa.StringArray) -> Codes:
    """Bytes of each text of an array without nulls."""
    return np.diff(text_offsets(texts))


def text_offsets(texts: pa.StringArray) -> Codes:
    """The n + 1 offsets of an array's texts in its data buffer."""
    if not len(texts):
        return np.zeros(1, dtype=np.int32)
    offsets = np.frombuffer(texts.buffers()[1], dtype=np.int32)
    return offsets[texts.offset : texts.offset + len(texts) + 1]


def coded_texts(texts: Sequence[str], codes: Codes) -> TextColumn:
    """A text column from a dictionary that may repeat texts or hold the empty one, which means absent."""
    places = dict.fromkeys(texts)
    if len(places) < len(texts) or "" in places:
        places.pop("", None)
        numbers = {text: place for place, text in enumerate(places)}
        moved = np.array([numbers.get(text, -1) for text in texts] + [-1], dtype=np.int32)
        codes = moved[codes]
    return TextColumn(pa.array(places, type=pa.string()), codes)
