"""The operator's rule files: what they hold, and whether that changed since they were last looked at."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from trueline_rules.errors import Problem, Problems, RuleFileError
from trueline_rules.files import find_files
from trueline_rules.layers import Layer, operator_layer

# A file that was written a moment ago may still be being written: what it holds is taken up a look later.
SETTLE_S = 0.5
# File systems tell times in steps: a file that was read so soon after it changed may have changed once more.
_STEP_S = 2.0

_Marks = tuple[tuple[str, int, int, int], ...]


class OperatorFiles:
    """Looks at files and directories. Not thread-safe.

    Times of files are compared with the machine's clock, because the file system tells them by that one.
    """

    def __init__(self, paths: Sequence[Path], *, settle_s: float = SETTLE_S) -> None:
        self._paths = tuple(paths)
        self._settle_s = settle_s
        self._marks: _Marks | None = None
        self._read_at_s = 0.0

    def read(self) -> Layer:
        """What the files hold now.

        Raises:
            RuleFileError: some of it cannot be read.

        """
        self._marks, self._read_at_s = self._look()[0], time.time()
        return operator_layer(self._paths)

    def changed(self) -> bool:
        """Whether the files may hold something else than when they were last read, and are not being written now."""
        marks, newest_s = self._look()
        if marks == self._marks and not 0 <= self._read_at_s - newest_s < _STEP_S:
            return False
        # A file from the future is as settled as it will ever be.
        return not 0 <= time.time() - newest_s < self._settle_s

    def forget(self) -> None:
        """Let the next look find a change: what was read could not be taken up for another reason."""
        self._marks = None

    def _look(self) -> tuple[_Marks, float]:
        """Path, time, size and number of each file, and the newest time in seconds since 1970."""
        marks: list[tuple[str, int, int, int]] = []
        newest_ns = 0
        problems = Problems()
        for path in find_files(self._paths, problems):
            try:
                found = path.stat()
            except OSError:
                marks.append((str(path), 0, 0, 0))
                continue
            marks.append((str(path), found.st_mtime_ns, found.st_size, found.st_ino))
            newest_ns = max(newest_ns, found.st_mtime_ns)
        marks += [(str(problem), 0, 0, 0) for problem in problems]
        return tuple(marks), newest_ns / 1e9


def read_or_problems(files: OperatorFiles) -> Layer | tuple[Problem, ...]:
    """What the files hold, or why they cannot be read."""
    try:
        return files.read()
    except RuleFileError as error:
        return error.problems
