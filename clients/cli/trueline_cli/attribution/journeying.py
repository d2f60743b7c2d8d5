"""`trueline attribution journeys`: its arguments, and journeys to a file or standard output as they come."""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TextIO

if TYPE_CHECKING:
    from trueline import Journey, JourneyStream

# Redrawing costs more than a journey.
_REDRAWN = 500


def add(parser: argparse.ArgumentParser) -> None:
    """Add the arguments beside document, conversion and period."""
    parser.add_argument("--model", action="append", default=[], metavar="MODEL", help="only this one; repeatable")
    parser.add_argument("--file", type=Path, metavar="FILE", help="where they go (standard output)")


def write_journeys(args: argparse.Namespace, stream: JourneyStream) -> int:
    """Write all of them: an object a line, or with --output csv a row a touch; 0.

    A file is there once all journeys are in it; what has begun is beside it, called FILE.part.
    """
    with stream, _opened(args.file) as file, _Bar(stream.total_journeys, to_file=args.file is not None) as bar:
        write = _csv(file, stream.models) if args.output == "csv" else _lines(file)
        for count, journey in enumerate(stream, start=1):
            write(journey)
            bar.show(count)
    if args.file is not None:
        print(f"{stream.total_journeys:,} journeys in {args.file}", file=sys.stderr)
    return 0


@contextmanager
def _opened(path: Path | None) -> Iterator[TextIO]:
    if path is None:
        yield sys.stdout
        return
    part = path.with_name(f"{path.name}.part")
    with part.open("w", encoding="utf-8", newline="") as file:
        yield file
    part.replace(path)


def _lines(file: TextIO) -> Callable[[Journey], None]:
    from trueline_cli.output import jsonable

    def write(journey: Journey) -> None:
        file.write(json.dumps(jsonable(journey), ensure_ascii=False, allow_nan=False, separators=(",", ":")) + "\n")

    return write


def _csv(file: TextIO, models: tuple[str, ...]) -> Callable[[Journey], None]:
    from trueline_cli.output import rfc3339

    rows = csv.writer(file, lineterminator="\n")
    header = ("conversion_id", "source", "person", "converted_at", "value", "segment", "touch", "at", "channel")
    rows.writerow((*header, "campaign", *models))

    def told(instant: Any) -> str:
        return "" if instant is None else rfc3339(instant)

    def write(journey: Journey) -> None:
        own = (
            *(journey.conversion_id, journey.source, journey.person, told(journey.converted_at)),
            *(f"{journey.value:f}", journey.segment),
        )
        for place, touch in enumerate(journey.touches, start=1):
            weights = (touch.weights[model] for model in models)
            rows.writerow((*own, place, told(touch.at), touch.channel, touch.campaign, *weights))
        if not journey.touches:
            rows.writerow((*own, "", "", "", "", *("" for _ in models)))

    return write


class _Bar:
    """A bar by journeys on standard error; nothing where that is no terminal, or journeys go to one themselves."""

    def __init__(self, total: int, *, to_file: bool) -> None:
        self._bar: Any = None
        self._total = total
        if sys.stderr.isatty() and (to_file or not sys.stdout.isatty()):
            from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn

            from trueline_cli.style import console

            shown = (BarColumn(bar_width=24), TaskProgressColumn(), TextColumn("{task.description}"))
            self._bar = Progress(*shown, console=console(stderr=True), transient=True)

    def __enter__(self) -> Self:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("", total=self._total)
        return self

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()

    def show(self, count: int) -> None:
        """So many journeys are written."""
        if self._bar is not None and (count % _REDRAWN == 0 or count == self._total):
            self._bar.update(self._task, completed=count, description=f"{count:,} of {self._total:,} journeys")
