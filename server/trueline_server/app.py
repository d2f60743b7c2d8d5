"""Runs a server until it is told to stop: signals, drain, exit status."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TextIO

import uvloop
from trueline_rules.errors import RuleFileError
from trueline_stores.errors import DirectoryHeldError, StoreError

from trueline_server.settings import SettingError, Settings

if TYPE_CHECKING:
    from trueline_server.bootstrap import RunningServer

# What a shell reports of a process that SIGINT ended.
# As the command line has them: settings or files cannot be taken as they are; it may start another time.
EXIT_REFUSED, EXIT_NO_SERVER = 2, 3
EXIT_INTERRUPTED = 130

# Runs beside the server once it listens; when it returns, its exit status ends the server, None lets it go on.
Activity = Callable[["RunningServer"], Awaitable[int | None]]


async def serve(settings: Settings, activity: Activity | None = None, told: TextIO | None = None) -> int:
    """Serve until SIGTERM, SIGINT or the end of the activity; then drain. A second signal ends the process at once.

    Prints `listening on HOST:PORT` to `told` (None = standard output) when calls are answered.

    Raises:
        SettingError, StoreError, RuleFileError, OSError: the server cannot start; whatever was opened is closed again.

    """
    from trueline_server.allocation import collect_seldom, keep_freed_memory, leave_out_what_stays

    collect_seldom()
    from trueline_server.bootstrap import open_server

    keep_freed_memory()
    stop = asyncio.Event()
    _end_on_signals(stop)
    async with open_server(settings) as server:
        leave_out_what_stays()
        print(f"listening on {server.address}", file=told, flush=True)
        if activity is None:
            await stop.wait()
            return 0
        running = asyncio.ensure_future(activity(server))
        stopping = asyncio.ensure_future(stop.wait())
        try:
            await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
            status = running.result() if running.done() else 0
            if status is None:
                await stop.wait()
            return status or 0
        finally:
            for task in (running, stopping):
                task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await running


def run(settings: Settings, activity: Activity | None = None, told: TextIO | None = None) -> int:
    """As `serve`, in this process; answers the exit status. Errors of the start are told on standard error."""
    configure_logging()
    try:
        return uvloop.run(serve(settings, activity, told))
    except DirectoryHeldError as error:
        return _refuse(error.message)
    except (SettingError, RuleFileError) as error:
        return _refuse(f"the server cannot start: {error}", EXIT_REFUSED)
    except (StoreError, OSError) as error:
        return _refuse(f"the server cannot start: {error}")
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED


def configure_logging() -> None:
    """Log to standard error: what Trueline tells, and warnings of its libraries."""
    logging.basicConfig(
        stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    for name in ("trueline_server", "trueline_streams", "trueline_stores"):
        logging.getLogger(name).setLevel(logging.INFO)
    logging.getLogger("grpc").addFilter(_is_news)
    logging.getLogger("grpc._cython.cygrpc").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """grpc logs each call whose caller went away as an error; that is every watch that ends."""
    kind = record.exc_info[0] if record.exc_info else None
    return kind is None or kind.__name__ not in {"CancelledError", "ExecuteBatchError"}


def _end_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def end() -> None:
        if stop.is_set():
            os._exit(EXIT_INTERRUPTED)
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)


def _refuse(message: str, status: int = EXIT_NO_SERVER) -> int:
    print(f"trueline: {message}", file=sys.stderr)  # noqa: T201 the process ends with this
    return status


def main() -> int:
    """`python -m trueline_server.app`: a server with settings from the environment alone."""
    os.environ.setdefault("GRPC_VERBOSITY", "ERROR")
    try:
        settings = Settings.from_environment(os.environ)
    except SettingError as error:
        return _refuse(str(error), EXIT_REFUSED)
    return run(settings)


if __name__ == "__main__":
    raise SystemExit(main())
