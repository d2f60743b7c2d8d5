"""Lists what the default pack marks as assumed, as a page of the docs: python -m trueline_rules.assumptions FILE."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

PACKS = Path(__file__).parent / "packs"
ASSUMED = "assumed"
_END = "...\n"
_HEAD = """\
# Assumptions

The numbers of the default pack that nobody stated or measured. Each is marked `basis: assumed` where it stands, and is
there to be replaced: copy the document into a file of your own and put your number in; it then wins over the pack's.
Which documents are in force, and whose they are, is told by `trueline rules list`.
"""
# What only people read.
_WORDS = frozenset(
    {"basis", ASSUMED, "description", "text", "title", "action", "intervention", "name", "note", "summary"}
)


@dataclass(frozen=True, slots=True)
class Assumption:
    """Something that a document assumes.

    Attributes:
        kind: of the document.
        document: its name.
        path: where it stands in the document, as "spec.dimensions.workload.inputs.complexity".
        values: what is assumed, as the file has it.

    """

    kind: str
    document: str
    path: str
    values: str


def read_assumptions(folder: Path = PACKS) -> list[Assumption]:
    """All that is marked in the rule files of a folder, by file and place."""
    found: list[Assumption] = []
    for file in sorted(folder.glob("*.yaml")):
        for document in yaml.safe_load_all(file.read_text(encoding="utf-8")):
            kind, name = document["kind"], document["metadata"]["name"]
            found += [Assumption(kind, name, path, values) for path, values in _marked(document, "")]
    return found


def read_remarks(folder: Path = PACKS) -> list[tuple[str, str]]:
    """What comments of a folder's rule files tell of assumptions: file and sentence."""
    found: list[tuple[str, str]] = []
    for file in sorted(folder.glob("*.yaml")):
        for block in re.findall(r"(?:^ *#.*\n)+", file.read_text(encoding="utf-8"), re.MULTILINE):
            text = " ".join(line.strip().removeprefix("#").strip() for line in block.splitlines())
            found += [(file.name, said) for said in re.split(r"(?<=[.;]) ", text) if "assum" in said]
    return found


def page(found: list[Assumption], remarks: list[tuple[str, str]]) -> str:
    """The page of the docs."""
    lines = [_HEAD]
    documents = dict.fromkeys((one.kind, one.document) for one in found)
    for kind, document in documents:
        lines += [f"## {kind} {document}", "", "| where | assumed |", "| --- | --- |"]
        for one in found:
            if (one.kind, one.document) == (kind, document):
                lines.append(f"| {one.path} | {_cell(one.values)} |")
        lines.append("")
    lines += ["## What files say in comments", "", *(f"- {file}: {text}" for file, text in remarks), ""]
    return "\n".join(lines)


def _marked(node: Any, path: str) -> Iterator[tuple[str, str]]:
    """Paths and values of a part of a document."""
    if isinstance(node, list):
        for number, item in enumerate(node):
            yield from _marked(item, f"{path}[{_called(item) or number}]")
        return
    if not isinstance(node, Mapping):
        return
    if path.endswith("metadata.labels") and node.get("basis") == ASSUMED:
        yield "all of it", "every number"
    elif node.get("basis") == ASSUMED:
        yield path or "all of it", _values(node)
    listed = node.get(ASSUMED)
    if isinstance(listed, list):
        yield path, _flow({name: node.get(name, "as the server has it") for name in listed})
    for key, value in node.items():
        yield from _marked(value, f"{path}.{key}" if path else str(key))


def _called(item: Any) -> str:
    """What an item of a list is called: by its name, or by whose cell it is and what is measured."""
    if not isinstance(item, Mapping):
        return ""
    parts = [item[key] for key in ("name", "persona", "function", "journey", "measure") if key in item]
    return " ".join(", ".join(part) if isinstance(part, list) else str(part) for part in parts)


def _values(node: Mapping[str, Any]) -> str:
    """What stands beside the mark, without the parts that have marks of their own."""
    plain = {key: value for key, value in node.items() if key not in _WORDS and not _has_mark(value)}
    return _flow({key: value for key, value in plain.items() if key == "when" or _has_number(value)}) or "its choice"


def _has_mark(value: Any) -> bool:
    return next(_marked(value, ""), None) is not None


def _has_number(value: Any) -> bool:
    if isinstance(value, Mapping):
        return any(map(_has_number, value.values()))
    if isinstance(value, list):
        return any(map(_has_number, value))
    spans = isinstance(value, str) and value[:1].isdigit()
    return spans or (isinstance(value, int | float) and not isinstance(value, bool))


def _flow(values: Mapping[str, Any]) -> str:
    """Values as YAML on one line."""
    shown = {
        key: yaml.safe_dump(value, default_flow_style=True, sort_keys=False, width=10_000)
        for key, value in values.items()
    }
    # A single value is written with the end of its document.
    return "; ".join(f"{key}: {text.removesuffix(_END).strip()}" for key, text in shown.items())


def _cell(text: str) -> str:
    return "`" + text.replace("|", "\\|") + "`"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(page(read_assumptions(), read_remarks()), encoding="utf-8")
