"""The one place that knows concrete classes: opens the parts of a server in order, closes them in reverse."""

from trueline_server.bootstrap.backend import Backend, open_backend
from trueline_server.bootstrap.running import RunningServer, open_server

__all__ = ["Backend", "RunningServer", "open_backend", "open_server"]
