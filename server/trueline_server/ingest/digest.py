"""The content digest of events, for a batch at once: what tells a duplicate from a conflict.

It covers all of an event but `source` and `id`, which are its identity. A text or number is hashed by itself, so a
dictionary's texts are hashed once however many events have them; an event's digest is the sum of the hashes of what it
has, each under a key that names the field or the property and its type. Sums do not depend on order, so neither wire
form, nor the order of properties, nor what else is in the batch makes a difference.

Hashes have 64 bits and are mixed with the finalizer of SplitMix64 (Steele, Lea, Flood: Fast splittable pseudorandom
number generators, OOPSLA 2014; the constants are Stafford's variant 13). That is enough, since a digest is only
compared with the one that stands under the same identity: one conflict in 2^64 passes for a duplicate. It is no
cryptographic hash: a client that wants two contents to count as one can have that, for its own events.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from trueline_server.ingest.batch import EventBatch, Kind, PropertyColumn, text_offsets

DIGEST_BYTES = 8
Hashes = npt.NDArray[np.uint64]

_TEXTS = ("name", "user_id", "account_id", "anonymous_id", "device_id", "currency")
_WORD = 8
# Steps of the Weyl sequence that tells the words of a text apart.
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
# By the bytes that a word has of its text: what of it counts.
_MASKS = np.array([(1 << (8 * size)) - 1 for size in range(_WORD + 1)], dtype=np.uint64)
_SEPARATOR = pa.array([""], pa.string())


def digests_of(batch: EventBatch) -> bytes:
    """DIGEST_BYTES a row, in the order of the batch. Those of refused events have no meaning."""
    sums = np.zeros(batch.count, dtype=np.uint64)
    _add_texts(sums, batch)
    _add_numbers(sums, batch)
    return sums.astype("<u8", copy=False).tobytes()


def _add_texts(sums: Hashes, batch: EventBatch) -> None:
    """All columns of text: their dictionaries are hashed as one."""
    fields = [(name, batch.texts[name]) for name in _TEXTS if len(batch.texts[name].texts)]
    properties = [column for column in batch.properties if column.texts is not None and len(column.texts)]
    dictionaries = [column.texts for _, column in fields] + [column.texts for column in properties]
    if not dictionaries:
        return
    keys = [_field_key(name) for name, _ in fields] + [_property_key(column.key, column.kind) for column in properties]
    # Behind each dictionary stands a row that adds nothing: code -1 finds it.
    table = _text_hashes(pa.concat_arrays([array for texts in dictionaries for array in (texts, _SEPARATOR)]))
    sizes = np.array([len(texts) + 1 for texts in dictionaries])
    table = _mixed(table + np.repeat(np.array(keys, dtype=np.uint64), sizes))
    ends = np.cumsum(sizes)
    table[ends - 1] = 0
    tables = np.split(table, ends[:-1])
    for (_, text), own in zip(fields, tables, strict=False):
        sums += own[:-1] if text.plain else own.take(text.codes, mode="wrap")
    for column, own in zip(properties, tables[len(fields) :], strict=True):
        _add(sums, column, own[column.values])


def _add_numbers(sums: Hashes, batch: EventBatch) -> None:
    """Times, values, and the numbers and truths among the properties."""
    properties = [column for column in batch.properties if column.texts is None]
    bits = [batch.occurred_at_us.view(np.uint64), _double_bits(batch.values), *map(_bits, properties)]
    keys = [_field_key("occurred_at"), _field_key("value")]
    keys += [_property_key(column.key, column.kind) for column in properties]
    sizes = [len(each) for each in bits]
    mixed = _mixed(np.concatenate(bits) + np.repeat(np.array(keys, dtype=np.uint64), sizes))
    times, values, *others = np.split(mixed, np.cumsum(sizes)[:-1])
    sums += times
    values[~batch.has_value] = 0
    sums += values
    for column, hashes in zip(properties, others, strict=True):
        _add(sums, column, hashes)


def _add(sums: Hashes, column: PropertyColumn, hashes: Hashes) -> None:
    if column.rows is None:
        sums += hashes
    else:
        sums[column.rows] += hashes


def _bits(column: PropertyColumn) -> npt.NDArray[np.uint64]:
    if column.kind is Kind.BOOL:
        return column.values.astype(np.uint64)
    return _double_bits(column.values)


def _double_bits(numbers: npt.NDArray[np.generic]) -> npt.NDArray[np.uint64]:
    # Adding 0.0 turns -0.0 into 0.0.
    return (numbers.astype(np.float64, copy=False) + 0.0).view(np.uint64)


def _text_hashes(texts: pa.StringArray) -> Hashes:
    """The hash of each text: of the sum over its words of eight bytes, and its length."""
    offsets = text_offsets(texts).astype(np.int64)
    lengths = np.diff(offsets)
    counts = (lengths + _WORD - 1) // _WORD
    ends = np.cumsum(counts)
    total = int(ends[-1])
    # The number of each word within its text.
    places = np.arange(total) - np.repeat(ends - counts, counts)
    words = _words(texts, np.repeat(offsets[:-1], counts) + places * _WORD)
    words &= _MASKS[np.minimum(np.repeat(lengths, counts) - places * _WORD, _WORD)]
    words += (places + 1).astype(np.uint64) * _GOLDEN
    sums = np.zeros(total + 1, dtype=np.uint64)
    np.cumsum(_mixed(words), out=sums[1:])
    return _mixed(sums[ends] - sums[ends - counts] + lengths.astype(np.uint64))


def _words(texts: pa.StringArray, starts: npt.NDArray[np.int64]) -> npt.NDArray[np.uint64]:
    """The eight bytes from each of some places of an array's text, little-endian, whatever lies behind its end."""
    if not len(starts):
        return np.zeros(0, dtype=np.uint64)
    text = np.frombuffer(texts.buffers()[2], dtype=np.uint8)
    last = int(starts.max()) + _WORD
    if last > len(text):
        text = np.concatenate([text, np.zeros(last - len(text), dtype=np.uint8)])
    anywhere = np.ndarray((len(text) - _WORD + 1,), dtype="<u8", buffer=text, strides=(1,))
    return anywhere[starts].astype(np.uint64, copy=False)


def _mixed(numbers: Hashes) -> Hashes:
    """SplitMix64's finalizer, in place."""
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        numbers ^= numbers >> np.uint64(shift)
        numbers *= np.uint64(factor)
    numbers ^= numbers >> np.uint64(31)
    return numbers


def _key(label: bytes) -> int:
    return int.from_bytes(blake2b(label, digest_size=DIGEST_BYTES).digest(), "little")


@lru_cache(maxsize=1024)
def _field_key(name: str) -> int:
    return _key(b"field\0" + name.encode())


@lru_cache(maxsize=65_536)
def _property_key(key: str, kind: Kind) -> int:
    return _key(b"property\0%d\0" % kind + key.encode())
