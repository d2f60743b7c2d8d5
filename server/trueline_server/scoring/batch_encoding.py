"""Writes the health of many accounts as the bytes of their messages: making a message each takes five times as long."""

from __future__ import annotations

from collections.abc import Iterator
from struct import Struct

from trueline.v1 import scoring_service_pb2 as pb
from trueline_stores.warehouse.streaming import Block

from trueline_server.scoring.account_sql import classes_of
from trueline_server.scoring.profiles import CompiledProfile
from trueline_server.scoring.wire import bytes_field, text_field

ACCOUNTS_IN_MESSAGE = 1_000
_DOUBLE = Struct("<Bd").pack
# Tags of AccountHealth: score 2, coverage 4, dimensions 6, churn_probability 7, and score 1 of DimensionValue.
_SCORE, _COVERAGE, _CHURN, _VALUE = 2 << 3 | 1, 4 << 3 | 1, 7 << 3 | 1, 1 << 3 | 1
_DIMENSION = bytes((6 << 3 | 2, 9))
_NO_DIMENSION = bytes((6 << 3 | 2, 0))


class BatchEncoder:
    """Writes accounts that were scored by one profile."""

    def __init__(self, profile: CompiledProfile) -> None:
        self._classes = [text_field(3, name) for name in classes_of(profile)]
        self._personas: dict[str, bytes] = {}

    def account(self, row: tuple[object, ...]) -> bytes:
        """An entry of `accounts`; the row has the columns of `score_columns`."""
        account_id, persona, score, health, coverage, *dimensions, churn = row
        parts = [text_field(1, account_id)]  # type: ignore[arg-type]
        # NaN differs from itself.
        if score == score:  # noqa: PLR0124
            parts.append(_DOUBLE(_SCORE, score))
        parts.append(self._classes[health])  # type: ignore[call-overload]
        if coverage:
            parts.append(_DOUBLE(_COVERAGE, coverage))
        if persona:
            parts.append(self._persona(str(persona)))
        parts += [
            _DIMENSION + _DOUBLE(_VALUE, one) if one == one else _NO_DIMENSION  # noqa: PLR0124
            for one in dimensions
        ]
        if churn == churn:  # noqa: PLR0124
            parts.append(_DOUBLE(_CHURN, churn))
        return bytes_field(6, b"".join(parts))

    def _persona(self, persona: str) -> bytes:
        found = self._personas.get(persona)
        if found is None:
            found = text_field(5, persona)
            # Personas are few, but facts may say anything.
            if len(self._personas) < ACCOUNTS_IN_MESSAGE:
                self._personas[persona] = found
        return found


def messages(encoder: BatchEncoder, block: Block, wanted: frozenset[int]) -> Iterator[bytes]:
    """Messages with the accounts of a block whose class is wanted, at most 1,000 in each; none without any."""
    rows = zip(*block, strict=True)
    chosen = [encoder.account(row) for row in rows if row[3] in wanted]
    for start in range(0, len(chosen), ACCOUNTS_IN_MESSAGE):
        yield b"".join(chosen[start : start + ACCOUNTS_IN_MESSAGE])


# The encoder writes fields by their numbers; a contract that moves them must not go unseen.
_FIELDS = {name: field.number for name, field in pb.AccountHealth.DESCRIPTOR.fields_by_name.items()}
assert _FIELDS == {
    "account_id": 1,
    "score": 2,
    "health": 3,
    "coverage": 4,
    "persona": 5,
    "dimensions": 6,
    "churn_probability": 7,
}, "AccountHealth has other fields than are written here"
