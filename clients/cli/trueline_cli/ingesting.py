"""Sends files to a server: reads, converts, sends, tells what was refused, sums up."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from trueline import BatchingSender, NotFoundError, SendError, TruelineClient
from trueline.results import EventMapping

from trueline_cli import exits, options
from trueline_cli.bad_lines import BadLines
from trueline_cli.explain import explain
from trueline_cli.files.block import BadLine, Block
from trueline_cli.files.csvs import read_csv, read_tsv
from trueline_cli.files.jsonl import read_jsonl
from trueline_cli.files.mapper import NATIVE, Mapper
from trueline_cli.files.opened import OpenedFile, UnreadableError, kind_of
from trueline_cli.files.parquets import read_parquet
from trueline_cli.output import print_json
from trueline_cli.progress import Progress

READERS: dict[str, Callable[[OpenedFile], Iterator[Block]]] = {
    "jsonl": read_jsonl,
    "csv": read_csv,
    "tsv": read_tsv,
    "parquet": read_parquet,
}


@dataclass(slots=True)
class Summary:
    """What became of the files.

    Attributes:
        files: files read to their end.
        records: lines that hold a record, or should.
        accepted: events that are new and durable.
        duplicates: events that were there already.
        refused: lines that did not go in, refused here or by the server.
        failed: files that could not be read, or not to their end.
        seconds: from the first byte read to the last answer.
        events_per_second: events sent, by that time.
        position: log position of the last event accepted, or of the last end mark.
        finished: sources that were told to be complete.
        queryable_seconds: until everything was processed; only with --wait.

    """

    files: int = 0
    records: int = 0
    accepted: int = 0
    duplicates: int = 0
    refused: int = 0
    failed: int = 0
    seconds: float = 0.0
    events_per_second: float = 0.0
    position: int = 0
    finished: list[str] = field(default_factory=list)
    queryable_seconds: float | None = None


class Ingestion:
    """One run of `trueline ingest`."""

    def __init__(self, args: argparse.Namespace) -> None:
        self._args = args
        self._summary = Summary()
        self._sources: dict[str, None] = {}
        self._started = time.monotonic()

    def run(self) -> int:
        """Send all files; answers the exit status."""
        args = self._args
        for name in args.files:
            _check_kind(name)
        named = _named(args.mapping)
        for name in args.files:
            _check_there(name)
        with options.connect(args) as client:
            # A sender waits for a server that is away for a while; who typed a wrong address learns it now.
            client.status()
            mapping = client.resolve_mapping(**named) if named else NATIVE
            with BadLines(args.errors) as bad:
                try:
                    self._send(client, mapping, bad)
                    self._finish(client)
                except (KeyboardInterrupt, SendError) as error:
                    return self._broken_off(error)
                finally:
                    self._summary.refused = bad.count
                    bad.tell_rest()
        self._tell()
        return self._status()

    def _send(self, client: TruelineClient, mapping: EventMapping, bad: BadLines) -> None:
        self._started = time.monotonic()
        # Rates and rejections are read from the sender, whose thread calls back.
        with Progress(quiet=self._args.output == "json") as progress:
            bad.through = progress.print
            with BatchingSender(client, on_rejection=bad.rejected) as sender:
                try:
                    for name in self._args.files:
                        bad.at_once = name == "-"
                        try:
                            self._send_file(name, mapping, sender, bad, progress)
                            sender.flush()
                        finally:
                            bad.tell()
                finally:
                    self._count(sender)
        bad.through = None

    def _send_file(
        self, name: str, mapping: EventMapping, sender: BatchingSender, bad: BadLines, progress: Progress
    ) -> None:
        try:
            opened = OpenedFile(name)
        except UnreadableError as error:
            self._unreadable(name, error, bad)
            return
        progress.start(opened)
        mapper = Mapper(mapping, name, opened.short_name)
        try:
            for block in READERS[kind_of(name)](opened):
                batch, refused = mapper.batch(block)
                self._summary.records += len(block.lines) + len(block.bad)
                for line in refused:
                    bad.add(line)
                if batch is not None:
                    self._sources.update(dict.fromkeys(batch.source))
                    sender.send_columns(batch)
                progress.update(opened, self._summary.records, bad.count)
            self._summary.files += 1
        except KeyboardInterrupt:
            # The way to end a pipe: what came through it is still sent. A second Ctrl-C breaks off.
            if not opened.is_pipe:
                raise
        except UnreadableError as error:
            self._unreadable(name, error, bad)
        finally:
            opened.close()

    def _unreadable(self, name: str, error: UnreadableError, bad: BadLines) -> None:
        self._summary.failed += 1
        bad.add(BadLine(name, 0, "", "UNREADABLE", str(error)))

    def _count(self, sender: BatchingSender) -> None:
        summary, totals = self._summary, sender.totals
        summary.accepted, summary.duplicates = totals.accepted, totals.duplicates
        summary.position = totals.position
        summary.seconds = time.monotonic() - self._started
        sent = totals.accepted + totals.duplicates + totals.rejected
        summary.events_per_second = sent / summary.seconds if summary.seconds else 0.0

    def _finish(self, client: TruelineClient) -> None:
        args, summary = self._args, self._summary
        wanted = args.finish if args.finish is not None else "-" not in args.files
        if wanted and not summary.failed:
            for source in self._sources:
                # Of a source all of whose events were refused there is nothing to finish.
                with contextlib.suppress(NotFoundError):
                    summary.position = max(summary.position, client.finish_import(source))
                    summary.finished.append(source)
        if args.wait:
            client.status(min_position=summary.position)
            summary.queryable_seconds = time.monotonic() - self._started

    def _broken_off(self, error: KeyboardInterrupt | SendError) -> int:
        done = self._summary.accepted + self._summary.duplicates
        why = "interrupted" if isinstance(error, KeyboardInterrupt) else explain(error)
        print(
            f"trueline ingest: {why}\n{done:,} events are in; run it again to send the rest: nothing counts twice",
            file=sys.stderr,
        )
        return exits.INTERRUPTED if isinstance(error, KeyboardInterrupt) else exits.status_of(error)

    def _tell(self) -> None:
        summary = self._summary
        if self._args.output == "json":
            print_json(summary)
            return
        rate = f"{summary.records:,} records in {summary.seconds:.1f} s, {summary.events_per_second:,.0f} events/s"
        counts = f"{summary.accepted:,} accepted, {summary.duplicates:,} there already, {summary.refused:,} refused"
        print(f"{rate}: {counts}")
        if summary.failed:
            print(
                f"{summary.failed} of {len(self._args.files)} files could not be read to the end: no source is finished"
            )
        if summary.finished:
            few = ", ".join(summary.finished[:5]) + (", …" if len(summary.finished) > 5 else "")
            print(f"finished: {few}")
        if summary.queryable_seconds is not None:
            print(f"processed after {summary.queryable_seconds:.1f} s")

    def _status(self) -> int:
        summary = self._summary
        return exits.FINDING if summary.failed or (summary.refused and not self._args.keep_going) else exits.YES


def _named(wanted: str | None) -> dict[str, Any]:
    """How the server is asked for a mapping: by its name, or with the text of a rule file; {} = not at all.

    Raises:
        UsageError: the file cannot be read.

    """
    if not wanted:
        return {}
    path = Path(wanted)
    if not path.exists() and path.suffix not in {".yaml", ".yml"}:
        return {"name": wanted}
    try:
        return {"yaml": path.read_text(encoding="utf-8"), "file_name": path.name}
    except (OSError, UnicodeDecodeError) as error:
        raise options.UsageError(f"cannot read the mapping {wanted}: {error}") from error


def _check_there(name: str) -> None:
    """A file that is not there is wrong use too: nothing is sent of the others, which would look like success."""
    path = Path(name)
    if name != "-" and not path.exists():
        raise options.UsageError(f"{name}: no such file")
    if path.is_dir():
        raise options.UsageError(f"{name}: is a directory")


def _check_kind(name: str) -> None:
    """A name whose ending tells nothing is wrong use, and found before anything is sent."""
    try:
        kind_of(name)
    except UnreadableError as error:
        raise options.UsageError(f"{name}: {error}") from error
