"""Reads the secrets that channels name, when a message goes: so a new one holds at once, and none is kept.

Rules may be written by others than whoever runs the server. So a channel reaches only variables whose names begin with
a prefix, and only files in one directory: otherwise a "password" could be the server's own tokens, sent to anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from trueline_rules.routing_model import Secret

from trueline_server.notifications.failures import DeliveryError
from trueline_server.notifications.model import Outcome
from trueline_server.settings import SECRETS

_MOST_BYTES = 64 * 1024


class SecretReader:
    """Looks secrets up.

    Args:
        environment: the variables, looked at anew each time.
        directory: in which files that may be read lie.
        prefix: with which the names of variables that may be read begin; "" = all may.

    """

    def __init__(self, environment: Mapping[str, str], directory: Path, prefix: str = SECRETS) -> None:
        self._environment = environment
        self._prefix = prefix
        self._directory = directory

    def read(self, secret: Secret) -> str:
        """A secret.

        Raises:
            DeliveryError: it is not there, or may not be read. FAILED: whoever runs the server can set it.

        """
        found = self._variable(secret.env) if secret.env else self._file(secret.file)
        if not found:
            where = f"environment variable {secret.env}" if secret.env else f"file {secret.file}"
            raise DeliveryError(Outcome.FAILED, f"the {where} is empty or not there; put the channel's secret in it")
        return found

    def _variable(self, name: str) -> str:
        if not name.startswith(self._prefix):
            # What stands there may be the secret itself, so it is not repeated.
            told = f"the environment variable may not be read by channels; name one that begins with {self._prefix}"
            raise DeliveryError(Outcome.FAILED, told)
        return self._environment.get(name, "").strip()

    def _file(self, name: str) -> str:
        # Joining leaves an absolute name as it is.
        path = (self._directory / name).resolve()
        if not path.is_relative_to(self._directory.resolve()):
            told = f"the file may not be read by channels; put it in {self._directory}"
            raise DeliveryError(Outcome.FAILED, told)
        try:
            with path.open("rb") as opened:
                return opened.read(_MOST_BYTES).decode().strip()
        except (OSError, ValueError):
            return ""
