"""Rule sets of a tenant: their documents, the stages they are in, and what happened to them; and their messages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from trueline import rule_mapping
from trueline.mapping import enum_names, instant
from trueline.results import Heartbeat, Synced
from trueline.rule_results import RulePlace, RuleProblem
from trueline.v1 import rule_service_pb2 as pb
from trueline.v1 import rule_set_pb2


class RuleStage(StrEnum):
    """What a rule set does: ACTIVE is in force; SHADOW is evaluated beside it, with no effect."""

    UNSPECIFIED = "unspecified"
    ACTIVE = "active"
    SHADOW = "shadow"


class RuleLayer(StrEnum):
    """Whose file a document stands in; a document overrides those of its kind and name in the layers before."""

    UNSPECIFIED = "unspecified"
    PACK = "pack"
    OPERATOR = "operator"
    TENANT = "tenant"


class RuleChangeKind(StrEnum):
    """What happened to the rules of a tenant; LOADED and the LOAD_ ones are about files of the server's operator."""

    UNSPECIFIED = "unspecified"
    ACTIVATED = "activated"
    ROLLED_BACK = "rolled_back"
    SHADOWED = "shadowed"
    SHADOW_ENDED = "shadow_ended"
    LOADED = "loaded"
    LOAD_FAILED = "load_failed"
    LOAD_MENDED = "load_mended"


@dataclass(frozen=True, slots=True)
class RuleDocument:
    """A document of a rule set: an alert rule, a KPI, a metric, …"""

    kind: str
    name: str
    description: str
    owner: str
    labels: Mapping[str, str]
    place: RulePlace
    layer: RuleLayer


@dataclass(frozen=True, slots=True)
class RuleDocuments:
    """The documents of a rule set, by kind and name, and its revision."""

    documents: tuple[RuleDocument, ...]
    rule_revision: str


@dataclass(frozen=True, slots=True)
class RuleText:
    """What a document says, as YAML that may stand in a rule file."""

    document: RuleDocument
    yaml: str
    rule_revision: str


@dataclass(frozen=True, slots=True)
class StagedRules:
    """The rule set in a stage.

    Attributes:
        etag: give it back to change the stage only if nobody else did.
        since: when the stage became what it is.
        author: who did it; "" if nobody said.
        note: why.
        pinned: changes of the operator's files do not reach it by themselves, as after a rollback.

    """

    stage: RuleStage
    revision: str
    etag: str
    since: datetime | None
    author: str
    note: str
    pinned: bool


@dataclass(frozen=True, slots=True)
class Activation:
    """What activating, rolling back or ending a shadow did.

    Attributes:
        stage: as it is now; None if nothing is in it.
        revision: of the rules given; "" if they do not load, and where a shadow ended.
        former_revision: that was there before; "" if none was.
        problems: what keeps the rules from loading, with validate_only.

    """

    stage: StagedRules | None
    revision: str
    former_revision: str
    problems: tuple[RuleProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class RuleRevision:
    """A rule set that is kept: since when, the stages it is in, and who put it there first, and why."""

    revision: str
    created_at: datetime | None
    stages: tuple[RuleStage, ...]
    author: str
    note: str


@dataclass(frozen=True, slots=True)
class LoadFailure:
    """Rule files that do not load; the last good ones are in force."""

    since: datetime | None
    problems: tuple[RuleProblem, ...]


@dataclass(frozen=True, slots=True)
class RuleRevisions:
    """The rule sets that are kept, the newest first, and what is in force; `shadow`, `failure` None = there is none."""

    revisions: tuple[RuleRevision, ...]
    active: StagedRules | None
    shadow: StagedRules | None
    failure: LoadFailure | None


@dataclass(frozen=True, slots=True)
class RuleRevisionContent:
    """What a rule set consists of: documents counted by kind, and the tenant's own files by name, in their order."""

    revision: RuleRevision
    documents: Mapping[str, int]
    files: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class RulesSnapshot:
    """What is in force when a watch starts; `shadow` and `failure` None = there is none."""

    active: StagedRules | None
    shadow: StagedRules | None
    failure: LoadFailure | None
    resume_token: str


@dataclass(frozen=True, slots=True)
class RuleChange:
    """Something that happened to the rules; `number` rises, and may skip.

    Attributes:
        revision: the rule set that it brought; "" if none.
        former_revision: that stood there before; "" if none did.
        problems: what keeps files from loading, with LOAD_FAILED.
        base_alone: it happened to the base, which is in force for everybody without rules of their own.

    """

    number: int
    kind: RuleChangeKind
    at: datetime | None
    revision: str
    former_revision: str
    author: str
    note: str
    problems: tuple[RuleProblem, ...]
    base_alone: bool


@dataclass(frozen=True, slots=True)
class RulesChanged:
    """Something happened while the rules are watched."""

    change: RuleChange
    resume_token: str


RulesMessage: TypeAlias = RulesSnapshot | Synced | RulesChanged | Heartbeat

_STAGES = enum_names(RuleStage, rule_set_pb2.RuleStage)
_LAYERS = enum_names(RuleLayer, rule_set_pb2.RuleLayer)
_CHANGES = enum_names(RuleChangeKind, rule_set_pb2.RuleChangeKind)


def stage_to_proto(stage: RuleStage) -> rule_set_pb2.RuleStage.ValueType:
    """The stage of a request."""
    return rule_set_pb2.RuleStage.Value(f"RULE_STAGE_{RuleStage(stage).upper()}")


def rule_documents(pages: Sequence[pb.ListRulesResponse]) -> RuleDocuments:
    """The documents of all pages, with the revision of the last one."""
    return RuleDocuments(tuple(_document(one) for page in pages for one in page.documents), pages[-1].rule_revision)


def rule_text(message: pb.GetRuleResponse) -> RuleText:
    """A document and what it says."""
    return RuleText(_document(message.document), message.yaml, message.rule_revision)


def activation(message: pb.ActivateRulesResponse) -> Activation:
    """What was activated."""
    problems = rule_mapping.problems(message.problems)
    return Activation(staged(message, "stage"), message.revision, message.former_revision, problems)


def rollback(message: pb.RollbackRulesResponse) -> Activation:
    """What a rollback led to."""
    return Activation(staged(message, "stage"), message.stage.revision, message.former_revision)


def shadow_end(message: pb.EndShadowResponse) -> Activation:
    """What ended."""
    return Activation(None, "", message.former_revision)


def rule_revisions(pages: Sequence[pb.ListRevisionsResponse]) -> RuleRevisions:
    """The rule sets of all pages, with what the last one says is in force."""
    found = tuple(_revision(one) for page in pages for one in page.revisions)
    return RuleRevisions(found, staged(pages[-1], "active"), staged(pages[-1], "shadow"), _failure(pages[-1]))


def rule_revision_content(message: pb.GetRevisionResponse) -> RuleRevisionContent:
    """What a rule set consists of."""
    files = {file.name: file.text for file in message.files}
    return RuleRevisionContent(_revision(message.revision), dict(sorted(message.documents.items())), files)


def rules_message(kind: str, message: Any, token: str) -> RulesMessage | None:
    """A message of a watch; None for what all watches share."""
    if kind == "change":
        return RulesChanged(_change(message.change), token)
    if kind != "snapshot":
        return None
    state = message.snapshot
    return RulesSnapshot(staged(state, "active"), staged(state, "shadow"), _failure(state), token)


def staged(message: Any, name: str) -> StagedRules | None:
    """The stage in the field `name`; None if it is not set."""
    if not message.HasField(name):
        return None
    one: rule_set_pb2.StagedRules = getattr(message, name)
    stage = _STAGES.get(one.stage, RuleStage.UNSPECIFIED)
    return StagedRules(stage, one.revision, one.etag, instant(one, "since"), one.author, one.note, one.pinned)


def _failure(message: Any) -> LoadFailure | None:
    if not message.HasField("failure"):
        return None
    return LoadFailure(instant(message.failure, "since"), rule_mapping.problems(message.failure.problems))


def _document(message: rule_set_pb2.RuleDocument) -> RuleDocument:
    return RuleDocument(
        kind=message.kind,
        name=message.name,
        description=message.description,
        owner=message.owner,
        labels=dict(sorted(message.labels.items())),
        place=rule_mapping.place(message.place),
        layer=_LAYERS.get(message.layer, RuleLayer.UNSPECIFIED),
    )


def _revision(message: rule_set_pb2.RuleRevision) -> RuleRevision:
    stages = tuple(_STAGES.get(stage, RuleStage.UNSPECIFIED) for stage in message.stages)
    return RuleRevision(message.revision, instant(message, "created_at"), stages, message.author, message.note)


def _change(message: rule_set_pb2.RuleChange) -> RuleChange:
    return RuleChange(
        number=message.number,
        kind=_CHANGES.get(message.kind, RuleChangeKind.UNSPECIFIED),
        at=instant(message, "at"),
        revision=message.revision,
        former_revision=message.former_revision,
        author=message.author,
        note=message.note,
        problems=rule_mapping.problems(message.problems),
        base_alone=message.base_alone,
    )
