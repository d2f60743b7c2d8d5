"""A process that keeps decisions until it is killed: `keeping_process.py DIRECTORY FIRST ROUNDS [flush]`.

Prints the number of each decision once it is committed, and with `flush` moves decisions to the warehouse in between,
on a thread. With ROUNDS 0 it flushes what waits, prints the rows of the warehouse, and ends.
"""

from __future__ import annotations

import sys
import threading
from pathlib import Path

from trueline_server.clock import now_us
from trueline_server.decisions.log import DecisionLog
from trueline_stores.state.database import StateDatabase
from trueline_stores.warehouse.client import Warehouse

from tests.integration.decisions import decision_world as w

TENANT = "killed"


def main(directory: Path, first: int, rounds: int, *, flush: bool) -> None:
    """Keep decisions, or move and print them."""
    state = StateDatabase.sqlite(directory / "state.sqlite3")
    warehouse = Warehouse.chdb(directory / "warehouse")
    warehouse.migrate()
    log, rules = DecisionLog(state, warehouse, now_us), w.rules()
    if not rounds:
        log.flush()
        for row in warehouse.query("SELECT id, toUnixTimestamp64Micro(at) FROM trueline.decisions ORDER BY id"):
            print(row[0], row[1] - w.NOON, flush=True)
        log.close()
        return
    print("ready", flush=True)
    if flush:
        threading.Thread(target=_flush, args=(log,), daemon=True).start()
    for number in range(first, first + rounds):
        with state.writing() as connection:
            log.keep(connection, [w.decided(rules, TENANT, number, now_us)])
        print(number, flush=True)
    print("done", flush=True)
    threading.Event().wait()


def _flush(log: DecisionLog) -> None:
    while True:
        log.flush()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), flush="flush" in sys.argv)
