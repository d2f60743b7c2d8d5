"""Shape of secrets: where one stands, never the secret itself, which no message repeats either."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import yaml

from trueline_rules.records import Key, OneOf, Record
from trueline_rules.routing_model import Secret
from trueline_rules.scalars import Text
from trueline_rules.site import BAD, Path, Site


def _wrong_variable(name: str) -> str | None:
    letters = name.replace("_", "a")
    if letters.isascii() and letters.isalnum() and not letters[0].isdigit():
        return None
    # What stands here may be the secret itself.
    return "must be the name of an environment variable: letters, digits and '_'"


def _wrong_file(name: str) -> str | None:
    return None if name.startswith("/") else "must be an absolute path, such as /run/secrets/smtp"


_PLACE = Record(
    {
        "env": Key(Text("the name of an environment variable", most=256, check=_wrong_variable), "The variable."),
        "file": Key(Text("a path", most=1024, check=_wrong_file), "The file; a line break at its end does not count."),
    },
    rules=(OneOf(("env", "file")),),
)


@dataclass(frozen=True, slots=True)
class SecretPlace:
    """Where a secret stands; `key` is what it is called in messages."""

    key: str

    @property
    def noun(self) -> str:
        """Where it may stand."""
        return "the place of a secret"

    def take(self, node: yaml.Node, path: Path, site: Site) -> Any:
        """Answer a dict with env or file."""
        if isinstance(node, yaml.ScalarNode):
            told = "must not stand in a rule file, which many read and which is kept for ever"
            site.problem(path, f"{told}; write {self.key}: {{env: NAME}} or {self.key}: {{file: /path}}", at=node)
            return BAD
        return _PLACE.take(node, path, site)

    def schema(self) -> dict[str, Any]:
        """Describe it as JSON Schema."""
        return _PLACE.schema()


def read_secret(written: dict[str, str] | None) -> Secret | None:
    """Read what SecretPlace took; None if there is none."""
    return None if written is None else Secret(**written)


def write_secret(secret: Secret) -> dict[str, str]:
    """Write the place of a secret as it is read."""
    return {"env": secret.env} if secret.env else {"file": secret.file}
