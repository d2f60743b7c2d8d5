"""Looks up the documents of a rule set by kind and name. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trueline_rules.model import Metadata, RuleSet
from trueline_rules.names import hint, nearest, quoted

from trueline_server.errors import TruelineError, invalid_field


def list_documents(rules: RuleSet, kind: str = "") -> Iterator[tuple[str, Metadata]]:
    """Kind and metadata of the documents of a kind, or of all ("").

    Raises:
        TruelineError: INVALID_FIELD, if there is no such kind.

    """
    if kind and kind not in rules.documents:
        raise _unknown_kind(kind, rules)
    for name in [kind] if kind else sorted(rules.documents):
        models: Any = rules.documents[name]
        yield from ((name, models[each].metadata) for each in sorted(models))


def find_document(rules: RuleSet, kind: str, name: str) -> Any:
    """The value of a document.

    Raises:
        TruelineError: INVALID_FIELD, if there is no such kind; UNKNOWN_RULE, if it has no document of this name.

    """
    if kind not in rules.documents:
        raise _unknown_kind(kind, rules)
    models = rules.documents[kind]
    if name not in models:
        told = f"no {kind} is called {quoted(name)}{hint(name, models)}"
        metadata = {"rule": name, "kind": kind, "nearest": nearest(name, models) or ""}
        raise TruelineError("NOT_FOUND", "UNKNOWN_RULE", told, metadata=metadata)
    return models[name]


def _unknown_kind(kind: str, rules: RuleSet) -> TruelineError:
    kinds = rules.documents
    return invalid_field("kind", f"is {quoted(kind)}, which is no kind of rule document{hint(kind, kinds)}")
