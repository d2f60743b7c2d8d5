"""The answer of a query block by block, as the warehouse makes it: for answers that memory should not hold at once."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from trueline_stores.warehouse.connections import Connections
from trueline_stores.warehouse.failures import telling_failures

# Columns of a block, each with its values.
Block = Sequence[Sequence[Any]]

# A server that is asked over HTTP goes on with a statement whose reader has left, unless it is told not to.
_SETTINGS: Mapping[str, int] = {"cancel_http_readonly_queries_on_client_close": 1}


class BlockStream:
    """Reads one SELECT. It is iterated once, on one thread, whose client is busy meanwhile; `stop` is for any thread.

    An iteration that ends early, or whose generator is closed, ends the statement.
    """

    def __init__(
        self, connections: Connections, sql: str, parameters: Mapping[str, Any], settings: Mapping[str, Any]
    ) -> None:
        """Use `Warehouse.stream` instead."""
        # A statement is ended by what its text begins with: chDB gives no id to it.
        self._mark = f"/* stream {uuid.uuid4().hex} */"
        self._connections = connections
        self._sql = sql
        self._parameters = dict(parameters)
        self._settings = {**settings, **_SETTINGS}
        self._stopped = threading.Event()

    def __iter__(self) -> Iterator[Block]:
        """Blocks of columns, none of them empty, until the answer ends or `stop` is called.

        Raises:
            StoreError: as `Warehouse.query`; not because of `stop`.

        """
        if self._stopped.is_set():
            return
        try:
            with telling_failures(self._sql), self._connections.client() as client:
                told = client.query_column_block_stream(
                    f"{self._mark} {self._sql}", parameters=self._parameters, settings=self._settings
                )
                with told as blocks:
                    for block in blocks:
                        if self._stopped.is_set():
                            return
                        if len(block) and len(block[0]):
                            yield block
        except Exception:
            # The statement fails because it was stopped.
            if not self._stopped.is_set():
                raise

    def stop(self) -> None:
        """End the statement, also one that has answered nothing yet. Idempotent; blocks for a moment."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        sql = f"KILL QUERY WHERE startsWith(query, '{self._mark}') ASYNC"
        with telling_failures(sql), self._connections.client() as client:
            client.query(sql)
