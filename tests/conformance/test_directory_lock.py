"""A data directory is held by one process at a time."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from trueline_stores.errors import DirectoryHeldError, DirectoryUnusableError
from trueline_stores.lock import lock_directory

HOLDER = """
import sys
from trueline_stores.lock import lock_directory
with lock_directory(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(path: Path) -> subprocess.Popen[str]:
    """A process that holds a directory until its input ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_the_second_is_refused_and_learns_who_holds_it(tmp_path: Path) -> None:
    """The error names process, time and way out; when the holder is killed, the directory is free at once."""
    path = tmp_path / "data"
    process = holder(path)
    try:
        with pytest.raises(DirectoryHeldError) as caught, lock_directory(path):
            pass
        assert caught.value.metadata["pid"] == str(process.pid)
        assert caught.value.metadata["directory"] == str(path)
        assert f"process {process.pid} since {caught.value.metadata['since']}" in caught.value.message
        assert "--data-dir" in caught.value.message
    finally:
        process.kill()
        process.communicate(timeout=30)
    with lock_directory(path):
        assert (path / "lock").read_text().splitlines()[0] == str(os.getpid())


def test_released_when_left(tmp_path: Path) -> None:
    """The same process may hold it again after it left, and not while it holds it."""
    with lock_directory(tmp_path), pytest.raises(DirectoryHeldError), lock_directory(tmp_path):
        pass
    with lock_directory(tmp_path):
        pass


def test_a_directory_that_cannot_be_made(tmp_path: Path) -> None:
    """The error says why, and how to choose another."""
    file = tmp_path / "file"
    file.write_text("")
    refused = pytest.raises(DirectoryUnusableError, match=r"Not a directory\. Choose another .*--data-dir")
    with refused as told, lock_directory(file / "below"):
        pass
    assert told.value.metadata == {"directory": str(file / "below")}
