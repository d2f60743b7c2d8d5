"""JSON Schemas of the kinds, for editors: made of the same shapes that the loader reads by."""

from __future__ import annotations

from typing import Any

from trueline_rules.documents import API_VERSION, envelope
from trueline_rules.kinds import KINDS
from trueline_rules.names import hint, quoted

# Editors know this draft best, and no shape needs a later one.
DRAFT = "http://json-schema.org/draft-07/schema#"


def schema_for_all() -> dict[str, Any]:
    """Answer the JSON Schema of a document of any kind, for files with several: what its spec says depends on its kind.

    It accepts what the schema of the document's own kind does.
    """
    schema = envelope(None).schema()
    schema["properties"]["kind"] |= {"enumDescriptions": [kind.about for kind in KINDS.values()]}
    by_kind = [
        {
            "if": {"properties": {"kind": {"const": name}}, "required": ["kind"]},
            "then": {"properties": {"spec": {**kind.spec.schema(), "description": kind.about}}},
        }
        for name, kind in KINDS.items()
    ]
    return {
        "$schema": DRAFT,
        "title": f"{API_VERSION} rule file",
        "description": "A document of a rule file.",
        **schema,
        "allOf": by_kind,
    }


def schema_for(kind: str) -> dict[str, Any]:
    """Answer the JSON Schema of one document of a kind.

    It accepts every document that loads. What only the loader sees: duplicate keys, references between documents, what
    one number or text must be because of another, and what a date pattern or a statement means.

    Raises:
        KeyError: there is no such kind; the message names the nearest one.

    """
    found = KINDS.get(kind)
    if found is None:
        raise KeyError(f"no kind {quoted(kind)}{hint(kind, KINDS)}")
    return {
        "$schema": DRAFT,
        "title": f"{API_VERSION} {kind}",
        "description": found.about,
        **envelope(found).schema(),
    }
