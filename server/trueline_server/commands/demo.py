"""`trueline demo`: play the generated business, or a file, into a fresh server in a temporary directory, then exit."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

from trueline_server.commands.up import DEFAULT_EVENTS, add_play_arguments, serve_and_play, settings_of
from trueline_server.settings import SettingError


class DemoCommand:
    """The entry point that the command line finds."""

    help = "play the generated business (or a file) into a fresh server, print the board, exit"

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the arguments."""
        add_play_arguments(parser)

    def run(self, args: argparse.Namespace) -> int:
        """Play; 0 = the board was printed, 1 = something was refused, 2 = wrong use, 3 = it failed. Nothing stays."""
        os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
        args.synthetic = args.synthetic or DEFAULT_EVENTS
        # The port is picked, so that a demo disturbs no server that runs already.
        args.listen = "127.0.0.1:0"
        with tempfile.TemporaryDirectory(prefix="trueline-demo-") as directory:
            try:
                settings = settings_of(args, data_dir=Path(directory))
            except SettingError as error:
                print(f"trueline demo: {error}", file=sys.stderr)
                return 2
            return serve_and_play(args, settings, once=True)


command = DemoCommand()
