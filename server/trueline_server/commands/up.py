"""`trueline up`: everything in one process, on the embedded default."""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import fields
from pathlib import Path
from typing import TYPE_CHECKING

from trueline_server.settings import PREFIX, SettingError, Settings, split_address, written_default
from trueline_server.synthetic import FEWEST_EVENTS, event_count

if TYPE_CHECKING:
    from trueline_server.bootstrap import RunningServer
    from trueline_server.commands.play import Play

DEFAULT_EVENTS = 200_000


class UpCommand:
    """The entry point that the command line finds."""

    help = "start the server in this process, play events if asked to, print the board, serve until Ctrl-C"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        parser.add_argument(
            "--data-dir", "--data", type=Path, metavar="DIR", help="where it keeps its data (default: .trueline)"
        )
        parser.add_argument(
            "--listen", metavar="HOST:PORT", help="where it listens; port 0 picks one (default: --address)"
        )
        parser.add_argument(
            "--rules",
            type=Path,
            action="append",
            metavar="PATH",
            help="rule file or folder, added to the default pack; may be given several times",
        )
        add_play_arguments(parser)
        parser.add_argument("--once", action="store_true", help="stop after the board instead of serving on")
        parser.epilog = variables_table()

    def run(self, args: argparse.Namespace) -> int:
        """Serve; 0 = ended when told to, 1 = something that was played was refused, 2 = wrong use or files, 3 = could
        not start."""
        os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
        try:
            settings = settings_of(args)
        except SettingError as error:
            print(f"trueline up: {error}", file=sys.stderr)
            return 2
        return serve_and_play(args, settings, once=args.once)


command = UpCommand()


def add_play_arguments(parser: argparse.ArgumentParser) -> None:
    """What `up` and `demo` can play."""
    parser.add_argument(
        "--synthetic",
        type=event_count,
        metavar="EVENTS",
        help=f"play the generated podcast business (labelled as synthetic) with so many events, from {FEWEST_EVENTS:,}",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the generated business (default: 1)")
    parser.add_argument("--events", type=_file, metavar="FILE", help="ingest a file: JSON lines, CSV or Parquet")
    parser.add_argument(
        "--mapping", metavar="FILE", help="how the file's columns become events: a mapping file, or a name"
    )


def settings_of(args: argparse.Namespace, data_dir: Path | None = None) -> Settings:
    """Settings from the environment, over which flags win. A mapping file is a rule file of the server too, so that
    its roles hold for metrics and KPIs.
    """
    settings = Settings.from_environment(os.environ)
    for flag in ("listen", "address"):
        if text := getattr(args, flag, None):
            split_address(text, f"--{flag}")
    mapping = getattr(args, "mapping", None) or ""
    is_file = bool(mapping) and Path(mapping).is_file()
    rules = [*settings.rules, *(getattr(args, "rules", None) or ()), *([Path(mapping)] if is_file else ())]
    return Settings.from_environment(
        os.environ,
        address=getattr(args, "listen", None) or getattr(args, "address", None),
        data_dir=data_dir or getattr(args, "data_dir", None),
        rules=rules or None,
        mapping=None if is_file or not mapping else mapping,
    )


def serve_and_play(args: argparse.Namespace, settings: Settings, *, once: bool) -> int:
    """Serve with what the arguments ask to play beside it."""
    from trueline_server.app import run
    from trueline_server.commands.play import Play

    play = Play(
        synthetic=0 if args.events else args.synthetic or 0,
        seed=args.seed,
        events=args.events or "",
        mapping=args.mapping or "",
        token=getattr(args, "token", None) or next(iter(settings.tokens), ""),
        output=getattr(args, "output", None) or "table",
    )

    async def activity(server: RunningServer) -> int | None:
        former = await play.former_events(server)
        _introduce(server, play, former)
        status = await (play.show(server) if former else play.run(server))
        if once:
            return status
        _tell(f"playing ended with status {status}; serving until Ctrl-C" if status else "serving until Ctrl-C")
        return None

    # Of scripts that read the board, it is all that stands on standard output.
    return run(settings, activity, sys.stderr if play.output == "json" else None)


def _introduce(server: RunningServer, play: Play, former: int) -> None:
    from trueline_server.commands.play import reachable

    address = reachable(server.address)
    _tell("Trueline takes events in, and answers metrics, KPIs and an alignment score over gRPC.")
    _tell(f"  data       {server.settings.data_dir.resolve()}")
    _tell(f"  rules      revision {server.rules.revision}, events read as '{server.rules.mapping.metadata.name}'")
    tokens = len(server.settings.tokens)
    _tell(f"  callers    {f'{tokens} tokens' if tokens else 'no tokens: open to all who reach the port'}")
    _tell(f"  look at    trueline metrics list --address {address}")
    if former:
        _tell(f"  playing    nothing: already has {former:,} synthetic events from a former run; not playing again;")
        _tell(f"             remove {server.settings.data_dir} to start over")
    elif play.synthetic:
        _tell(f"  playing    {play.synthetic:,} synthetic events: a generated podcast business, no real one")
    elif play.events:
        _tell(f"  playing    {play.events}")


def _tell(line: str) -> None:
    """For people: on standard error, so that what scripts read stands alone on standard output."""
    print(line, file=sys.stderr, flush=True)


def _file(text: str) -> str:
    """A file that is there: a server that starts only to find nothing to play would show an empty board."""
    if not Path(text).exists():
        raise argparse.ArgumentTypeError(f"{text}: no such file")
    if Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text}: is a directory")
    return text


def variables_table() -> str:
    """The environment variables that are settings, with their defaults, for the end of the help."""
    variables = {PREFIX + item.name.upper(): item for item in fields(Settings)}
    width = max(map(len, variables))
    lines = [f"  {variable:<{width}}  {written_default(item)}".rstrip() for variable, item in variables.items()]
    return "\n".join(("settings in the environment and their defaults (docs/operations.md tells more):", *lines))
