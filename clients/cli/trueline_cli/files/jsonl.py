"""Reads JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from trueline_cli.files.block import BLOCK_RECORDS, MISSING, BadLine, Block
from trueline_cli.files.opened import LONGEST_LINE, OpenedFile, UnreadableError

_BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
_decode = json.JSONDecoder().raw_decode


class JsonRecords:
    """Objects of JSON lines."""

    def __init__(self, objects: list[dict[str, Any]]) -> None:
        self._objects = objects

    @property
    def names(self) -> Sequence[str]:
        """Every object has its own members."""
        return ()

    def column(self, name: str) -> list[Any]:
        """The members of that name; dots reach into nested objects where no member has the whole name."""
        if "." not in name:
            return [record.get(name, MISSING) for record in self._objects]
        return [self._nested(record, name) for record in self._objects]

    def unknown(self, known: frozenset[str]) -> dict[int, str]:
        """Row -> the first of its members that is not known."""
        found = {}
        for row, record in enumerate(self._objects):
            if not record.keys() <= known:
                found[row] = next(key for key in record if key not in known)
        return found

    @staticmethod
    def _nested(record: dict[str, Any], name: str) -> Any:
        if name in record:
            return record[name]
        found: Any = record
        for part in name.split("."):
            found = found.get(part, MISSING) if isinstance(found, dict) else MISSING
        return found


def read_jsonl(opened: OpenedFile) -> Iterator[Block]:
    """The records of JSON lines; lines with white space only are passed over.

    Raises:
        UnreadableError: the rest cannot be read; all records before came already. Or it is one array.

    """
    growing = _Growing(opened.name)
    try:
        for first, raw_lines in opened.lines():
            for number, raw in enumerate(raw_lines, first):
                growing.add(number, raw)
                if len(growing.lines) == BLOCK_RECORDS:
                    yield growing.block()
            if opened.is_pipe and growing:
                yield growing.block()
    except UnreadableError:
        if growing:
            yield growing.block()
        raise
    if growing:
        yield growing.block()


class _Growing:
    """A block that grows line by line."""

    def __init__(self, file: str) -> None:
        self._file = file
        self.lines: list[int] = []
        self._objects: list[dict[str, Any]] = []
        self._bad: list[BadLine] = []
        self._begun = False

    def __bool__(self) -> bool:
        return bool(self.lines or self._bad)

    def add(self, number: int, raw: bytes) -> None:
        try:
            text = raw.decode()
            if number == 1:
                text = text.removeprefix(_BOM)
            # The decoder does not pass over white space before the object, which hardly any file has.
            record, end = _decode(text) if text[:1] == "{" else _decode_loose(text)
            if end != len(text) and text[end:].strip():
                raise ValueError(f"there is more after the object, from column {end + 1} on")  # noqa: TRY301
        except (ValueError, RecursionError) as error:
            self._expect_lines(raw, None)
            self._bad.append(_bad(self._file, number, raw, error))
            return
        self._expect_lines(raw, record)
        if type(record) is dict:
            self.lines.append(number)
            self._objects.append(record)
        elif record is not MISSING:
            self._bad.append(BadLine(self._file, number, "", "CORRUPT_LINE", "is JSON, but not an object"))

    def _expect_lines(self, raw: bytes, record: Any) -> None:
        """Refuse what begins as an array that holds all records: each of its lines would be a mistake."""
        begins = not self._begun and raw.lstrip(b" \t\xef\xbb\xbf").startswith(b"[")
        if begins and (record is None or all(type(item) is dict for item in record)):
            raise UnreadableError(
                "is one JSON array; write an object a line instead, e.g. with: jq -c '.[]' FILE > events.jsonl"
            )
        self._begun = self._begun or record is not MISSING

    def block(self) -> Block:
        """What has grown so far; a new one begins."""
        grown = Block(lines=self.lines, records=JsonRecords(self._objects), bad=self._bad)
        self.lines, self._objects, self._bad = [], [], []
        return grown


def _decode_loose(text: str) -> tuple[Any, int]:
    stripped = text.strip()
    if not stripped:
        return MISSING, len(text)
    record, end = _decode(stripped)
    return record, end + len(text) - len(text.lstrip())


def _bad(file: str, line: int, raw: bytes, error: Exception) -> BadLine:
    if len(raw) > LONGEST_LINE:
        message = f"is longer than {LONGEST_LINE >> 20} MiB"
    elif isinstance(error, UnicodeDecodeError):
        message = f"is not UTF-8: byte 0x{raw[error.start]:02x} at byte {error.start + 1}"
    elif isinstance(error, json.JSONDecodeError):
        message = f"is not JSON: {error.msg[0].lower()}{error.msg[1:]} (column {error.colno})"
    elif isinstance(error, RecursionError):
        message = "is not JSON that can be read: nested too deeply"
    else:
        message = f"is not JSON: {error}"
    return BadLine(file, line, "", "CORRUPT_LINE", message)
