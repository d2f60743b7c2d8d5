"""Reads a small file through the command line's readers, and decodes what would be sent."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

from trueline.results import EventMapping
from trueline_cli.files.block import BadLine
from trueline_cli.files.mapper import NATIVE, Mapper
from trueline_cli.files.opened import OpenedFile, UnreadableError, kind_of
from trueline_cli.ingesting import READERS

from tests.integration.sdk.recording import decode_columns


def read(path: Path, mapping: EventMapping = NATIVE) -> tuple[list[dict[str, Any]], list[BadLine], list[int], str]:
    """Events, bad lines, the line of each event, and what made the file unreadable ("" = nothing)."""
    events: list[dict[str, Any]] = []
    bad: list[BadLine] = []
    lines: list[int] = []
    opened = OpenedFile(str(path))
    mapper = Mapper(mapping, path.name, opened.short_name)
    failure = ""
    try:
        for block in READERS[kind_of(path.name)](opened):
            batch, refused = mapper.batch(block)
            bad += [replace(line, file=Path(line.file).name) for line in refused]
            if batch is not None:
                events += decode_columns(batch.to_proto())
                lines += [line for _, line in batch.origins or ()]
    except UnreadableError as error:
        failure = str(error)
    finally:
        opened.close()
    return events, bad, lines, failure
