"""Driver errors as StoreErrors whose message says what was asked and which limit was hit."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import pyarrow as pa
from clickhouse_connect.driver.exceptions import ClickHouseError

from trueline_stores.errors import QueryMemoryError, QueryTimeoutError, StoreError

# Error codes of ClickHouse: 159 TIMEOUT_EXCEEDED, 160 TOO_SLOW, 241 MEMORY_LIMIT_EXCEEDED.
_TIMEOUTS = frozenset({159, 160})
_MEMORY = frozenset({241})
_MAXIMUM = re.compile(r"maximum: ([^,()]*?[a-zA-Z])[.,: ]")


@contextmanager
def telling_failures(sql: str) -> Iterator[None]:
    """Turn what a driver raises into a StoreError with the driver's exception as cause."""
    try:
        yield
    except ClickHouseError as error:
        raise _told(sql, error) from error
    except (pa.ArrowException, OSError) as error:
        raise StoreError(f"the warehouse failed on {_start_of(sql)}: {error}") from error


def _told(sql: str, error: ClickHouseError) -> StoreError:
    code = getattr(error, "code", None)
    limit = _limit(str(error))
    if code in _TIMEOUTS:
        return QueryTimeoutError(
            f"a query of the warehouse ran over its time limit of {limit}: {_start_of(sql)}", metadata={"limit": limit}
        )
    if code in _MEMORY:
        return QueryMemoryError(
            f"a query of the warehouse needed more memory than its limit of {limit}: {_start_of(sql)}",
            metadata={"limit": limit},
        )
    return StoreError(f"the warehouse refused {_start_of(sql)}: {_first_line(str(error))}")


def _limit(message: str) -> str:
    found = _MAXIMUM.search(message)
    return found.group(1) if found else "unknown size"


def _start_of(sql: str) -> str:
    flat = " ".join(sql.split())
    return repr(flat if len(flat) <= 120 else flat[:117] + "...")


def _first_line(message: str) -> str:
    return message.strip().splitlines()[0] if message.strip() else "no reason given"
