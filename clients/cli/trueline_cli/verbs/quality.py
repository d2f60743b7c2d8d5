"""`trueline quality`: how far the events can be trusted."""

from __future__ import annotations

import argparse

from trueline_cli import exits, options


class Quality:
    """The checks of data quality."""

    help = "how far the events can be trusted"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """When, and whether a failed check is a failure."""
        options.describe(
            parser,
            "The checks of data quality with their limits, and a score: 100 = all pass,\n"
            "from 80 = minor warnings, below = issues.",
            ("trueline quality", "trueline quality --fail && echo good", "trueline quality --output json"),
        )
        parser.add_argument("--at", type=options.instant, metavar="TIME", help="as of this time")
        parser.add_argument("--fail", action="store_true", help="exit status 1 if a check with a value fails")

    def run(self, args: argparse.Namespace) -> int:
        """Print them."""
        with options.connect(args) as client:
            quality = client.data_quality(at=args.at)
        failed = any(not check.passed for check in quality.checks if check.kpi.value is not None)
        if args.output == "json":
            from trueline_cli.output import print_json

            print_json(quality)
        else:
            self._show(quality)
        return exits.FINDING if args.fail and failed else exits.YES

    def _show(self, quality: object) -> None:
        from rich.text import Text
        from trueline.results import DataQuality

        from trueline_cli import style
        from trueline_cli.board import target

        assert isinstance(quality, DataQuality)
        head = Text("Data quality  ", style="bold")
        head.append(style.NOTHING if quality.score is None else f"{quality.score:.0f}").append("  ")
        head.append_text(style.band(quality.band))
        judged = sum(check.kpi.value is not None for check in quality.checks)
        if judged < len(quality.checks):
            head.append(f"  {judged} of {len(quality.checks)} checks have a value", style="dim")
        made = style.table("check", "value", "limit", "result", "what", right=("value", "limit"), fold=("what",))
        for check in quality.checks:
            kpi = check.kpi
            result = Text("passed", style="green") if check.passed else Text("failed", style="red")
            if kpi.value is None:
                result = Text("no value", style="dim")
            what = kpi.missing or kpi.description
            made.add_row(kpi.name, style.amount(kpi.value, kpi), target(kpi), result, what)
        style.show(head, Text(), made)


command = Quality()
