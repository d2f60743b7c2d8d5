"""What the SQLite backend of the event log promises beyond the port: shared syncs, a full disk, kill -9."""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from trueline_stores.errors import LogFullError, StoreError
from trueline_stores.log import SqliteEventLog
from trueline_stores.log.identities import DIGEST_BYTES

from tests.conformance.log_events import TurnedClock, batch_of, digests_for, ids_of, random_batch

ROOT = Path(__file__).resolve().parents[2]
# Appends batches of ten until it is killed and prints the last position of each that was accepted.
WRITER = """
import sys
from collections import deque
from trueline_stores.log import SqliteEventLog
from tests.conformance.log_events import batch_of, digests_for
log = SqliteEventLog(sys.argv[1], lambda: 0)
waiting = deque()
number = int(sys.argv[2])
while True:
    ids = [f"{number}-{row}" for row in range(10)]
    waiting.append((number, log.append("t", batch_of(ids, "s"), digests_for(ids))))
    number += 1
    if len(waiting) > 3:
        done, future = waiting.popleft()
        print(done, future.result().accepted, flush=True)
"""


def test_waiting_appends_share_a_commit(tmp_path: Path) -> None:
    """Fifty appends that wait while one is being committed go in by one transaction, and so by one sync."""
    clock = TurnedClock(held=True)
    with closing(SqliteEventLog(tmp_path / "log", clock)) as log:
        first = log.append("t", batch_of(["first"], "s"), bytes(DIGEST_BYTES))
        assert clock.asked.wait(30)
        others = [
            log.append(tenant, batch_of([str(n)], "s"), bytes(DIGEST_BYTES)) for n in range(25) for tenant in "tu"
        ]
        clock.release()
        assert first.result(30).accepted == 1
        assert [other.result(30).accepted for other in others] == [1] * 50
        assert log.commits == 2
        # One entry per tenant and commit: small calls do not make a log of small entries.
        assert [(entry.tenant, entry.events.num_rows) for entry in log.read(1, 100)] == [("t", 25), ("u", 25)]


def test_every_commit_is_synced(tmp_path: Path) -> None:
    """The file is in write-ahead mode, and the committer's connection syncs at each commit."""
    with closing(SqliteEventLog(tmp_path / "log", TurnedClock())) as log:
        assert log._writer.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert log._writer.execute("PRAGMA synchronous").fetchone() == (2,)


def fill(log: SqliteEventLog, start: int) -> int:
    """Append batches until the log is full; how many were accepted."""
    for number in range(start, start + 10_000):
        try:
            result = log.append("t", random_batch(200, seed=number), bytes(DIGEST_BYTES * 200)).result(30)
        except LogFullError:
            return number - start
        assert result.accepted == 200
    raise AssertionError("the log never became full")


def test_a_log_at_its_bound(tmp_path: Path) -> None:
    """A log that may grow no further refuses whole batches with LOG_FULL and takes the same batch once it is pruned."""
    clock = TurnedClock()
    with closing(SqliteEventLog(tmp_path / "log", clock, max_bytes=1_000_000)) as log:
        accepted = fill(log, 0)
        assert log.end() == accepted * 200 > 0
        # What is known is still answered, for that needs no space.
        assert len(log.append("t", random_batch(200, seed=0), bytes(DIGEST_BYTES * 200)).result(30).duplicates) == 200
        clock.now_us = 10
        log.prune(entries_before_us=5, identities_before_us=0)
        assert log.append("t", random_batch(200, seed=accepted), bytes(DIGEST_BYTES * 200)).result(30).accepted == 200
        assert log.read(log.start() - 1, 1)[0].first_position == accepted * 200 + 1


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of four megabytes, in memory; only root may make one."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(disk)]
    made = subprocess.run(command, capture_output=True, check=False)
    if made.returncode:
        pytest.skip("a small disk cannot be mounted here; test_a_log_at_its_bound checks the same by a bound")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk(small_disk: Path) -> None:
    """On a disk without space nothing of a batch is accepted; with space again, the same batch is, and nothing is
    lost or there twice, also after a restart."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(bytes(1_000_000))
    with closing(SqliteEventLog(small_disk / "log", TurnedClock())) as log:
        accepted = fill(log, 0)
        assert log.end() == accepted * 200 > 0
        with pytest.raises(LogFullError):
            log.append("t", random_batch(200, seed=accepted), bytes(DIGEST_BYTES * 200)).result(30)
        ballast.unlink()
        assert log.append("t", random_batch(200, seed=accepted), bytes(DIGEST_BYTES * 200)).result(30).accepted == 200
        more = fill(log, accepted + 1)
        end = log.end()
        assert end == (accepted + 1 + more) * 200
    # Closing needs no space either: what did not fit is dropped, what was accepted is there.
    with closing(SqliteEventLog(small_disk / "log", TurnedClock())) as log:
        ids = [one for entry in log.read(0, 10**9) for one in ids_of(entry.events)]
        assert log.end() == end == len(ids) == len(set(ids))


def test_kill_at_a_random_moment(tmp_path: Path) -> None:
    """A writer that is killed again and again has kept everything that it was told is accepted, once, without gaps."""
    chance = random.Random(7)
    told: set[str] = set()
    number = 0
    for _ in range(5):
        writer = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "log"), str(number)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        )
        assert writer.stdout is not None
        for _ in range(chance.randrange(1, 40)):
            line = writer.stdout.readline().split()
            assert line, "the writer stopped by itself"
        writer.send_signal(signal.SIGKILL)
        # What it printed before it was killed counts, too; a line that was cut off does not.
        lines = [line, *(rest.split() for rest in writer.stdout.read().splitlines(keepends=True) if rest[-1] == "\n")]
        writer.wait(30)
        writer.stdout.close()
        last = int(lines[-1][0])
        told |= {f"{done}-{row}" for done in range(number, last + 1) for row in range(10)}
        number = last + 1
        with closing(SqliteEventLog(tmp_path / "log", TurnedClock())) as log:
            entries = log.read(0, 10**9)
            ids = [one for entry in entries for one in ids_of(entry.events)]
            assert [entry.first_position for entry in entries[1:]] == [
                entry.last_position + 1 for entry in entries[:-1]
            ]
            assert log.end() == len(ids) == len(set(ids))
            assert told <= set(ids)
            again = sorted(told)
            result = log.append("t", batch_of(again, "s"), digests_for(again)).result(30)
            assert len(result.duplicates) == len(told)
            # The next writer goes on behind what the killed one had written without being told.
            number = max(number, max(int(one.split("-")[0]) for one in ids) + 1)


def test_a_file_that_is_no_log(tmp_path: Path) -> None:
    """A file of something else is refused as such, and is left as it was."""
    path = tmp_path / "log"
    path.write_bytes(b"not a database" * 1000)
    with pytest.raises(StoreError, match="not a database"):
        SqliteEventLog(path, TurnedClock())
    assert path.read_bytes() == b"not a database" * 1000


def test_an_error_inside_is_told_and_the_log_goes_on(tmp_path: Path) -> None:
    """When SQLite fails for another reason, those who wait get StoreError, nothing is accepted, and the next works."""
    with closing(SqliteEventLog(tmp_path / "log", TurnedClock())) as log:
        with closing(sqlite3.connect(tmp_path / "log")) as other:
            other.execute("CREATE TRIGGER no BEFORE INSERT ON entries BEGIN SELECT raise(ABORT, 'no entries'); END")
            other.commit()
            with pytest.raises(StoreError, match="no entries"):
                log.append("t", batch_of(["a"], "s"), bytes(DIGEST_BYTES)).result(30)
            other.execute("DROP TRIGGER no")
            other.commit()
        assert log.end() == 0
        assert log.append("t", batch_of(["a"], "s"), bytes(DIGEST_BYTES)).result(30).last_position == 1
