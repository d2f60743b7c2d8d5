"""Translates the receivers of an Alertmanager configuration into NotificationChannel documents.

Here a channel has one secret at most, and a file says where it stands, never what it is: what stands there in plain
sight becomes the name of an environment variable.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml
from trueline_rules.documents import API_VERSION

_SECRET = re.compile(r"(api_url|app_token|\w+_key|bot_token|token|token_id|webhook_url|api_secret|\w+_arn)(_file)?")
# Keys that look like what a service needs to know whom to tell, and are not: who is on duty there, and where it is.
_NONE = {"victorops": ("routing_key",), "sns": ("api_url",)}


def translate(path: Path) -> str:
    """A channel for each receiver, and one for the defaults of each service."""
    config: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    documents = [
        {"apiVersion": API_VERSION, "kind": "NotificationChannel", "metadata": {"name": f"channel-{at}"}, "spec": spec}
        for at, spec in enumerate(_channels(config))
    ]
    return yaml.safe_dump_all(documents, sort_keys=False)


def _channels(config: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    defaults: Mapping[str, Any] = config.get("global") or {}
    for service in sorted({key.split("_")[0] for key in defaults}):
        inherited = _secrets(service, _of(service, defaults))
        if inherited and service != "smtp":
            yield _hook(inherited)
    for receiver in config.get("receivers", ()):
        for key, entries in receiver.items():
            for entry in entries if key.endswith("_configs") else ():
                service = key.removesuffix("_configs")
                if service == "email":
                    yield _mail(entry, _of("smtp", defaults))
                elif service != "webhook":
                    yield _hook(_secrets(service, entry) or _secrets(service, _of(service, defaults)))


def _of(service: str, defaults: Mapping[str, Any]) -> dict[str, Any]:
    return {key.removeprefix(f"{service}_"): value for key, value in defaults.items() if key.startswith(f"{service}_")}


def _secrets(service: str, spec: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Where each secret stands, by its name."""
    found: dict[str, dict[str, str]] = {}
    for key, value in spec.items():
        named = _SECRET.fullmatch(key)
        if named is not None and key not in _NONE.get(service, ()):
            place = {"file": str(value)} if named[2] else {"env": named[1].upper()}
            found.setdefault(named[1], {}).update(place)
    return found


def _hook(secrets: Mapping[str, dict[str, str]]) -> dict[str, Any]:
    # Of several secrets, such as a token and its id, one that stands in two places shows the mistake.
    chosen = max(secrets.values(), key=len, default=None)
    return {"type": "slack"} if chosen is None else {"type": "slack", "url": chosen}


def _mail(entry: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    given = {"server": defaults.get("smarthost"), "from": defaults.get("from"), "to": [entry["to"]]}
    return {"type": "mail", **{key: value for key, value in given.items() if value}}
