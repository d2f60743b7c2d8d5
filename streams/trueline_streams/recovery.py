"""Bytewax's recovery store: making it, and reading from it where the flow would go on."""

from __future__ import annotations

import pickle
import sqlite3
from contextlib import closing
from datetime import timedelta
from pathlib import Path

from bytewax.recovery import RecoveryConfig, init_db_dir

from trueline_streams.flow import FLOW_ID, SOURCE_STEP
from trueline_streams.source import PARTITION

# One file: one worker writes, and the position in the log is the only order there is.
_PARTS = 1
_FILE = "part-0.sqlite3"
# As Bytewax computes it: the newest execution's frontier, or where it started if it never got further; what the
# source had saved in an epoch before that holds.
_POSITION = """
SELECT ser_change FROM snaps
WHERE step_id = :step AND state_key = :key AND snap_epoch < (
  SELECT max(epoch) FROM (
    SELECT resume_epoch AS epoch FROM exs WHERE ex_num = (SELECT max(ex_num) FROM exs)
    UNION ALL
    SELECT worker_frontier FROM fronts WHERE ex_num = (SELECT max(ex_num) FROM exs)
  )
)
ORDER BY snap_epoch DESC LIMIT 1
"""


def recovery_config(directory: Path) -> RecoveryConfig:
    """The recovery store in a directory, made on first use. State that a newer one replaced is deleted at once."""
    directory.mkdir(parents=True, exist_ok=True)
    if not (directory / _FILE).exists():
        init_db_dir(directory, _PARTS)  # type: ignore[no-untyped-call]
    return RecoveryConfig(directory, backup_interval=timedelta(0))  # type: ignore[no-untyped-call]


def resume_position(directory: Path) -> int:
    """The log position behind which a flow started now on this store would read on; 0 for a new store.

    Everything up to there is in the warehouse. Call it while no flow runs on the directory.
    """
    path = directory / _FILE
    if not path.exists():
        return 0
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
        row = connection.execute(_POSITION, {"step": f"{FLOW_ID}.{SOURCE_STEP}", "key": PARTITION}).fetchone()
    # Written by Bytewax into the data directory, which nobody else writes.
    return 0 if row is None or row[0] is None else int(pickle.loads(row[0]))  # noqa: S301
