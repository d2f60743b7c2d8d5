"""`trueline up`: everything in one process, on the embedded default."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from trueline_server.settings import SettingError, Settings

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

    def run(self, args: argparse.Namespace) -> int:
        """Serve; 0 = ended when told to, 1 = could not start or playing failed, 2 = wrong use."""
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
        type=_count,
        metavar="EVENTS",
        help="play the generated podcast business (labelled as synthetic) with so many events",
    )
    parser.add_argument("--seed", type=int, default=1, help="of the generated business (default: 1)")
    parser.add_argument("--events", metavar="FILE", help="ingest a file: JSON lines, CSV or Parquet")
    parser.add_argument(
        "--mapping", metavar="FILE", help="how the file's columns become events: a mapping file, or a name"
    )


def settings_of(args: argparse.Namespace, data_dir: Path | None = None) -> Settings:
    """Settings from the environment, over which flags win. A mapping file is a rule file of the server too, so that
    its roles hold for metrics and KPIs.
    """
    settings = Settings.from_environment(os.environ)
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
        _introduce(server, play)
        status = await play.run(server)
        if once:
            return status
        _tell(f"playing ended with status {status}; serving until Ctrl-C" if status else "serving until Ctrl-C")
        return None

    return run(settings, activity)


def _introduce(server: RunningServer, play: Play) -> None:
    from trueline_server.commands.play import reachable

    address = reachable(server.address)
    _tell("Trueline takes events in, and answers metrics, KPIs and an alignment score over gRPC.")
    _tell(f"  data       {server.settings.data_dir.resolve()}")
    _tell(f"  rules      revision {server.rules.revision}, events read as '{server.rules.mapping.metadata.name}'")
    tokens = len(server.settings.tokens)
    _tell(f"  callers    {f'{tokens} tokens' if tokens else 'no tokens: open to all who reach the port'}")
    _tell(f"  look at    trueline metrics list --address {address}")
    if play.synthetic:
        _tell(f"  playing    {play.synthetic:,} synthetic events: a generated podcast business, no real one")
    elif play.events:
        _tell(f"  playing    {play.events}")


def _tell(line: str) -> None:
    """For people: on standard error, so that what scripts read stands alone on standard output."""
    print(line, file=sys.stderr, flush=True)


def _count(text: str) -> int:
    """A number of events; 200_000 and 200,000 are read too."""
    number = int(text.replace(",", ""))
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be at least 1, got {text}")
    return number
