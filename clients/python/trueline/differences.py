"""What a change of rules means, by document, and its messages."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Value

from trueline.mapping import enum_names
from trueline.v1 import rule_service_pb2 as pb
from trueline.v1 import rule_set_pb2


class DocumentChangeKind(StrEnum):
    """What became of a document."""

    UNSPECIFIED = "unspecified"
    ADDED = "added"
    REMOVED = "removed"
    CHANGED = "changed"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """What a field said and says, as JSON has it; None = it was not, or is not there."""

    before: Any
    after: Any


@dataclass(frozen=True, slots=True)
class DocumentChange:
    """A document that came, went, or says something else; `fields` are those that do, by where they stand."""

    change: DocumentChangeKind
    kind: str
    name: str
    fields: Mapping[str, FieldChange]


@dataclass(frozen=True, slots=True)
class RulesDifference:
    """What differs between two rule sets, by kind and name; maybe fewer than `total_changes`."""

    before_revision: str
    after_revision: str
    changes: tuple[DocumentChange, ...]
    total_changes: int


_CHANGES = enum_names(DocumentChangeKind, rule_set_pb2.DocumentChangeKind)


def rules_difference(message: pb.DiffRulesResponse) -> RulesDifference:
    """What differs."""
    changes = (
        DocumentChange(
            _CHANGES.get(one.change, DocumentChangeKind.UNSPECIFIED),
            one.kind,
            one.name,
            {field.field: FieldChange(_plain(field.before), _plain(field.after)) for field in one.fields},
        )
        for one in message.changes
    )
    return RulesDifference(message.before_revision, message.after_revision, tuple(changes), message.total_changes)


def _plain(value: Value) -> Any:
    return _whole(MessageToDict(value))


def _whole(value: Any) -> Any:
    """A value in which whole numbers are such: the wire has doubles only."""
    if isinstance(value, dict):
        return {name: _whole(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_whole(one) for one in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
