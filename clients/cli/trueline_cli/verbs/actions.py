"""`trueline actions`: what to do next."""

from __future__ import annotations

import argparse

from trueline_cli import options


class Actions:
    """Priority actions, the most points first."""

    help = "what to do next, by the points of score it would win"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Which scorecard, when, how many."""
        options.describe(
            parser,
            "What to do next, ranked by the points of score that reaching each target wins.",
            ("trueline actions", "trueline actions --limit 3", "trueline actions --output json"),
        )
        parser.add_argument("--scorecard", default="", metavar="NAME", help="another scorecard than 'alignment'")
        parser.add_argument("--at", type=options.instant, metavar="TIME", help="as of this time")
        parser.add_argument("--limit", type=options.count, default=0, metavar="N", help="at most so many (0 = all)")

    def run(self, args: argparse.Namespace) -> int:
        """Print them."""
        with options.connect(args) as client:
            actions = client.priority_actions(scorecard=args.scorecard, at=args.at, limit=args.limit)
        if args.output == "json":
            from trueline_cli.output import print_json

            print_json({"actions": actions})
            return 0
        from trueline_cli import style
        from trueline_cli.board import target

        made = style.table(
            "#", "KPI", "value", "target", "wins", "action", right=("value", "target", "wins"), fold=("action",)
        )
        for action in actions:
            kpi = action.kpi
            made.add_row(
                str(action.rank),
                kpi.name,
                style.amount(kpi.value, kpi),
                target(kpi),
                f"+{action.points:.1f}",
                action.action,
            )
        style.show(made if actions else "nothing to do: no KPI that has a value misses its target")
        return 0


command = Actions()
