"""`trueline status`: what the server has taken in and processed."""

from __future__ import annotations

import argparse

from trueline_cli import options


class ShowStatus:
    """The server and its sources."""

    help = "what the server has taken in and processed"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Nothing of its own."""
        options.describe(
            parser,
            "Version and rules of the server, and how far each source has come.",
            ("trueline status", "trueline status --output json | jq .events"),
        )

    def run(self, args: argparse.Namespace) -> int:
        """Print it."""
        with options.connect(args) as client:
            status = client.status()
        if args.output == "json":
            from trueline_cli.output import print_json

            print_json(status)
            return 0
        from trueline_cli import style
        from trueline_cli.board import taken_in

        head = f"Trueline {status.version} at {args.address}, running since {style.moment(status.started_at)} UTC"
        made = style.table(
            "source", "events", "latest event", "watermark", "import", right=("events",), fold=("source",)
        )
        for source in status.sources:
            made.add_row(
                source.source,
                f"{source.events:,}",
                style.moment(source.latest_event_at),
                style.moment(source.watermark),
                "finished" if source.finished else "open",
            )
        rules = f"rules {status.rule_revision}"
        parts = [head, taken_in(status) + (" (synthetic data)" if status.synthetic else ""), rules]
        style.show(*parts, *(("", made) if status.sources else ()))
        return 0


command = ShowStatus()
