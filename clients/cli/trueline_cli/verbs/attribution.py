"""`trueline attribution`: which touch earned the money, by which model, and where people stop."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trueline_cli import options
from trueline_cli.attribution import changing, journeying, validating
from trueline_cli.attribution.charts import chart_file, check_chart
from trueline_cli.operating import add_detach, detached, follow

if TYPE_CHECKING:
    from trueline import FunnelStage

_OUTPUTS = ("table", "json", "csv")
_DAYS = 30
_MOST_DAYS = 400
_BY = ("channel", "campaign", "day", "segment")
_EXAMPLES = (
    "trueline attribution report --days 90",
    "trueline attribution report --model linear --by campaign --conversion signup",
    "trueline attribution compare --from 2026-01-01 --until 2026-04-01",
    "trueline attribution paths --converted --limit 20 --chart paths.svg",
    "trueline attribution explain order-17",
    "trueline attribution funnel role:signup role:activation role:payment",
    "trueline attribution validate --days 90 --model linear --model markov",
    "trueline attribution changes --days 90 --since 2026-03-01",
    "trueline attribution journeys --days 90 --output csv --file journeys.csv",
)


class AttributionVerb:
    """Attribution: report, compare, paths, explain, funnel, validate, changes, journeys."""

    help = "which touch earned the money, by which model"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the actions."""
        options.describe(
            parser,
            "Shares conversions out among the touches that led to them. What touches,\n"
            "conversions and models are is said by AttributionModel documents\n"
            "(trueline rules show).",
            _EXAMPLES,
        )
        verbs = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
        report = _action(verbs, "report", "what channels earned, cost and brought back", _EXAMPLES[:2], _report)
        _add_models(report)
        report.add_argument("--by", action="append", choices=_BY, help="broken down by; repeatable (channel)")
        report.add_argument(
            "--changed-since",
            type=options.instant,
            metavar="TIME",
            help="also what was known then, and what came since",
        )
        _add_chart(report, "the values as bars")
        add_detach(report)
        compare = _action(verbs, "compare", "how far models differ about channels", (_EXAMPLES[2],), _compare)
        _add_models(compare)
        compare.add_argument("--baseline", default="", metavar="MODEL", help="compared with this one (the first)")
        _add_chart(compare, "the comparison as bars")
        add_detach(compare)
        paths = _action(verbs, "paths", "the paths that journeys took", (_EXAMPLES[3],), _paths)
        paths.add_argument("--converted", action="store_true", help="only those that converted")
        paths.add_argument("--limit", type=options.count, default=20, metavar="N", help="so many; 0 = all (20)")
        _add_chart(paths, "all paths as a Sankey diagram")
        add_detach(paths)
        explain = _action(verbs, "explain", "one conversion, touch by touch", (_EXAMPLES[4],), _explain, period=False)
        explain.add_argument("conversion_id", metavar="ID", help="id of the event that is the conversion")
        explain.add_argument("--source", default="", metavar="SOURCE", help="its source, if several have this id")
        _add_models(explain)
        funnel = _action(verbs, "funnel", "how many people come from step to step", (_EXAMPLES[5],), _funnel)
        funnel.add_argument(
            "steps", nargs="+", type=_stage, metavar="STEP", help="role:NAME or event:NAME; + joins several into one"
        )
        funnel.add_argument("--window", type=options.length, metavar="SPAN", help="from first to last step (30d)")
        validating.add(_action(verbs, "validate", "how far models can be trusted", (_EXAMPLES[6],), _validate))
        changing.add(
            _action(verbs, "changes", "what is attributed in another way than before", (_EXAMPLES[7],), _changes)
        )
        journeying.add(
            _action(verbs, "journeys", "all conversions touch by touch, an object a line", (_EXAMPLES[8],), _journeys)
        )

    def run(self, args: argparse.Namespace) -> int:
        """Do what was asked."""
        if getattr(args, "chart", None):
            if args.detach:
                raise options.UsageError("--chart draws an answer, and --detach waits for none; leave one of them out")
            check_chart(args.chart)
        status: int = args.act(args)
        return status


command = AttributionVerb()


def _action(
    verbs: Any,
    name: str,
    about: str,
    examples: tuple[str, ...],
    act: Callable[[argparse.Namespace], int],
    *,
    period: bool = True,
) -> argparse.ArgumentParser:
    made = options.action(verbs, name, about, f"{about[0].upper()}{about[1:]}.", examples, outputs=_OUTPUTS)
    made.add_argument("--document", default="", metavar="NAME", help="an AttributionModel (default)")
    made.add_argument("--conversion", default="", metavar="TYPE", help="type of conversion (the document's first)")
    if period:
        made.add_argument("--days", type=options.days, metavar="N", help=f"the last N days ({_DAYS})")
        made.add_argument("--from", dest="start", type=options.instant, metavar="TIME", help="from this time on")
        made.add_argument("--until", dest="end", type=options.instant, metavar="TIME", help="up to this time (now)")
        made.add_argument("--known-at", type=options.instant, metavar="TIME", help="with what was known then (now)")
    made.set_defaults(act=act)
    return made


def _add_models(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--model", action="append", default=[], metavar="MODEL", help="only this one; repeatable")


def _add_chart(parser: argparse.ArgumentParser, what: str) -> None:
    parser.add_argument("--chart", type=chart_file, metavar="FILE", help=f"also draw {what}, into FILE.svg or FILE.png")


def _period(args: argparse.Namespace) -> tuple[datetime, datetime]:
    if args.days and args.start:
        raise options.UsageError("give either --days or --from")
    end = args.end or datetime.now(UTC)
    start = args.start or end - timedelta(days=args.days or _DAYS)
    if start >= end:
        raise options.UsageError(f"--until {end.isoformat()} is not after --from {start.isoformat()}")
    if end - start > timedelta(days=_MOST_DAYS):
        raise options.UsageError(f"the period is longer than {_MOST_DAYS} days; ask for shorter ones")
    return start, end


def _report(args: argparse.Namespace) -> int:
    start, end = _period(args)
    if args.chart and "day" in (args.by or ()):
        raise options.UsageError("--chart has bars for channels, campaigns and segments; leave out --by day")
    asked = {"models": args.model, "by": args.by or (), "changed_since": args.changed_since, **_about(args)}
    with options.connect(args) as client:
        if args.detach:
            return detached(args, client.begin_report(start, end, **asked))
        found = client.attribute_conversions(start, end, **asked)
    return _print(args, found, "report")


def _compare(args: argparse.Namespace) -> int:
    start, end = _period(args)
    asked = {"models": args.model, "baseline": args.baseline, **_about(args)}
    with options.connect(args) as client:
        if args.detach:
            return detached(args, client.begin_comparison(start, end, **asked))
        found = client.compare_models(start, end, **asked)
    return _print(args, found, "comparison")


def _paths(args: argparse.Namespace) -> int:
    start, end = _period(args)
    asked = {"converted_only": args.converted, "limit": args.limit, **_about(args)}
    with options.connect(args) as client:
        if args.detach:
            return detached(args, client.begin_paths(start, end, **asked))
        found = client.list_paths(start, end, **asked)
    return _print(args, found, "paths")


def _explain(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        found = client.explain_journey(
            args.conversion_id,
            source=args.source,
            models=args.model,
            document=args.document,
            conversion=args.conversion,
        )
    return _print(args, found, "journey")


def _funnel(args: argparse.Namespace) -> int:
    start, end = _period(args)
    with options.connect(args) as client:
        found = client.get_funnel(
            start, end, args.steps, window=args.window, document=args.document, known_at=args.known_at
        )
    return _print(args, found, "funnel")


def _validate(args: argparse.Namespace) -> int:
    start, end = _period(args)
    with options.connect(args) as client:
        begun = validating.begin(client, args, start, end, **_about(args))
        if args.detach:
            return detached(args, begun)
        found = follow(client, begun.name).result
    return _print(args, found, "validation")


def _changes(args: argparse.Namespace) -> int:
    start, end = _period(args)
    asked = {"since": changing.since_of(args), "models": args.model, "limit": args.limit, **_about(args)}
    with options.connect(args) as client:
        found = client.list_attribution_changes(start, end, **asked)
    return _print(args, found, "changes")


def _journeys(args: argparse.Namespace) -> int:
    start, end = _period(args)
    with options.connect(args) as client:
        return journeying.write_journeys(args, client.stream_journeys(start, end, models=args.model, **_about(args)))


def _about(args: argparse.Namespace) -> dict[str, Any]:
    return {"document": args.document, "conversion": args.conversion, "known_at": args.known_at}


def _print(args: argparse.Namespace, found: Any, what: str) -> int:
    from trueline_cli.attribution.rows import FLAT
    from trueline_cli.output import print_found

    def show() -> None:
        from trueline_cli.attribution.tables import SHOWN

        SHOWN[what](found)

    print_found(args.output, found, lambda: FLAT[what](found), show)
    if args.output == "csv" and what in {"report", "comparison"}:
        from trueline_cli.attribution.tables import left_out

        for line in left_out(found):
            print(line, file=sys.stderr)
    if getattr(args, "chart", None):
        _draw(args.chart, found, what)
    return 0


def _draw(path: Path, found: Any, what: str) -> None:
    from trueline_cli.attribution import bars, charts, sankey

    drawn: dict[str, Callable[[Any], Any]] = {
        "report": bars.draw_report,
        "comparison": bars.draw_comparison,
        "paths": sankey.draw_paths,
    }
    with charts.styled():
        charts.save_chart(drawn[what](found), path)


def _stage(text: str) -> FunnelStage:
    from trueline import FunnelStage

    kinds: dict[str, list[str]] = {"event": [], "role": []}
    for part in text.split("+"):
        kind, colon, name = part.partition(":")
        if kind not in kinds or not colon or not name:
            raise argparse.ArgumentTypeError(f"'{text}' is not a step like role:signup or event:order_placed")
        kinds[kind].append(name)
    if all(kinds.values()):
        raise argparse.ArgumentTypeError(f"'{text}' has roles and events; a step is either")
    return FunnelStage(events=tuple(kinds["event"]), roles=tuple(kinds["role"]))
