"""`trueline score`: the board."""

from __future__ import annotations

import argparse

from trueline_cli import options


class Score:
    """The alignment score and every KPI."""

    help = "the board: alignment score and every KPI"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Which scorecard, when, and how fresh."""
        options.describe(
            parser,
            "The board: the alignment score with its band and coverage, each KPI with value,\n"
            "target, status and bar. Everything that was accepted when it is asked counts.",
            (
                "trueline score",
                "trueline score --at 2011-12-01",
                "trueline score --at 2011-12-01 --known-at 2011-12-02T08:00:00Z",
                "trueline score --output json | jq .score.score",
            ),
        )
        parser.add_argument("--scorecard", default="", metavar="NAME", help="another scorecard than 'alignment'")
        parser.add_argument("--at", type=options.instant, metavar="TIME", help="as of this time")
        parser.add_argument("--known-at", type=options.instant, metavar="TIME", help="as it was known at this time")
        parser.add_argument(
            "--cached", action="store_true", help="the last scores computed (up to a minute old) instead of new ones"
        )

    def run(self, args: argparse.Namespace) -> int:
        """Print the board."""
        with options.connect(args) as client:
            status = client.status()
            fresh = args.at is None and args.known_at is None and not args.cached
            score = client.alignment_score(
                scorecard=args.scorecard,
                at=args.at,
                known_at=args.known_at,
                min_position=status.accepted_position if fresh else 0,
            )
            past = args.known_at is not None
            actions = () if past else client.priority_actions(scorecard=args.scorecard, at=args.at, limit=1)
            status = client.status()
        if args.output == "json":
            from trueline_cli.output import print_json

            print_json({"score": score, "status": status})
        else:
            from trueline_cli.board import board
            from trueline_cli.style import show

            show(board(score, status, actions))
        return 0


command = Score()
