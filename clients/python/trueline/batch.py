"""Batches of events in columns, and their packing into EventColumns. The hot path of sending."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from trueline.event import Event, PropertyScalar
from trueline.v1 import event_pb2

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
# Up to so many property keys, asking each event for each key is cheaper than walking the events.
_FEW_KEYS = 16
# So many texts tell whether a column repeats itself, if more than this share of them differ.
_LOOK = 64
_VARIED = 0.9
_TEXT_OR_NONE = {str, type(None)}
_FLAGS: Mapping[bool | None, int] = {None: 2, False: 0, True: 1}
_BIG_ENDIAN = sys.byteorder == "big"

# One text for all events, one a row, or None where nothing is known.
TextColumn = Sequence[str | None] | str | None


class EncodingError(ValueError):
    """A batch holds something that an event cannot carry: a text with lone surrogates, a property of another type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnBatch:
    """Events, column by column. All columns have the length of `ids`.

    Attributes:
        ids: Event.id of each.
        source: Event.source, one text for all or one each.
        name: Event.name, one text for all or one each.
        occurred_at_us: microseconds since 1970-01-01T00:00:00Z of each.
        user_id: one each (None = absent), one for all, or None = absent everywhere; the other identifiers likewise.
        account_id: see user_id.
        anonymous_id: see user_id.
        device_id: see user_id.
        value: one number each (None = absent), or None = absent everywhere.
        currency: see user_id.
        properties: key to one value each; None = the event does not have the property.
        origins: what each event stands for to the caller (a line number, a row); given back with its rejection.

    Raises:
        ValueError: the columns differ in length.

    """

    ids: Sequence[str]
    source: Sequence[str] | str
    name: Sequence[str] | str
    occurred_at_us: Sequence[int]
    user_id: TextColumn = None
    account_id: TextColumn = None
    anonymous_id: TextColumn = None
    device_id: TextColumn = None
    value: Sequence[float | None] | None = None
    currency: TextColumn = None
    properties: Mapping[str, Sequence[PropertyScalar | None]] = field(default_factory=dict)
    origins: Sequence[Any] | None = None

    def __post_init__(self) -> None:
        named = [*self._columns(), *((f"properties[{key}]", column) for key, column in self.properties.items())]
        for name, column in named:
            if len(column) != len(self.ids):
                raise ValueError(f"column {name} has {len(column)} rows, ids has {len(self.ids)}")

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def from_events(cls, events: Sequence[Event]) -> ColumnBatch:
        """The same events in columns; each event is its own origin."""
        return cls(
            ids=[event.id for event in events],
            source=[event.source for event in events],
            name=[event.name for event in events],
            occurred_at_us=[(event.occurred_at - _EPOCH) // _MICROSECOND for event in events],
            user_id=[event.user_id for event in events],
            account_id=[event.account_id for event in events],
            anonymous_id=[event.anonymous_id for event in events],
            device_id=[event.device_id for event in events],
            value=[event.value for event in events],
            currency=[event.currency for event in events],
            properties=transpose([event.properties for event in events]),
            origins=events,
        )

    def rows(self, start: int, stop: int) -> ColumnBatch:
        """The batch of the rows from `start` to before `stop`."""
        cut = slice(start, stop)
        parts: dict[str, Any] = {name: column[cut] for name, column in self._columns()}
        return replace(self, properties={key: column[cut] for key, column in self.properties.items()}, **parts)

    def halves(self) -> tuple[ColumnBatch, ColumnBatch]:
        """The batch in two, in order."""
        middle = len(self) // 2
        return self.rows(0, middle), self.rows(middle, len(self))

    def to_proto(self) -> event_pb2.EventColumns:
        """The batch as it goes over the wire.

        Raises:
            EncodingError: something in it cannot be carried; `ColumnBatch.halves` finds out what.

        """
        try:
            return self._packed()
        except (TypeError, ValueError, OverflowError) as error:
            raise EncodingError(f"the batch cannot be encoded: {error}") from error

    def _packed(self) -> event_pb2.EventColumns:
        packed = event_pb2.EventColumns(
            count=len(self.ids),
            ids=_text_array(self.ids),
            source=_text_column(self.source),
            name=_text_column(self.name),
            occurred_at_us=_little_endian(array("q", self.occurred_at_us)),
            user_id=_text_column(self.user_id),
            account_id=_text_column(self.account_id),
            anonymous_id=_text_column(self.anonymous_id),
            device_id=_text_column(self.device_id),
            value=None if self.value is None else _number_column(self.value),
            currency=_text_column(self.currency),
        )
        for key, column in self.properties.items():
            packed.properties.extend(_property_columns(key, column))
        return packed

    def _columns(self) -> Iterable[tuple[str, Sequence[Any]]]:
        for item in fields(self):
            column = getattr(self, item.name)
            if item.name != "properties" and column is not None and not isinstance(column, str):
                yield item.name, column


def transpose(bags: Sequence[Mapping[str, PropertyScalar]]) -> dict[str, list[PropertyScalar | None]]:
    """The properties of events, a column a key; None where an event does not have the key."""
    keys = sorted(set().union(*bags))
    if len(keys) <= _FEW_KEYS:
        return {key: [bag.get(key) for bag in bags] for key in keys}
    columns: dict[str, list[PropertyScalar | None]] = {key: [None] * len(bags) for key in keys}
    for row, bag in enumerate(bags):
        for key, value in bag.items():
            columns[key][row] = value
    return columns


def _little_endian(numbers: array[Any]) -> bytes:
    if _BIG_ENDIAN:
        numbers.byteswap()
    return numbers.tobytes()


def _text_array(texts: Sequence[str]) -> event_pb2.TextArray:
    joined = "".join(texts)
    text = joined.encode()
    # In ASCII, characters are bytes.
    lengths = map(len, texts) if len(text) == len(joined) else (len(one.encode()) for one in texts)
    return event_pb2.TextArray(text=text, lengths=_little_endian(array("I", lengths)))


def _text_column(column: TextColumn) -> event_pb2.StringColumn | None:
    if column is None:
        return None
    if isinstance(column, str):
        return event_pb2.StringColumn(texts=_text_array([column])) if column else None
    # An absent text and the empty one are the same on the wire.
    if _is_varied(column, absent=True):
        return event_pb2.StringColumn(texts=_text_array([text or "" for text in column]))
    return _Coded(column, empty_is_absent=True).packed()


def _is_varied(column: Sequence[str | None], *, absent: bool) -> bool:
    """Whether, by a look at the beginning, hardly any text stands twice, so that a dictionary would save nothing.

    With `absent`, rows without a text are left out of the count, as long as they are not the most.
    """
    beginning = column[:_LOOK]
    distinct = set(beginning)
    missing = beginning.count(None) if None in distinct else 0
    if missing:
        distinct.discard(None)
    there = len(beginning) - missing
    return len(distinct) > _VARIED * there and (absent or not missing) and missing <= there


class _Coded(dict[str | None, int]):
    """A column by the codes of its texts, numbered from 1 in the order they come; 0 = absent. Codes by what they mean.

    The column is walked once: a dictionary calls for what is missing by itself.
    """

    def __init__(self, column: Sequence[str | None], *, empty_is_absent: bool) -> None:
        super().__init__()
        self._empty_is_absent = empty_is_absent
        self._somewhere_absent = False
        self.texts: list[str] = []
        self._indices = array("I", map(self.__getitem__, column))

    def __missing__(self, text: str | None) -> int:
        if text is None or (text == "" and self._empty_is_absent):
            self._somewhere_absent = True
            code = 0
        else:
            self.texts.append(text)
            code = len(self.texts)
        self[text] = code
        return code

    def packed(self) -> event_pb2.StringColumn | None:
        """As it goes over the wire; None if all of it is absent."""
        if not self.texts:
            return None
        if len(self.texts) == 1 and not self._somewhere_absent:
            return event_pb2.StringColumn(texts=_text_array(self.texts))
        return event_pb2.StringColumn(texts=_text_array(self.texts), indices=_little_endian(self._indices))


def _number_column(column: Sequence[float | None]) -> event_pb2.DoubleColumn | None:
    if None not in column:
        return event_pb2.DoubleColumn(values=_little_endian(array("d", column)))
    rows = [row for row, value in enumerate(column) if value is not None]
    if not rows:
        return None
    values = array("d", [value for value in column if value is not None])
    return event_pb2.DoubleColumn(values=_little_endian(values), rows=_little_endian(array("I", rows)))


def _property_texts(column: Sequence[str | None]) -> event_pb2.StringColumn | None:
    """As _text_column, but an empty text is a value."""
    if _is_varied(column, absent=False) and None not in column:
        return event_pb2.StringColumn(texts=_text_array(cast("Sequence[str]", column)))
    return _Coded(column, empty_is_absent=False).packed()


def _few_texts(column: Sequence[PropertyScalar | None]) -> event_pb2.StringColumn | None:
    """The column if it has texts that repeat and nothing else, else None: the quick way for what most properties are.

    The distinct values tell what the column has, since a text equals nothing but a text.
    """
    if type(next((value for value in column if value is not None), None)) is not str:
        return None
    texts = cast("Sequence[str | None]", column)
    try:
        if _is_varied(texts, absent=False):
            return None
        coded = _Coded(texts, empty_is_absent=False)
    except TypeError:
        # A list, say, which no dictionary takes.
        return None
    return coded.packed() if set(map(type, coded)) <= _TEXT_OR_NONE else None


def _property_columns(key: str, column: Sequence[PropertyScalar | None]) -> Iterable[event_pb2.PropertyColumn]:
    if (few := _few_texts(column)) is not None:
        yield event_pb2.PropertyColumn(key=key, strings=few)
        return
    kinds = set(map(type, column))
    kinds.discard(type(None))
    if kinds == {str}:
        texts = cast("Sequence[str | None]", column)
        yield event_pb2.PropertyColumn(key=key, strings=_property_texts(texts))
    elif kinds == {bool}:
        flags = cast("Sequence[bool | None]", column)
        yield event_pb2.PropertyColumn(key=key, bools=bytes(map(_FLAGS.__getitem__, flags)))
    elif kinds and kinds <= {int, float}:
        numbers = cast("Sequence[float | None]", column)
        yield event_pb2.PropertyColumn(key=key, doubles=_number_column(numbers))
    elif kinds:
        # A key whose values differ in type over the events goes into one column a type.
        for wanted in ((str,), (bool,), (int, float)):
            part = [value if type(value) in wanted else None for value in column]
            if any(value is not None for value in part):
                yield from _property_columns(key, part)
        strange = next((kind for kind in kinds if kind not in (str, bool, int, float)), None)
        if strange is not None:
            raise TypeError(f"properties[{key}] holds a {strange.__name__}; a text, number or truth value is needed")
