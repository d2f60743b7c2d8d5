"""`trueline metrics`: list, show, watch."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from trueline_cli import options

if TYPE_CHECKING:
    from trueline import MetricPoint

_TRANSLATED = {"query": "show"}
_WORDS = {"count": "{}", "count_distinct": "distinct {}", "avg": "mean, {}"}


class Metrics:
    """Metrics: which there are, their points, and their changes."""

    help = "list, show and watch metrics"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """The three things to do."""
        options.describe(
            parser,
            "Metrics: which there are, the points of one, or changes as they come.\nWithout a further word: list.",
            (
                "trueline metrics",
                "trueline metrics show daily_active_users --from 2011-11-01 --to 2011-12-01",
                "trueline metrics show events_by_name --label name=user_signed_up --output json",
                "trueline metrics watch active_users_1h",
                "trueline metrics watch --output json --once",
            ),
        )
        parser.set_defaults(what="list")
        kinds = parser.add_subparsers(dest="what", metavar="list | show | watch")
        common: dict[str, Any] = {"formatter_class": argparse.RawDescriptionHelpFormatter, "epilog": parser.epilog}
        options.add_global(kinds.add_parser("list", help="the metrics and their state", **common), defaults=False)
        show = kinds.add_parser("show", aliases=["query"], help="the points of a metric", **common)
        options.add_global(show, defaults=False)
        show.add_argument("name", help="the metric")
        show.add_argument(
            "--from",
            dest="start",
            type=options.instant,
            metavar="TIME",
            help="windows that end after it; without: the newest",
        )
        show.add_argument("--to", dest="end", type=options.instant, metavar="TIME", help="windows that end by then")
        show.add_argument(
            "--fill-empty", action="store_true", help="also windows without events; needs --from and --to"
        )
        watch = kinds.add_parser("watch", help="changes as they come, until Ctrl-C", **common)
        options.add_global(watch, defaults=False)
        watch.add_argument("names", nargs="*", metavar="name", help="the metrics; none = all")
        watch.add_argument("--resume", default="", metavar="TOKEN", help="go on from the token of an earlier watch")
        watch.add_argument("--once", action="store_true", help="stop when the snapshot is complete")
        for one in (show, watch):
            one.add_argument(
                "--label",
                action="append",
                default=[],
                type=options.label,
                metavar="K=V",
                help="only groups with it; may be repeated",
            )

    def run(self, args: argparse.Namespace) -> int:
        """List, show or watch."""
        what = _TRANSLATED.get(args.what or "list", args.what or "list")
        if what == "watch":
            from trueline_cli.watching import watch_metrics

            return watch_metrics(args)
        return _show(args) if what == "show" else _list(args)


def _list(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        metrics = client.list_metrics()
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json({"metrics": metrics})
        return 0
    from trueline_cli import style

    made = style.table("metric", "what", "window", "watermark", fold=("what", "watermark"))
    for metric in metrics:
        what = _WORDS.get(metric.aggregation, f"{metric.aggregation}, {{}}").format(metric.unit)
        what += f" by {', '.join(metric.group_by)}" if metric.group_by else ""
        window = metric.window if metric.window == metric.step else f"{metric.window} every {metric.step}"
        notes = [style.moment(metric.watermark)]
        if metric.unavailable:
            notes = [metric.unavailable]
        if metric.too_late:
            notes.append(f"{metric.too_late:,} too late")
        if metric.overflowed:
            notes.append(f"{metric.overflowed:,} beyond {metric.max_groups:,} groups")
        made.add_row(metric.name, what, window, ", ".join(notes))
    style.show(made if metrics else "no metric is defined")
    return 0


def _show(args: argparse.Namespace) -> int:
    if args.fill_empty and (args.start is None or args.end is None):
        raise options.UsageError("--fill-empty needs --from and --to")
    with options.connect(args) as client:
        series = client.query_metric(
            args.name, start=args.start, end=args.end, labels=dict(args.label), fill_empty=args.fill_empty
        )
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json(series)
        return 0
    from trueline_cli import style

    style.show(points_table(series.points) if series.points else f"{args.name} has no points there")
    return 0


def points_table(points: Iterable[MetricPoint]) -> Any:
    """Points by window and labels."""
    from trueline_cli import style

    made = style.table(
        "window end", "metric", "labels", "value", "events", "state", right=("value", "events"), fold=("labels",)
    )
    for point in points:
        *cells, state = point_cells(point)
        made.add_row(*cells, f"{point.events:,}", state)
    return made


def point_cells(point: MetricPoint) -> tuple[str, str, str, str, str]:
    """A point in words: end of its window, metric, labels, value, state."""
    from trueline_cli import style

    labels = " ".join(f"{key}={value}" for key, value in sorted(point.labels.items()))
    about = "" if point.exact or point.value is None else "≈ "
    value = about + style.number(point.value)
    return style.moment(point.window_end), point.metric, labels, value, style.completeness(point.completeness)


command = Metrics()
