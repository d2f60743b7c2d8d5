"""Opens files and standard input, plain or gzip, as chunks of bytes and as numbered lines."""

from __future__ import annotations

import gzip
import io
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

_CHUNK = 1 << 20
# A longer line is no event: the largest that a server takes is far below.
LONGEST_LINE = 32 << 20

KINDS = {
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".pq": "parquet",
}


class UnreadableError(Exception):
    """A file cannot be read, or not further."""


def kind_of(name: str) -> str:
    """ "jsonl", "csv", "tsv" or "parquet", by the name's ending before .gz.

    Raises:
        UnreadableError: the ending tells nothing.

    """
    if name == "-":
        return "jsonl"
    path = Path(name)
    ending = Path(path.stem).suffix if path.suffix.lower() == ".gz" else path.suffix
    kind = KINDS.get(ending.lower())
    if kind is None:
        raise UnreadableError(
            f"cannot tell what it holds: name it .jsonl, .csv, .tsv or .parquet, each also .gz, not '{ending}'"
        )
    return kind


class OpenedFile:
    """A file that is being read; `done` of `size` bytes (0 = not known), as they lie on the disk."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.size = 0
        self._raw: IO[bytes]
        try:
            if name == "-":
                self._raw = sys.stdin.buffer
            else:
                self._raw = Path(name).open("rb")  # noqa: SIM115  closed by close()
                self.size = Path(name).stat().st_size
        except OSError as error:
            raise UnreadableError(error.strerror or str(error)) from error
        self._stream: Any = self._raw
        if name.lower().endswith(".gz"):
            self._stream = gzip.GzipFile(fileobj=self._raw)

    @property
    def is_pipe(self) -> bool:
        """True for standard input, whose records are wanted when they come."""
        return self.name == "-"

    @property
    def short_name(self) -> str:
        """What {file} of a mapping stands for: the name without its folder, the same wherever the file lies."""
        return "stdin" if self.is_pipe else Path(self.name).name

    @property
    def done(self) -> int:
        """Bytes read from the disk."""
        return self._raw.tell() if self.size else 0

    def close(self) -> None:
        """Close the file, but not standard input."""
        if self._raw is not sys.stdin.buffer:
            self._raw.close()

    def seekable(self) -> IO[bytes]:
        """The whole content for readers that jump about in it; unpacked in memory if it is packed.

        Raises:
            UnreadableError: it cannot be unpacked.

        """
        return self._raw if self._stream is self._raw else io.BytesIO(b"".join(self._chunks()))

    def lines(self) -> Iterator[tuple[int, list[bytes]]]:
        """Lines without their ends, in lists, each with the number of its first line (from 1).

        A line over `LONGEST_LINE` comes cut to that length.

        Raises:
            UnreadableError: the rest cannot be read; all lines before came already.

        """
        first, rest, failure = 1, b"", None
        chunks = self._chunks()
        while True:
            try:
                chunk = next(chunks, b"")
            except UnreadableError as error:
                failure, chunk = error, b""
            if not chunk:
                break
            if len(rest) > LONGEST_LINE:
                # Only its beginning is kept, until it ends.
                end = chunk.find(b"\n")
                if end < 0:
                    continue
                chunk = chunk[end:]
            *lines, rest = (rest + chunk).split(b"\n")
            if lines:
                yield first, lines
                first += len(lines)
        if rest and failure is None:
            yield first, [rest]
        if failure is not None:
            raise UnreadableError(f"{failure} (from line {first} on)") from failure

    def _chunks(self) -> Iterator[bytes]:
        try:
            # read1 gives what is there: all bytes before a fault of the file, and what a pipe has by now.
            while chunk := self._stream.read1(_CHUNK):
                yield chunk
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UnreadableError(f"cannot be unpacked: {error}") from error
        except OSError as error:
            raise UnreadableError(f"cannot be read: {error.strerror or error}") from error
