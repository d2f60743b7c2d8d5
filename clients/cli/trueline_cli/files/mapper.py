"""Makes columnar batches of blocks of records, as a mapping says."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from trueline.batch import ColumnBatch, transpose
from trueline.results import EventMapping, FieldSource

from trueline_cli.files import convert
from trueline_cli.files.block import MISSING, BadLine, Block, MissingType
from trueline_cli.files.convert import Problems, WrongError
from trueline_cli.files.opened import UnreadableError
from trueline_cli.files.times import reader_of, shown

TEXTS = ("id", "source", "name", "user_id", "account_id", "anonymous_id", "device_id", "currency")
ALWAYS = ("id", "source", "name", "occurred_at")
_FIELDS = (*ALWAYS, *TEXTS[3:], "value")
_OBJECT = "properties"
_STRINGS = frozenset({str})
_SCALARS = frozenset({str, bool})
# Times repeat within a file; the cache is emptied when it is full.
_CACHED_TIMES = 65_536
_COLUMNS_SHOWN = 12

# Without a mapping a record is an event, field by field.
NATIVE = EventMapping(
    name="",
    fields={name: FieldSource(column=name, required=name in ALWAYS) for name in _FIELDS},
    properties_object=_OBJECT,
)
_KNOWN = frozenset((*_FIELDS, _OBJECT))


class Mapper:
    """Applies a mapping to the blocks of one file.

    A record that does not fit is left out and told; nothing of it is guessed. Without a mapping (`NATIVE`), also a
    column that is no field of an event is a mistake; in CSV columns `properties.KEY` are properties.
    """

    def __init__(self, mapping: EventMapping, file: str, short_name: str) -> None:
        self._mapping = mapping
        self._file = file
        self._short_name = short_name
        self._native = mapping is NATIVE
        self._read_time = reader_of(mapping.fields["occurred_at"].format)
        self._times: dict[Any, int] = {}

    def batch(self, block: Block) -> tuple[ColumnBatch | None, list[BadLine]]:
        """The events of a block, and what is wrong with the others, by line."""
        self._expect_columns(block)
        bad, problems = list(block.bad), Problems()
        columns = self._columns(block, problems) if block.lines else {}
        for row, (field, reason, message) in problems.items():
            bad.append(BadLine(self._file, block.lines[row], field, reason, message))
        bad.sort(key=lambda line: line.line)
        good = [row for row in range(len(block.lines)) if row not in problems]
        if not good:
            return None, bad
        if problems:
            columns = {name: _picked(column, good) for name, column in columns.items()}
        origins = [(self._file, block.lines[row]) for row in good]
        columns["ids"] = columns.pop("id")
        columns["occurred_at_us"] = columns.pop("occurred_at")
        return ColumnBatch(**columns, origins=origins), bad

    def _expect_columns(self, block: Block) -> None:
        names = _names(block)
        for field, source in self._mapping.fields.items():
            if names and source.required and source.constant is None and not _reaches(source.column, names):
                raise UnreadableError(
                    f"has no column '{source.column}', which {field} is read from; its columns are {_listed(names)}: "
                    + ("give a --mapping that names them" if self._native else "name one of them in the mapping")
                )

    def _columns(self, block: Block, problems: Problems) -> dict[str, Any]:
        columns: dict[str, Any] = {}
        for name in _FIELDS:
            source = self._mapping.fields.get(name)
            if source is not None:
                columns[name] = self._field(name, source, block, problems)
        columns["properties"] = self._properties(block, problems)
        if self._native:
            self._refuse_unknown(block, problems)
        return columns

    def _field(self, name: str, source: FieldSource, block: Block, problems: Problems) -> Any:
        cells = self._cells(source, block)
        how: dict[str, Any] = {
            "field": name,
            "problems": problems,
            "required": source.required,
            "absent": self._absent(source, block, text=name in TEXTS),
        }
        if name == "occurred_at":
            return convert.convert(cells, self._time, **how)
        if name == "value":
            return convert.numbers(cells, convert.written_number if block.written else convert.number, **how)
        read = partial(convert.text, lenient=not self._native)
        return convert.convert(cells, read, easy=_STRINGS, **how)

    def _cells(self, source: FieldSource, block: Block) -> list[Any]:
        if source.constant is None:
            assert block.records is not None
            return block.records.column(source.column)
        text = source.constant.replace("{file}", self._short_name)
        if "{line}" not in text:
            return [text] * len(block.lines)
        return [text.replace("{line}", str(line)) for line in block.lines]

    @staticmethod
    def _absent(source: FieldSource, block: Block, *, text: bool = False) -> tuple[str, ...]:
        """Texts that mean absent. CSV has no other way to say it than an empty cell, except where empty is a text."""
        if block.written and not text and source.constant is None and not source.required:
            return (*source.absent, "")
        return source.absent

    def _time(self, cell: Any) -> int:
        # Only texts: to a dict, the number 1 and true are the same.
        if type(cell) is not str:
            return self._read_time(cell)
        found = self._times.get(cell)
        if found is None:
            found = self._read_time(cell)
            if len(self._times) >= _CACHED_TIMES:
                self._times.clear()
            self._times[cell] = found
        return found

    def _properties(self, block: Block, problems: Problems) -> dict[str, list[Any]]:
        columns: dict[str, list[Any]] = {}
        if self._mapping.properties_object and block.records is not None:
            cells = block.records.column(self._mapping.properties_object)
            columns = self._members(cells, block, problems)
        for key, source in self._named_properties(block).items():
            column = self._property(key, source, block, problems)
            if column is not None:
                columns[key] = column
        return columns

    def _named_properties(self, block: Block) -> Mapping[str, FieldSource]:
        if not (self._native and block.written):
            return self._mapping.properties
        prefix = f"{_OBJECT}."
        names = [name for name in _names(block) if name.startswith(prefix)]
        return {name.removeprefix(prefix): FieldSource(column=name, absent=("",)) for name in names}

    def _property(self, key: str, source: FieldSource, block: Block, problems: Problems) -> list[Any] | None:
        how: dict[str, Any] = {
            "field": f"properties[{key}]",
            "problems": problems,
            "required": source.required,
            "absent": self._absent(source, block, text=source.type in ("", "string")),
        }
        cells = self._cells(source, block)
        if source.type == "number":
            return convert.numbers(cells, convert.written_number if block.written else convert.number, **how)
        if source.type == "bool":
            return convert.convert(cells, convert.written_truth if block.written else convert.truth, **how)
        if source.type == "string":
            return convert.convert(cells, convert.as_text, easy=_STRINGS, **how)
        return convert.convert(cells, convert.scalar, easy=_SCALARS, **how)

    def _members(self, cells: list[Any], block: Block, problems: Problems) -> dict[str, list[Any]]:
        """The members of the object column, a column each."""
        kinds = set(map(type, cells))
        if kinds == {MissingType}:
            return {}
        if kinds != {dict}:
            cells = [self._object(row, cell, block.written, problems) for row, cell in enumerate(cells)]
        if any(None in members.values() for members in cells):
            self._tell_null(cells, problems)
        columns: dict[str, list[Any]] = transpose(cells)
        for key, column in columns.items():
            kinds = set(map(type, column))
            kinds.discard(type(None))
            if kinds <= _SCALARS or (kinds <= {int, float} and convert.all_finite(column)):
                continue
            columns[key] = [self._member(row, key, cell, problems) for row, cell in enumerate(column)]
        return columns

    @staticmethod
    def _object(row: int, cell: Any, written: bool, problems: Problems) -> dict[str, Any]:
        if written and type(cell) is str and cell:
            try:
                cell = json.loads(cell)
            except (ValueError, RecursionError):
                problems.setdefault(row, (_OBJECT, "WRONG_TYPE", f"{shown(cell)} is not an object in JSON"))
                return {}
        if type(cell) is dict:
            return cell
        if cell is not MISSING and not (written and cell == ""):
            problems.setdefault(row, (_OBJECT, "WRONG_TYPE", f"{shown(cell)} is not an object"))
        return {}

    @staticmethod
    def _tell_null(bags: list[dict[str, Any]], problems: Problems) -> None:
        for row, bag in enumerate(bags):
            for key, cell in bag.items():
                if cell is None:
                    problems.setdefault(
                        row, (f"properties[{key}]", "WRONG_TYPE", "null is not a text, a number, or true or false")
                    )

    @staticmethod
    def _member(row: int, key: str, cell: Any, problems: Problems) -> Any:
        if cell is None:
            return None
        try:
            return convert.scalar(cell)
        except WrongError as error:
            problems.setdefault(row, (f"properties[{key}]", error.reason, str(error)))
            return None

    def _refuse_unknown(self, block: Block, problems: Problems) -> None:
        known = _KNOWN
        if block.written:
            known |= {f"{_OBJECT}.{key}" for key in self._named_properties(block)}
        assert block.records is not None
        for row, name in block.records.unknown(known).items():
            problems.setdefault(
                row, (name, "UNKNOWN_FIELD", "is no field of an event; give a --mapping, or leave it out")
            )


def _names(block: Block) -> Sequence[str]:
    return block.records.names if block.records is not None else ()


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in names[:_COLUMNS_SHOWN])
    return f"{shown}, …" if len(names) > _COLUMNS_SHOWN else shown


def _reaches(column: str, names: Sequence[str]) -> bool:
    return column in names or column.partition(".")[0] in names


def _picked(column: Any, rows: list[int]) -> Any:
    if isinstance(column, dict):
        return {key: [cells[row] for row in rows] for key, cells in column.items()}
    return None if column is None else [column[row] for row in rows]
