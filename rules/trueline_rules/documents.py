"""Documents of rule files: the envelope around every kind, from text to values and back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

from trueline_rules.errors import Problems
from trueline_rules.foreign import name_foreign
from trueline_rules.kinds import KINDS, Kind
from trueline_rules.kinds.fields import DOCUMENT_NAME
from trueline_rules.model import EventMapping, Metadata, Place
from trueline_rules.names import quoted
from trueline_rules.records import Key, Record, map_of
from trueline_rules.scalars import Choice, Text
from trueline_rules.site import BAD, TEXT, Path, Site
from trueline_rules.syntax import compose, place_of

API_VERSION = "trueline/v1"

_LABEL = Text(
    "a label's name of lowercase letters, digits and '_', '.', '/', '-'", "[a-z0-9][a-z0-9_./-]{0,62}", most=63
)
METADATA = Record(
    {
        "name": Key(DOCUMENT_NAME, "Name of the document, unique within its kind.", required=True),
        "description": Key(Text("a text", lines=True, most=4096), "What it means, for people."),
        "owner": Key(Text("a text", most=256), "Who answers for it."),
        "labels": Key(
            map_of(_LABEL, Text("a text", most=256), least=0, most=64, about="A label of the document."),
            "Labels, text to text.",
        ),
        "runbook": Key(Text("a text", most=2048), "Where it says what to do."),
    }
)


class _Anything:
    """Takes any value: the spec of a kind that is not known."""

    noun = "anything"

    def take(self, node: yaml.Node, path: Path, site: Site) -> Any:  # noqa: ARG002
        return None

    def schema(self) -> dict[str, Any]:
        return {}


@dataclass(frozen=True, slots=True)
class Document:
    """One document of a rule file.

    Attributes:
        kind: name of its kind; "" if it tells none that is known.
        name: its name; "" if it tells none.
        model: its value (model.py); None if something is wrong with it.
        site: where its parts stand.

    """

    kind: str
    name: str
    model: Any
    site: Site


def envelope(kind: Kind | None) -> Record:
    """Shape of a whole document of a kind, or of one whose kind is unknown."""
    names = (kind.name,) if kind is not None else tuple(KINDS)
    return Record(
        {
            "apiVersion": Key(Choice((API_VERSION,)), "Version of the format of rule files.", required=True),
            "kind": Key(Choice(names), "What the document describes; its spec depends on it.", required=True),
            "metadata": Key(METADATA, "Who and what the document is.", required=True),
            "spec": Key(kind.spec if kind is not None else _Anything(), "What it says.", required=True),
        }
    )


def read_documents(text: str, file: str, problems: Problems) -> tuple[list[Document], bool]:
    """Read the documents of a text; each problem is noted.

    Returns the documents, broken ones too, and whether all of the text could be read as YAML.
    """
    problems.start(file)
    nodes, complete = compose(text.removeprefix("\ufeff"), file, problems)
    return [_read_document(node, file, problems) for node in nodes], complete


def refuse_duplicates(documents: Iterable[Document], problems: Problems) -> None:
    """Note each document whose kind and name another one before it has."""
    first: dict[tuple[str, str], Document] = {}
    for document in documents:
        if not (document.kind and document.name):
            continue
        other = first.setdefault((document.kind, document.name), document)
        if other is not document:
            place = other.site.place(("metadata", "name"))
            told = (
                f"is {quoted(document.name)}, which the {document.kind} at {place.file}:{place.line} is called already"
            )
            document.site.moved(problems).problem(("metadata", "name"), f"{told}; rename one of them, or take it out")


def parse_rules(text: str, file: str) -> tuple[Document, ...]:
    """Read a text of rule documents, each checked by itself; references between documents are load_rules' matter.

    Raises:
        RuleFileError: with all that is wrong.

    """
    problems = Problems()
    documents, _ = read_documents(text, file, problems)
    refuse_duplicates(documents, problems)
    problems.raise_if_any()
    return tuple(documents)


def parse_mapping(text: str, file: str) -> EventMapping:
    """Read a text that holds one EventMapping and nothing else.

    Raises:
        RuleFileError: with all that is wrong.

    """
    problems = Problems()
    documents, complete = read_documents(text, file, problems)
    others = [document for document in documents if document.kind not in {"", "EventMapping"}]
    for other in others:
        other.site.moved(problems).problem(("kind",), f"is {quoted(other.kind)}; only an EventMapping is read here")
    for further in documents[1:] if not others else ():
        further.site.moved(problems).problem((), "is one too many; only one EventMapping is read here")
    if complete and not documents:
        problems.add(Place(file, 0, 0), "holds no EventMapping")
    problems.raise_if_any()
    mapping = documents[0].model
    assert isinstance(mapping, EventMapping)
    return mapping


def dump_document(kind: str, model: Any) -> dict[str, Any]:
    """Write a value as the document that it came from, in plain values that YAML and JSON can hold."""
    metadata: Metadata = model.metadata
    about = {
        "name": metadata.name,
        "description": metadata.description,
        "owner": metadata.owner,
        "labels": dict(metadata.labels),
        "runbook": metadata.runbook,
    }
    return {
        "apiVersion": API_VERSION,
        "kind": kind,
        "metadata": {key: value for key, value in about.items() if value},
        "spec": KINDS[kind].dump(model),
    }


def _read_document(node: yaml.Node, file: str, problems: Problems) -> Document:
    site = Site(file, problems, place_of(file, node.start_mark))
    foreign = name_foreign(node)
    if foreign is not None:
        at, told = foreign
        site.problem((), f"is none of Trueline's: {told}", at=at)
        return Document("", "", None, site)
    kind = KINDS.get(_peek(node, "kind"))
    read = site.read(envelope(kind), node, ())
    if read is BAD:
        return Document("", "", None, site)
    metadata = read.get("metadata", {})
    name = metadata.get("name", "")
    model = None
    if kind is not None and site.sound:
        metadata = Metadata(**metadata, place=site.place(("metadata", "name")))
        built = kind.build(metadata, read["spec"], site)
        model = built if site.sound else None
    return Document(kind.name if kind is not None else "", name, model, site)


def _peek(node: yaml.Node, wanted: str) -> str:
    """Answer the text of a key of a map before the map is read."""
    for key, value in node.value if isinstance(node, yaml.MappingNode) else ():
        if key.tag == value.tag == TEXT and key.value == wanted:
            return str(value.value)
    return ""
