"""Writes rule documents as YAML in one form: no comments, keys in the order of their kind, texts of lines as blocks."""

from __future__ import annotations

from typing import Any

import yaml

from trueline_rules.documents import dump_document
from trueline_rules.kinds import KINDS

_WIDTH = 100


def write_document(kind: str, model: Any) -> str:
    """A document as the text of a rule file, which reads as the same document."""
    document = dump_document(kind, model)
    keys = KINDS[kind].spec.keys
    spec = document["spec"]
    # What may be left out mostly says nothing when it is empty.
    wanted = {
        key: spec[key]
        for key in keys
        if key in spec and (keys[key].required or keys[key].empty or spec[key] not in ({}, []))
    }
    document["spec"] = wanted | {key: value for key, value in spec.items() if key not in keys}
    written: str = yaml.dump(
        document, Dumper=_Dumper, allow_unicode=True, sort_keys=False, default_flow_style=False, width=_WIDTH
    )
    return written


class _Dumper(yaml.SafeDumper):
    """Repeats what stands at two places, because rule files have no aliases; indents lists below their key."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:  # noqa: ARG002
        super().increase_indent(flow, False)


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Where a block cannot hold the text as it is, the dumper quotes it by itself.
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)
