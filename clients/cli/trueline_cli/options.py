"""Options that verbs share, and how times, labels and durations are written on the command line."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trueline import TruelineClient

DEFAULT_ADDRESS = "127.0.0.1:7171"
# Short, so that a person learns soon that no server is there.
_ATTEMPTS = 3
_MOST = 2**31 - 1
_MOST_DAYS = 366
_SPAN_S = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


class UsageError(Exception):
    """The command was used wrongly in a way that argparse cannot see."""


def add_global(
    parser: argparse.ArgumentParser, *, defaults: bool, outputs: tuple[str, ...] = ("table", "json")
) -> None:
    """The options of every verb; they may stand before or after it."""

    def default(value: object) -> object:
        return value if defaults else argparse.SUPPRESS

    group = parser.add_argument_group("connection and output")
    group.add_argument(
        "--address",
        metavar="HOST:PORT",
        default=default(os.environ.get("TRUELINE_ADDRESS") or DEFAULT_ADDRESS),
        help=f"the server (env TRUELINE_ADDRESS, default {DEFAULT_ADDRESS})",
    )
    group.add_argument(
        "--token",
        default=default(os.environ.get("TRUELINE_TOKEN") or None),
        help="the credential (env TRUELINE_TOKEN)",
    )
    group.add_argument("--output", choices=outputs, default=default("table"), help="for people or for scripts (table)")
    group.add_argument(
        "--timeout",
        type=seconds,
        metavar="SECONDS",
        default=default(60.0),
        help="longest time for one call with its retries (60)",
    )


def verb_parser(verb: str) -> argparse.ArgumentParser:
    """The parser of one verb. A verb of the server may give an option of the same name its own meaning."""
    parser = argparse.ArgumentParser(
        prog=f"trueline {verb}", formatter_class=argparse.RawDescriptionHelpFormatter, conflict_handler="resolve"
    )
    add_global(parser, defaults=False)
    return parser


def describe(parser: argparse.ArgumentParser, text: str, examples: Sequence[str]) -> None:
    """What a verb does, and examples at the end of its help."""
    parser.description = text
    parser.epilog = "examples:\n" + "\n".join(f"  {example}" for example in examples)


def action(
    verbs: Any,
    name: str,
    about: str,
    text: str,
    examples: Sequence[str],
    *,
    outputs: tuple[str, ...] = ("table", "json"),
) -> argparse.ArgumentParser:
    """The parser of one action of a verb: what it is for in a line, in more lines, and with examples."""
    made: argparse.ArgumentParser = verbs.add_parser(
        name, help=about, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add_global(made, defaults=False, outputs=outputs)
    describe(made, text, examples)
    return made


def connect(args: argparse.Namespace) -> TruelineClient:
    """A client for the server that the options name."""
    from trueline import RetryPolicy, TruelineClient

    retry = RetryPolicy(attempts=_ATTEMPTS)
    return TruelineClient(args.address, token=args.token, timeout=args.timeout, retry=retry)


def author() -> str:
    """Who works here: TRUELINE_AUTHOR, else the login; "" if neither is known."""
    import getpass

    try:
        return os.environ.get("TRUELINE_AUTHOR") or getpass.getuser()
    except (OSError, KeyError):
        # A container's user need not have a name.
        return ""


def seconds(text: str) -> float:
    """A positive number of seconds."""
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e9:
        raise argparse.ArgumentTypeError(f"'{text}' is not a positive number of seconds")
    return value


def count(text: str) -> int:
    """A whole number from 0 that the contract's 32 bits hold."""
    value = int(text) if re.fullmatch(r"[0-9]{1,10}", text) else -1
    if not 0 <= value <= _MOST:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 0 to {_MOST:,}")
    return value


def days(text: str) -> int:
    """A number of days, 1 to 366."""
    value = count(text)
    if not 1 <= value <= _MOST_DAYS:
        raise argparse.ArgumentTypeError(f"'{text}' is not a number of days from 1 to {_MOST_DAYS}")
    return value


def length(text: str) -> timedelta:
    """A span like 90m, 2h, 1d or 1w."""
    found = re.fullmatch(r"([0-9]{1,6})([smhdw])", text)
    if found is None or not int(found[1]):
        raise argparse.ArgumentTypeError(f"'{text}' is not a span like 90m, 2h, 1d or 1w")
    return timedelta(seconds=int(found[1]) * _SPAN_S[found[2]])


def instant(text: str) -> datetime:
    """A time in RFC 3339 with offset, or a date (midnight UTC)."""
    try:
        value = datetime.fromisoformat(text)
    except ValueError:
        value = None
    if value is None or (value.tzinfo is None and len(text) != len("2024-05-06")):
        raise argparse.ArgumentTypeError(
            f"'{text}' is not a time with offset like 2024-05-06T07:00:00Z, nor a date like 2024-05-06"
        )
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value


def add_instants(parser: argparse.ArgumentParser) -> None:
    """As of when something is told, and by what was known when."""
    parser.add_argument("--at", type=instant, metavar="TIME", help="as it was then (--known-at, or now)")
    parser.add_argument(
        "--known-at", type=instant, metavar="TIME", help="without what was recorded later (all that is known now)"
    )


def label(text: str) -> tuple[str, str]:
    """A label as key=value."""
    key, equals, value = text.partition("=")
    if not key or not equals:
        raise argparse.ArgumentTypeError(f"'{text}' is not a label like plan=pro")
    return key, value
