"""Values of facts as the decision log writes them: JSON that keeps every type exactly, and digests of all of them."""

from __future__ import annotations

import hashlib
import hmac
import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from trueline_rules.alerting.vectors import Value
from trueline_rules.expressions.masking import MASKED, Masked

_DIGEST_BYTES = 16
# Numbers that JSON has no words for.
_WORDS: Mapping[str, float] = {"NaN": math.nan, "Infinity": math.inf, "-Infinity": -math.inf}


def write_value(value: Value | None) -> str:
    """A value as JSON: numbers, texts, booleans and sets of texts as themselves, missing as null, others as objects."""
    written: Any = value
    match value:
        case Masked():
            written = {"masked": True}
        case Decimal():
            written = {"decimal": str(value)}
        case datetime():
            written = {"datetime": value.astimezone(UTC).isoformat()}
        case frozenset():
            written = sorted(value)
        case float() if not math.isfinite(value):
            written = {"number": json.dumps(value)}
    return json.dumps(written, ensure_ascii=False, separators=(",", ":"))


def read_value(text: str) -> Value | None:
    """What `write_value` wrote; masked values are MASKED.

    Raises:
        ValueError: it wrote no such thing.

    """
    written: Any = json.loads(text)
    match written:
        case {"masked": True}:
            return MASKED
        case {"decimal": str(digits)}:
            return Decimal(digits)
        case {"datetime": str(instant)}:
            return datetime.fromisoformat(instant)
        case {"number": str(word)} if word in _WORDS:
            return _WORDS[word]
        case list():
            return frozenset(written)
        case None | bool() | int() | float() | str():
            return written
    raise ValueError(f"no value of a fact is written as {text[:80]}")


def digest_facts(key: bytes, facts: Mapping[str, Value | None]) -> str:
    """32 hex digits over names and values, which nobody without the key can try values against."""
    digest = hmac.new(key, digestmod=hashlib.sha256)
    for name, value in sorted(facts.items()):
        for part in (name.encode(), write_value(value).encode()):
            digest.update(len(part).to_bytes(8, "little"))
            digest.update(part)
    return digest.hexdigest()[: 2 * _DIGEST_BYTES]
