"""The `trueline` command: finds the verb, loads only that one, and turns what goes wrong into words and a status."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, Protocol

from trueline_cli import exits, options

# Verb -> what it is for. Each is a module of trueline_cli.verbs, imported when it is used.
VERBS = {
    "ingest": "send files of events: JSON lines, CSV, Parquet",
    "score": "the board: alignment score and every KPI",
    "kpis": "the KPIs with value, target and status",
    "actions": "what to do next, by the points of score it would win",
    "metrics": "list, show and watch metrics",
    "watch": "the alignment score as it changes",
    "quality": "how far the events can be trusted",
    "status": "what the server has taken in and processed",
    "facts": "put facts about accounts and users in, list them",
    "rules": "check, test, activate and explain rules",
    "alerts": "what fires, who has it, who was told; silences",
    "checkpoint": "does everybody and everything meet its targets",
    "backlog": "what checkpoints found is to be mended",
    "schedules": "what is run when; run one now",
    "attribution": "which touch earned the money, by which model",
    "score-feature": "what features are worth to whom; what to build when",
    "health": "how accounts are, what moved, and what to do",
    "study": "do sponsors stay, do users pay more, do campaigns pay off",
    "churn": "who is likely to leave, why, and what to do",
    "compliance": "does it comply, where does it stand, what shows it",
    "operations": "long work on the server: list, show, cancel, wait",
}
# Verbs of the server extra, found through entry points when they are used: looking for them takes longer than --help.
SERVER_VERBS = {
    "up": "run a server, and play events into it",
    "demo": "play a generated business into a fresh server, print the board",
    "generate": "make the events of a synthetic podcast business",
    "doctor": "check this machine and a data directory",
}
_GROUP = "trueline.commands"
_EXAMPLES = """examples:
  trueline demo
  trueline ingest events.jsonl.gz --mapping shop.yaml
  trueline score --output json
  trueline metrics watch daily_active_users"""


class Command(Protocol):
    """A verb."""

    help: str

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the verb's own arguments."""

    def run(self, args: argparse.Namespace) -> int:
        """Do it; answers the exit status, see `exits`."""


class MissingExtraError(Exception):
    """What was asked for needs an extra that is not installed."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; answers the exit status, see `exits`."""
    try:
        status = _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader has seen enough. Python would complain once more when it closes standard output.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return exits.UNREAD
    except KeyboardInterrupt:
        return exits.INTERRUPTED
    except Exception:  # noqa: BLE001 a fault of the command itself is no finding, which Python's own status 1 would say
        import traceback

        traceback.print_exc()
        return exits.NO_ANSWER
    return status


def _run(argv: list[str]) -> int:
    parser = _main_parser()
    chosen = parser.parse_args(argv)
    if chosen.version:
        from importlib.metadata import version

        print(f"trueline {version('trueline')}")
        return 0
    if chosen.verb is None:
        parser.print_help()
        return exits.REFUSED
    if chosen.verb not in VERBS and chosen.verb not in SERVER_VERBS:
        parser.error(_unknown(chosen.verb))
    try:
        command = load(chosen.verb)
    except MissingExtraError as error:
        print(f"trueline {chosen.verb}: {error}", file=sys.stderr)
        return exits.REFUSED
    verb_parser = options.verb_parser(chosen.verb)
    command.configure(verb_parser)
    rest = chosen.rest
    del chosen.rest, chosen.version
    return _guarded(command, verb_parser.parse_args(rest, chosen))


def load(verb: str) -> Command:
    """The command of a verb.

    Raises:
        MissingExtraError: it needs the server extra, which is not installed.

    """
    if verb in VERBS:
        command: Command = importlib.import_module(f"trueline_cli.verbs.{verb.replace('-', '_')}").command
        return command
    extra: Command = load_extra(verb)
    return extra


def load_extra(verb: str) -> Any:
    """What the server extra has for a verb.

    Raises:
        MissingExtraError: it is not installed.

    """
    from importlib.metadata import entry_points

    found = list(entry_points(group=_GROUP, name=verb))
    if not found:
        raise MissingExtraError(_needed(verb))
    try:
        return found[0].load()
    except ModuleNotFoundError as error:
        raise MissingExtraError(_needed(verb, error)) from error


def _needed(verb: str, error: ModuleNotFoundError | None = None) -> str:
    told = f"'{verb}' needs the backend; install it with: pip install \"trueline[server]\""
    return told if error is None else f"{told} ({error.name} is missing)"


def _guarded(command: Command, args: argparse.Namespace) -> int:
    from trueline.errors import TruelineError

    try:
        return command.run(args)
    except (options.UsageError, MissingExtraError) as error:
        print(f"trueline {args.verb}: {error}", file=sys.stderr)
        return exits.REFUSED
    except ModuleNotFoundError as error:
        # The light install has the backend's own code, whose verbs import what it needs when they run.
        if args.verb not in (*SERVER_VERBS, "rules", "churn") or (error.name or "").startswith("trueline"):
            raise
        print(f"trueline {args.verb}: {_needed(args.verb, error)}", file=sys.stderr)
        return exits.REFUSED
    except TruelineError as error:
        from trueline_cli.explain import explain

        print(f"trueline {args.verb}: {explain(error)}", file=sys.stderr)
        return exits.status_of(error)


def _main_parser() -> argparse.ArgumentParser:
    width = max(map(len, (*VERBS, *SERVER_VERBS)))
    verbs = "\n".join(f"  {verb:<{width}}  {text}" for verb, text in VERBS.items())
    server = "\n".join(f"  {verb:<{width}}  {text}" for verb, text in SERVER_VERBS.items())
    parser = argparse.ArgumentParser(
        prog="trueline",
        usage="trueline [options] VERB ...",
        description="Events in, live metrics and KPIs out.",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=(
            f'verbs:\n{verbs}\n\nverbs of the backend, pip install "trueline[server]":\n{server}\n\n'
            "`trueline VERB --help` tells more.\n"
            f"{exits.TOLD}\n\n"
            f"{_EXAMPLES}"
        ),
    )
    options.add_global(parser, defaults=True)
    parser.add_argument("--version", action="store_true", help="print the version and exit")
    parser.add_argument("verb", nargs="?", metavar="VERB", help=argparse.SUPPRESS)
    parser.add_argument("rest", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    return parser


def _unknown(verb: str) -> str:
    from difflib import get_close_matches

    near = get_close_matches(verb, (*VERBS, *SERVER_VERBS), 1)
    return f"there is no verb '{verb}'" + (f"; did you mean '{near[0]}'?" if near else "; see trueline --help")
