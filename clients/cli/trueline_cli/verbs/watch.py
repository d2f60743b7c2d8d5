"""`trueline watch`: the alignment score as it changes."""

from __future__ import annotations

import argparse

from trueline_cli import options


class Watch:
    """The board, live."""

    help = "the alignment score as it changes"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Which scorecard, from where on."""
        options.describe(
            parser,
            "The alignment score and its KPIs, shown anew whenever they change, until Ctrl-C.\n"
            "Into a pipe: a line a change, with the KPIs that changed.",
            ("trueline watch", "trueline watch --output json", "trueline watch --output json --once"),
        )
        parser.add_argument("--scorecard", default="", metavar="NAME", help="another scorecard than 'alignment'")
        parser.add_argument("--resume", default="", metavar="TOKEN", help="go on from the token of an earlier watch")
        parser.add_argument("--once", action="store_true", help="stop when the snapshot is complete")

    def run(self, args: argparse.Namespace) -> int:
        """Watch."""
        from trueline_cli.watching import watch_alignment

        return watch_alignment(args)


command = Watch()
