"""Periods of studies as they are written on the command line: quarters, months, the last days, or two times."""

from __future__ import annotations

import argparse
import re
from datetime import UTC, datetime, timedelta

from trueline_cli import options

Period = tuple[datetime, datetime]


def add_period(parser: argparse.ArgumentParser) -> None:
    """The options that name a period; one way of naming it is taken."""
    parser.add_argument("--quarter", type=quarter, metavar="2026Q1", help="a quarter of a year")
    parser.add_argument("--month", type=month, metavar="2026-03", help="a month (the last one that is over)")
    parser.add_argument("--days", type=options.days, metavar="N", help="the last N days that are over (UTC)")
    parser.add_argument("--from", dest="start", type=options.instant, metavar="TIME", help="from this time on")
    parser.add_argument("--until", dest="end", type=options.instant, metavar="TIME", help="up to this time (now)")


def period_of(args: argparse.Namespace, now: datetime) -> Period:
    """The period that was asked for; the last month that is over if none was.

    Raises:
        UsageError: it is named in two ways, or without its start.

    """
    ways = [name for name in ("quarter", "month", "days") if getattr(args, name) is not None]
    if args.start is not None or args.end is not None:
        ways.append("from")
    if len(ways) > 1:
        raise options.UsageError(f"--{ways[0]} and --{ways[1]} both name a period; give one of them")
    if args.end is not None and args.start is None:
        raise options.UsageError("--until needs --from, where the period starts")
    if args.start is not None:
        return args.start, args.end or now
    if args.days is not None:
        today = now.replace(hour=0, minute=0, second=0, microsecond=0)
        return today - timedelta(days=args.days), today
    named: Period | None = args.quarter or args.month
    if named is not None:
        return named
    end = datetime(now.year, now.month, 1, tzinfo=UTC)
    return _months(end.year * 12 + end.month - 2, 1)


def quarter(text: str) -> Period:
    """A quarter like 2026Q1."""
    found = re.fullmatch(r"([0-9]{4})-?[Qq]([1-4])", text)
    if found is None or int(found[1]) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a quarter like 2026Q1")
    return _months(int(found[1]) * 12 + (int(found[2]) - 1) * 3, 3)


def month(text: str) -> Period:
    """A month like 2026-03."""
    found = re.fullmatch(r"([0-9]{4})-(0[1-9]|1[0-2])", text)
    if found is None or int(found[1]) < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a month like 2026-03")
    return _months(int(found[1]) * 12 + int(found[2]) - 1, 1)


def _months(first: int, count: int) -> Period:
    start, end = ((number // 12, number % 12 + 1) for number in (first, first + count))
    return datetime(*start, 1, tzinfo=UTC), datetime(*end, 1, tzinfo=UTC)
