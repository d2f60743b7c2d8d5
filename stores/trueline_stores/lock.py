"""The lock of a data directory: one server at a time, and the second one learns who holds it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from trueline_stores.errors import DirectoryHeldError, DirectoryUnusableError

LOCK_FILE = "lock"


@contextmanager
def lock_directory(path: Path | str) -> Iterator[None]:
    """Hold a directory for this process; it is made if it is missing.

    The lock is the kernel's (flock), so it is gone when the process is, however it ends. The file beside it only tells
    the holder's process id and since when; both lines of a holder that was killed are overwritten by the next one.

    Raises:
        DirectoryHeldError: another process (or another part of this one) holds it; metadata has `directory`, `pid` and
            `since` as far as the holder has told them.
        DirectoryUnusableError: it cannot be made or written.

    """
    directory = Path(path)
    try:
        directory.mkdir(parents=True, exist_ok=True)
        file = os.open(directory / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise DirectoryUnusableError(
            f"data cannot be kept in {directory}: {error.strerror}. Choose another data directory (--data-dir, "
            "TRUELINE_DATA_DIR), or make this one writable",
            metadata={"directory": str(directory)},
        ) from error
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _held(directory, os.pread(file, 4096, 0)) from None
        os.ftruncate(file, 0)
        since = datetime.now(UTC).isoformat(timespec="seconds")
        os.pwrite(file, f"{os.getpid()}\n{since}\n".encode(), 0)
        yield
    finally:
        # Closing releases the lock. The file stays: removing it would let two processes lock two files of one name.
        os.close(file)


def _held(directory: Path, told: bytes) -> DirectoryHeldError:
    """The error that names the holder."""
    lines = told.decode(errors="replace").split()
    pid, since = (lines[0], lines[1]) if len(lines) == 2 else ("unknown", "unknown")
    return DirectoryHeldError(
        f"{directory} is held by process {pid} since {since}: stop that process, or choose another data directory "
        "(--data-dir, TRUELINE_DATA_DIR)",
        metadata={"directory": str(directory), "pid": pid, "since": since},
    )
