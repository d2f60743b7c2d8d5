"""`trueline generate`: the synthetic podcast business, written to a file or played into a server."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

from trueline_server.synthetic import FEWEST_DAYS, FEWEST_EVENTS, day_count, event_count

_BATCH_EVENTS = 1_000
_CONNECT_S = 10.0
# Exit statuses, as the command line has them.
_REFUSED, _NO_ANSWER = 2, 3


class GenerateCommand:
    """The entry point that the command line finds."""

    help = "generate a synthetic podcast business and write it to a file, or play it into a server"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.add_argument(
            "--events", type=event_count, default=200_000, help=f"how many, from {FEWEST_EVENTS:,} (default: 200,000)"
        )
        parser.add_argument("--seed", type=int, default=1, help="the same arguments make the same events (default: 1)")
        parser.add_argument("--end", type=_instant, help="time after the last event, RFC 3339 (default: now)")
        parser.add_argument(
            "--days",
            type=day_count,
            default=120,
            help=f"days that the business exists, from {FEWEST_DAYS} (default: 120)",
        )
        parser.add_argument(
            "--out", metavar="FILE", help="write to FILE.jsonl, FILE.jsonl.gz or FILE.parquet (- = standard output)"
        )
        parser.add_argument("--rate", type=_rate, help="send at most so many events a second (default: no limit)")

    def run(self, args: argparse.Namespace) -> int:
        """Generate; 0 = everything was written or accepted, 1 = some were refused, 2 = wrong arguments, 3 = failed."""
        from trueline_server.generator import generate
        from trueline_server.generator.files import UnknownFormatError, check_target

        end = args.end or datetime.now(UTC).replace(microsecond=0)
        summary: dict[str, Any] = {"events": args.events, "seed": args.seed, "end": end.isoformat(), "synthetic": True}
        try:
            if args.out:
                check_target(args.out)
            batches = generate(events=args.events, seed=args.seed, end=end, days=args.days)
        except (ValueError, UnknownFormatError) as error:
            return _fail(str(error), _REFUSED)
        return _write(args, batches, summary) if args.out else _play(args, batches, summary)


command = GenerateCommand()


def _write(args: argparse.Namespace, batches: Iterator[Any], summary: dict[str, Any]) -> int:
    """Write a file."""
    from trueline_server.generator.files import write_batches

    start = time.monotonic()
    try:
        _follow("writing synthetic events", args.events, write_batches(batches, args.out))
    except BrokenPipeError:
        # The reader has seen enough; the command line ends quietly.
        raise
    except OSError as error:
        return _fail(f"cannot write '{args.out}': {error.strerror or error}", _REFUSED)
    _report(args, summary | {"file": args.out}, time.monotonic() - start)
    return 0


def _play(args: argparse.Namespace, batches: Iterator[Any], summary: dict[str, Any]) -> int:
    """Send to a server."""
    import grpc

    from trueline_server.generator import SOURCE
    from trueline_server.generator.sending import OrderedSender, StreamEndedError, open_channel, pace
    from trueline_server.generator.wire import split_batch

    rows = max(min(_BATCH_EVENTS, int(args.rate / 10)), 1) if args.rate else _BATCH_EVENTS
    wire = (columns for batch in batches for columns in split_batch(batch, rows))
    start = time.monotonic()
    with closing(open_channel(args.address)) as channel:
        sender = OrderedSender(channel, token=getattr(args, "token", "") or "")
        try:
            grpc.channel_ready_future(channel).result(timeout=_CONNECT_S)
            _follow("playing synthetic events", args.events, sender.send(pace(wire, args.rate) if args.rate else wire))
            position = sender.finish(SOURCE)
        except grpc.FutureTimeoutError:
            print(
                f"trueline generate: no server answers at {args.address}; start one with `trueline up`", file=sys.stderr
            )
            return _NO_ANSWER
        except StreamEndedError as error:
            return _fail(str(error))
        except grpc.RpcError as error:
            refused = error.code().name in {"INVALID_ARGUMENT", "UNAUTHENTICATED", "PERMISSION_DENIED"}
            return _fail(f"{error.code().name}: {error.details()}", _REFUSED if refused else _NO_ANSWER)
    sent = sender.sent
    counts = {"accepted": sent.accepted, "duplicates": sent.duplicates, "rejected": sent.rejected}
    _report(args, summary | {"source": SOURCE, **counts, "position": position}, time.monotonic() - start)
    if sent.rejected:
        print(
            f"trueline generate: {sent.rejected} events were refused; the first: {sent.first_rejection}",
            file=sys.stderr,
        )
    return 1 if sent.rejected else 0


def _follow(title: str, total: int, counts: Iterator[int]) -> None:
    """Run through the counts with a progress bar on standard error."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = Console(stderr=True)
    with Progress(*columns, console=console, disable=not console.is_terminal, transient=True) as progress:
        task = progress.add_task(title, total=total)
        for count in counts:
            progress.advance(task, count)


def _report(args: argparse.Namespace, summary: dict[str, Any], seconds: float) -> None:
    """Tell what was done; on standard error if the events went to standard output."""
    out = sys.stderr if args.out == "-" else sys.stdout
    rate = summary["events"] / max(seconds, 1e-9)
    if getattr(args, "output", "table") == "json":
        print(json.dumps(summary | {"seconds": round(seconds, 3), "events_per_s": round(rate)}), file=out)
        return
    where = f"written to {args.out}" if args.out else f"sent to {args.address}"
    print(f"{summary['events']:,} synthetic events (seed {summary['seed']}) {where} in {seconds:.1f} s", file=out)
    if "accepted" in summary:
        counts = "{accepted:,} accepted, {duplicates:,} there already, {rejected:,} refused".format_map(summary)
        print(f"{counts}; {rate:,.0f} events/s", file=out)


def _fail(message: str, status: int = _NO_ANSWER) -> int:
    print(f"trueline generate: {message}", file=sys.stderr)
    return status


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate < float("inf"):
        raise argparse.ArgumentTypeError(f"must be above 0, got {text}")
    return rate


def _instant(text: str) -> datetime:
    try:
        instant = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"not a time: '{text}'; write it as 2025-06-12T10:30:00Z") from None
    return instant.astimezone(UTC) if instant.tzinfo else instant.replace(tzinfo=UTC)
