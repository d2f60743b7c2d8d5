"""Translates the routing part of an Alertmanager configuration into Route and NotificationChannel documents."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml
from trueline_rules.documents import API_VERSION

_SAME = ("group_by", "group_wait", "group_interval", "repeat_interval", "continue")


class UntranslatableError(Exception):
    """A configuration that says nothing which could be written as a document."""


def translate(path: Path) -> str:
    """The documents of a configuration: channels of type log with the receivers' names, and one root.

    Raises:
        UntranslatableError: a matcher has no value.

    """
    config: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    documents = [_document("Route", "default", _route(config["route"]))]
    names = [name_of(receiver["name"]) for receiver in config.get("receivers", ())]
    documents += [_document("NotificationChannel", name, {"type": "log"}) for name in names]
    for at, rule in enumerate(config.get("inhibit_rules", ())):
        documents.append(_document("Inhibition", f"inhibition-{at}", _inhibition(rule)))
        # Alertmanager cannot know which labels there are; a rule that gives them stands for Prometheus.
        documents.append(_document("AlertRule", f"gives-labels-{at}", _alert(rule.get("equal", ()))))
    return yaml.safe_dump_all(documents, sort_keys=False)


def name_of(receiver: str) -> str:
    """The channel of a receiver: names here are in lower case."""
    return receiver.lower()


def _document(kind: str, name: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}, "spec": spec}


def _route(route: dict[str, Any], *, root: bool = True) -> dict[str, Any]:
    spec: dict[str, Any] = {key: route[key] for key in _SAME if key in route}
    matchers = _matchers(route, "match", "match_re", "matchers")
    if not root:
        # Without a matcher everything goes this way.
        spec["matchers"] = matchers or ['rule=~".*"']
    if "receiver" in route:
        spec["channels"] = [name_of(route["receiver"])]
    if route.get("routes"):
        spec["routes"] = [_route(inner, root=False) for inner in route["routes"]]
    return spec


def _alert(labels: Iterable[str]) -> dict[str, Any]:
    return {"facts": {"a": {"kpi": "churn_rate"}}, "warning": "a > 1", "labels": dict.fromkeys(labels, "x")}


def _inhibition(rule: dict[str, Any]) -> dict[str, Any]:
    return {
        "sources": _matchers(rule, "source_match", "source_match_re", "source_matchers"),
        "targets": _matchers(rule, "target_match", "target_match_re", "target_matchers"),
        "equal": rule.get("equal", []),
    }


def _matchers(spec: dict[str, Any], equal: str, regex: str, written: str) -> list[str]:
    found = list(spec.get(written, ()))
    for key, sign in ((equal, "="), (regex, "=~")):
        for name, value in spec.get(key, {}).items():
            if value is None:
                raise UntranslatableError(f"{key} has no value for {name}")
            found.append(f"{name}{sign}{json.dumps(str(value), ensure_ascii=False)}")
    return found
