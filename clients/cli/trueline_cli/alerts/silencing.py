"""`trueline alerts silence`, `silences` and `expire`: what is not told for a while."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from trueline_cli import options

if TYPE_CHECKING:
    from trueline import Silence


def add(verbs: Any) -> None:
    """Add the actions."""
    silence = options.action(
        verbs,
        "silence",
        "keep alerts from being told for a while",
        "Keep alerts from being told for a while. They fire on and stand in lists; what\n"
        "was told before is told to be over also while it is silenced, and what still\n"
        "fires at the end is told then.",
        (
            "trueline alerts silence rule=churn_rate_high --for 2h --reason 'known, fix is out'",
            "trueline alerts silence severity=warning team=billing --for 1d --reason 'migration'",
            "trueline alerts silence 'region=~\"eu|us\"' --until 2026-12-27 --reason 'holidays' --dry-run",
        ),
    )
    silence.add_argument(
        "matchers", nargs="+", metavar="MATCHER", help='all must hold: team=billing, plan!=free, region=~"eu|us"'
    )
    end = silence.add_mutually_exclusive_group(required=True)
    end.add_argument("--for", dest="length", type=options.length, metavar="SPAN", help="so long, like 90m, 2h, 1d, 1w")
    end.add_argument("--until", type=options.instant, metavar="TIME", help="until then")
    silence.add_argument("--from", dest="start", type=options.instant, metavar="TIME", help="from then on (now)")
    silence.add_argument("--reason", required=True, metavar="TEXT", help="why, for those who are not told")
    silence.add_argument(
        "--author", default=options.author(), metavar="NAME", help="who says so (env TRUELINE_AUTHOR, login)"
    )
    silence.add_argument("--dry-run", action="store_true", help="only say how many alerts it would concern")
    silence.set_defaults(act=_silence)
    silences = options.action(
        verbs,
        "silences",
        "the silences that hold or will hold",
        "The silences that hold or will hold, also those of rule files.",
        ("trueline alerts silences", "trueline alerts silences --ended"),
    )
    silences.add_argument("--ended", action="store_true", help="also those that have ended")
    silences.add_argument("--limit", type=options.count, default=50, metavar="N", help="so many; 0 = all (50)")
    silences.set_defaults(act=_silences)
    expire = options.action(
        verbs, "expire", "end a silence now", "End a silence now.", ("trueline alerts expire 3f2a9c0d5b1e",)
    )
    expire.add_argument("silence", metavar="SILENCE", help="its id, as silences shows it")
    expire.set_defaults(act=_expire)


def _silence(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        made = client.create_silence(
            args.matchers,
            author=args.author,
            reason=args.reason,
            ends=args.until if args.length is None else args.length,
            starts=args.start,
            validate_only=args.dry_run,
        )
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json(made)
        return 0
    from trueline_cli import style

    silence, count = made.silence, made.matching_alerts
    concerned = f"{count:,} alert{'' if count == 1 else 's'} that fire{'s' if count == 1 else ''} now"
    span = f"{style.moment(silence.starts_at)} to {style.moment(silence.ends_at)}"
    if args.dry_run:
        print(f"would silence {', '.join(silence.matchers)} from {span}: {concerned}")
    else:
        print(f"{silence.id}  silences {', '.join(silence.matchers)} from {span}: {concerned}")
    return 0


def _silences(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        found = client.list_silences(ended=args.ended, limit=args.limit)
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json({"silences": found})
        return 0
    from trueline_cli import style

    made = style.table("silence", "state", "until", "matchers", "by", "why", fold=("matchers", "why"))
    for one in found:
        matchers = ", ".join(one.matchers)
        made.add_row(one.id, _state(one), style.moment(one.ends_at), matchers, one.author, one.reason)
    style.show(made if found else "nothing is silenced")
    return 0


def _expire(args: argparse.Namespace) -> int:
    with options.connect(args) as client:
        ended = client.expire_silence(args.silence)
    if args.output == "json":
        from trueline_cli.output import print_json

        print_json(ended)
        return 0
    from trueline_cli import style

    print(f"{ended.id}  ended at {style.moment(ended.ends_at)}")
    return 0


def _state(silence: Silence) -> str:
    if silence.active:
        return "holds (file)" if silence.in_file else "holds"
    if silence.expired:
        return "expired"
    from trueline_cli.alerts.showing import now

    return "to come" if silence.starts_at is not None and silence.starts_at > now() else "ended"
