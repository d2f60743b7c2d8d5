"""How statements over journeys keep within the memory of a server, and what they refuse because it would fill it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar

from trueline_stores.errors import QueryMemoryError, StoreError
from trueline_stores.warehouse.statements import Statement

# Large groups go to the disk before they fill the memory: half of what a query may take by default, because to read
# them again takes some, too.
SETTINGS: Mapping[str, int] = {"max_bytes_before_external_group_by": 512 << 20}
# For a statement that needs more: one thread needs a fraction, however many journeys there are.
FRUGAL_SETTINGS: Mapping[str, int] = {"max_bytes_before_external_group_by": 256 << 20, "max_threads": 1}

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that a statement checks itself.

    Attributes:
        most: how much it allows.
        word: what the warehouse says where there is more; it tells the limits apart.
        way_out: the message.

    """

    most: int
    word: str
    way_out: str

    def exceeded(self, amount: str) -> str:
        """SQL that is 0, or ends the statement where an amount is more than the limit."""
        return f"throwIf({amount} > {self.most}, '{self.word}')"


# Without a split each conversion has its own copy of its touches.
COPIES = Limit(
    10_000_000,
    "a person has too many touches in common",
    "the conversions of one person look back to more than 10,000,000 touches and others together, which "
    "`journeys: {split: false}` copies for each; shorten `lookback` in the attribution model, or split journeys",
)
# Each part of a statement has all names.
NAMES = Limit(
    500_000,
    "touches and conversions have too many names",
    "there are more than 500,000 different channels, campaigns and segments; let the fields `channel`, `campaign` and "
    "`segment` of the attribution model name groups, not single things",
)


@contextmanager
def telling_limits() -> Iterator[None]:
    """Tell of a statement that a limit has ended what can be done about it.

    Raises:
        QueryMemoryError: with the way out.

    """
    try:
        yield
    except StoreError as error:
        for limit in (COPIES, NAMES):
            # The statement, which an error may cite, has the word, too.
            if f"DB::Exception: {limit.word}" in str(error):
                raise QueryMemoryError(limit.way_out, metadata={"limit": str(limit.most)}) from error
        raise


def within_memory(ask: Callable[..., _Answer], statement: Statement) -> _Answer:
    """Ask with all threads, and with one where that takes more memory than a query may take.

    Raises:
        QueryMemoryError: that is too much, too, or a limit was met.

    """
    sql, parameters = statement.to_sql()
    with telling_limits():
        try:
            return ask(sql, parameters, settings=SETTINGS)
        except QueryMemoryError:
            return ask(sql, parameters, settings=FRUGAL_SETTINGS)
