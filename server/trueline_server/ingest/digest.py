"""The content digest of events as event.proto specifies it, for a batch at once.

The canonical form of an event is joined from pieces: a column of constant pieces, of pieces of one width, or of pieces
of any width. Neighbours of the first two sorts are merged first, since each piece that is joined costs.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from trueline_server.ingest.batch import (
    EventBatch,
    Kind,
    PropertyColumn,
    TextColumn,
    text_lengths,
)
from trueline_server.ingest.property_order import order_properties

DIGEST_BYTES = 16
_FRESH = blake2b(digest_size=DIGEST_BYTES)
# Dictionaries of so few texts are quicker to go through in Python than to hand to Arrow.
_FEW_TEXTS = 12
Bytes = npt.NDArray[np.uint8]
# bytes: the same for all; matrix: one row an event; array: pieces of any width.
Piece: TypeAlias = bytes | Bytes | pa.BinaryArray

# The empty text.
_ABSENT = bytes(4)
_NOTHING = pa.scalar(b"", type=pa.binary())


def digests_of(batch: EventBatch) -> bytes:
    """DIGEST_BYTES a row, in the order of the batch. Those of refused events have no meaning."""
    texts = batch.texts
    pieces: list[Piece] = [
        _prefixes(batch.ids),
        batch.ids.cast(pa.binary()),
        _text(texts["source"]),
        _text(texts["name"]),
        _matrix(batch.occurred_at_us.astype("<i8")),
        *(_text(texts[field]) for field in ("user_id", "account_id", "anonymous_id", "device_id")),
        _value(batch),
        _text(texts["currency"]),
        *_properties(batch),
    ]
    forms = pc.binary_join_element_wise(
        *_merged(pieces, batch.count), _NOTHING, null_handling="replace", null_replacement=_ABSENT
    )
    digests = []
    # Copying an empty state is a third cheaper than making one.
    copy = _FRESH.copy
    for form in forms.to_pylist():
        state = copy()
        state.update(form)
        digests.append(state.digest())
    return b"".join(digests)


def _merged(pieces: Iterable[Piece], count: int) -> list[pa.Array | pa.Scalar]:
    """Pieces as arguments of a join, neighbours merged."""
    merged: list[bytes | list[bytes | Bytes] | pa.BinaryArray] = []
    for piece in pieces:
        last = merged[-1] if merged else None
        if isinstance(piece, pa.Array):
            merged.append(piece)
        elif isinstance(piece, bytes) and isinstance(last, bytes):
            merged[-1] = last + piece
        elif isinstance(last, list):
            last.append(piece)
        elif isinstance(piece, bytes):
            merged.append(piece)
        elif isinstance(last, bytes):
            merged[-1] = [last, piece]
        else:
            merged.append([piece])
    return [_argument(piece, count) for piece in merged]


def _argument(piece: bytes | list[bytes | Bytes] | pa.BinaryArray, count: int) -> pa.Array | pa.Scalar:
    if isinstance(piece, bytes):
        return pa.scalar(piece, type=pa.binary())
    if isinstance(piece, list):
        width = sum(len(part) if isinstance(part, bytes) else part.shape[1] for part in piece)
        matrix = np.empty((count, width), dtype=np.uint8)
        place = 0
        for part in piece:
            columns = np.frombuffer(part, dtype=np.uint8)[None, :] if isinstance(part, bytes) else part
            matrix[:, place : place + columns.shape[1]] = columns
            place += columns.shape[1]
        return _of_width(matrix)
    return piece


def _matrix(numbers: npt.NDArray[np.generic]) -> Bytes:
    """The bytes of each number as a row."""
    return np.ascontiguousarray(numbers).view(np.uint8).reshape(len(numbers), numbers.dtype.itemsize)


def _of_width(matrix: Bytes) -> pa.BinaryArray:
    """The rows of a matrix as an array."""
    count, width = matrix.shape
    offsets = np.arange(count + 1, dtype=np.int32) * np.int32(width)
    return pa.BinaryArray.from_buffers(pa.binary(), count, [None, pa.py_buffer(offsets), pa.py_buffer(matrix)])


def _prefixes(texts: pa.StringArray) -> Bytes:
    return _matrix(text_lengths(texts).astype("<u4"))


def _prefixed(texts: pa.StringArray, head: bytes = b"") -> pa.BinaryArray:
    """Each text of a dictionary as head, length and bytes."""
    if len(texts) <= _FEW_TEXTS:
        encoded = [text.encode() for text in texts.to_pylist()]
        return pa.array([b"%b%b%b" % (head, len(text).to_bytes(4, "little"), text) for text in encoded], pa.binary())
    prefixes = _merged([head, _prefixes(texts)], len(texts))
    return pc.binary_join_element_wise(*prefixes, texts.cast(pa.binary()), _NOTHING)


def _text(column: TextColumn) -> Piece:
    """A text column as pieces; null = absent."""
    if not len(column.texts):
        return _ABSENT
    absent = column.codes < 0
    pieces = _prefixed(column.texts)
    if len(pieces) == 1 and not absent.any():
        return bytes(pieces[0].as_py())
    return pieces.take(pa.array(column.codes, mask=absent))


def _value(batch: EventBatch) -> Piece:
    """One byte 0, or one byte 1 and the double."""
    if not batch.has_value.any():
        return b"\0"
    matrix = np.empty((batch.count, 9), dtype=np.uint8)
    matrix[:, 0] = 1
    # Adding 0.0 turns -0.0 into 0.0.
    matrix[:, 1:] = _matrix((batch.values + 0.0).astype("<f8"))
    if batch.has_value.all():
        return matrix
    pieces = _of_width(matrix)
    return pc.if_else(pa.array(batch.has_value), pieces, pa.scalar(b"\0", type=pa.binary()))


def _properties(batch: EventBatch) -> list[Piece]:
    """Their number, and all of them as one piece."""
    if not batch.properties:
        return [_ABSENT]
    layout = order_properties(batch.properties, batch.count)
    values = pa.concat_arrays([_property(column) for column in batch.properties])
    if layout.order is not None:
        values = values.take(pa.array(layout.order))
    offsets = pa.Array.from_buffers(pa.int32(), batch.count + 1, [None, pa.py_buffer(layout.offsets)])
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, values), _NOTHING)
    return [_matrix(np.diff(layout.offsets).astype("<u4")), joined]


def _property(column: PropertyColumn) -> pa.BinaryArray:
    """Key, type and value of each value of a column."""
    key = column.key.encode()
    head = len(key).to_bytes(4, "little") + key + bytes([column.kind])
    if column.kind is Kind.STRING:
        return _prefixed(column.texts, head).take(pa.array(column.values))
    if column.kind is Kind.BOOL:
        return pa.array([head + b"\0", head + b"\1"], type=pa.binary()).take(pa.array(column.values.astype(np.int8)))
    matrix = np.empty((len(column.values), len(head) + 8), dtype=np.uint8)
    matrix[:, : len(head)] = np.frombuffer(head, dtype=np.uint8)
    matrix[:, len(head) :] = _matrix((column.values.astype(np.float64) + 0.0).astype("<f8"))
    return _of_width(matrix)
