"""Answers that are read block by block: whole, bounded, and ended when nobody reads on."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from trueline_stores.errors import QueryTimeoutError, StoreError
from trueline_stores.warehouse.client import Warehouse


def _running(warehouse: Warehouse, what: str) -> bool:
    return bool(
        warehouse.query(
            "SELECT 1 FROM system.processes "
            "WHERE startsWith(query, '/* stream') AND position(query, {what:String}) > 0",
            {"what": what},
        )
    )


def _ends(warehouse: Warehouse, what: str) -> bool:
    until = time.monotonic() + 20
    while _running(warehouse, what):
        if time.monotonic() > until:
            return False
    return True


def test_blocks_are_the_whole_answer(warehouse: Warehouse) -> None:
    """In order, with arrays as they are, bound to parameters; no block is empty."""
    sql = "SELECT number, [toString(number)] FROM numbers({n:UInt64}) ORDER BY number"
    blocks = list(warehouse.stream(sql, {"n": 5000}, settings={"max_block_size": 1000}))
    assert len(blocks) > 1
    assert all(len(block[0]) for block in blocks)
    assert [row for block in blocks for row in block[0]] == list(range(5000))
    assert [row for block in blocks for row in block[1]] == [[str(n)] for n in range(5000)]
    assert list(warehouse.stream("SELECT 1 WHERE false")) == []


def test_whoever_reads_no_further_ends_the_statement(warehouse: Warehouse) -> None:
    """An abandoned iteration stops the statement, and the thread can ask again."""
    blocks = iter(warehouse.stream("SELECT number FROM numbers(100000000000)"))
    next(blocks)
    with ThreadPoolExecutor(1) as other:
        assert other.submit(_running, warehouse, "100000000000").result()
    blocks.close()  # type: ignore[attr-defined]
    assert _ends(warehouse, "100000000000")
    assert warehouse.query("SELECT 1") == [(1,)]


def test_a_statement_that_has_answered_nothing_yet_is_stopped(warehouse: Warehouse) -> None:
    """From another thread, without an error for the reader; a stream that is stopped before begins nothing."""
    stream = warehouse.stream("SELECT sum(sipHash64(number)) FROM numbers(1000000000000)")
    read: list[object] = []
    reader = threading.Thread(target=lambda: read.extend(stream))
    reader.start()
    while not _running(warehouse, "1000000000000"):
        assert reader.is_alive()
    stream.stop()
    stream.stop()
    reader.join(20)
    assert not reader.is_alive()
    assert read == []
    assert _ends(warehouse, "1000000000000")
    assert list(stream) == []


def test_failures_are_told(warehouse: Warehouse) -> None:
    """A mistake, a limit, and what goes wrong after the first blocks."""
    with pytest.raises(StoreError, match="refused 'SELECT nothing'"):
        list(warehouse.stream("SELECT nothing"))
    with pytest.raises(QueryTimeoutError):
        list(warehouse.stream("SELECT sleepEachRow(0.1) FROM numbers(1000)", settings={"max_execution_time": 1}))
    with pytest.raises(StoreError, match="too late"):
        list(
            warehouse.stream(
                "SELECT throwIf(number = 900000, 'too late') FROM numbers(1000000)", settings={"max_block_size": 1000}
            )
        )
    assert warehouse.query("SELECT 1") == [(1,)]
