"""`trueline ingest`: files of events."""

from __future__ import annotations

import argparse

from trueline_cli import options


class Ingest:
    """Send files of events."""

    help = "send files of events: JSON lines, CSV, Parquet"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Which files, how they are read, what happens with lines that are refused."""
        options.describe(
            parser,
            "Send files of events: JSON lines (.jsonl, or - for standard input), CSV with a\n"
            "header, Parquet; each also as .gz. Without a mapping, the fields of a record are\n"
            "those of an event. A line that does not fit is told and left out, the rest goes\n"
            "in. Sending a file twice is safe: what is there already counts as a duplicate.\n\n"
            "Exit status 1: something was left out. With --keep-going refused lines do not\n"
            "count as that.",
            (
                "trueline ingest events.jsonl.gz",
                "trueline ingest orders.csv --mapping shop.yaml --errors refused.jsonl",
                "trueline ingest 2011-*.parquet --mapping shop --no-finish",
                "tail -F app.log | trueline ingest -",
            ),
        )
        parser.add_argument("files", nargs="+", metavar="FILE", help="files in the order of time; - = standard input")
        parser.add_argument(
            "--mapping", metavar="FILE|NAME", help="how columns become events: a rule file, or a name the server knows"
        )
        parser.add_argument("--errors", metavar="FILE", help="write every refused line there, as JSON lines")
        parser.add_argument("--keep-going", action="store_true", help="exit status 0 even if lines were refused")
        parser.add_argument(
            "--finish",
            action=argparse.BooleanOptionalAction,
            default=None,
            help="tell the server that the sources are complete, so that their windows are (default: unless - is read)",
        )
        parser.add_argument(
            "--wait",
            action="store_true",
            help="return when everything is processed, and not already when it is durable",
        )

    def run(self, args: argparse.Namespace) -> int:
        """Send them."""
        from trueline_cli.ingesting import Ingestion

        return Ingestion(args).run()


command = Ingest()
