"""`trueline kpis`: the KPIs."""

from __future__ import annotations

import argparse

from trueline_cli import options


class Kpis:
    """Every KPI with value, target and status."""

    help = "the KPIs with value, target and status"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """When."""
        options.describe(
            parser,
            "Every KPI that is defined, with value, target and status.",
            (
                "trueline kpis",
                "trueline kpis --at 2011-10-01",
                "trueline kpis --output json | jq '.kpis[] | {name, value}'",
            ),
        )
        parser.add_argument("--at", type=options.instant, metavar="TIME", help="as of this time")
        parser.add_argument("--known-at", type=options.instant, metavar="TIME", help="as it was known at this time")

    def run(self, args: argparse.Namespace) -> int:
        """Print them."""
        with options.connect(args) as client:
            kpis = client.kpis(at=args.at, known_at=args.known_at)
        if args.output == "json":
            from trueline_cli.output import print_json

            print_json({"kpis": kpis})
            return 0
        from trueline_cli import style
        from trueline_cli.board import target

        made = style.table("KPI", "value", "target", "status", "period", right=("value", "target"), fold=("period",))
        for kpi in kpis:
            period = style.completeness(kpi.completeness)
            if kpi.period_start is not None and kpi.period_end is not None:
                period = f"{kpi.period_start:%Y-%m-%d} to {kpi.period_end:%Y-%m-%d} {period}".rstrip()
            made.add_row(
                kpi.name, style.amount(kpi.value, kpi), target(kpi), style.band(kpi.band), kpi.missing or period
            )
        style.show(made if kpis else "no KPI is defined")
        return 0


command = Kpis()
