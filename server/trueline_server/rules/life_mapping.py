"""Maps rule documents, stages, revisions and changes to protobuf."""

from __future__ import annotations

from collections.abc import Mapping

from trueline.v1 import rule_set_pb2
from trueline_rules.model import Metadata, RuleSet

from trueline_server.rules.in_force import ACTIVE, EVERYBODY, SHADOW, LoadFailure, RevisionInfo, RuleChange, Stage
from trueline_server.rules.mapping import map_place_to_proto, map_problems_to_proto
from trueline_server.transport.times import timestamp_of

STAGES: Mapping[str, rule_set_pb2.RuleStage.ValueType] = {
    ACTIVE: rule_set_pb2.RULE_STAGE_ACTIVE,
    SHADOW: rule_set_pb2.RULE_STAGE_SHADOW,
}
_LAYERS: Mapping[str, rule_set_pb2.RuleLayer.ValueType] = {
    "pack": rule_set_pb2.RULE_LAYER_PACK,
    "operator": rule_set_pb2.RULE_LAYER_OPERATOR,
    "tenant": rule_set_pb2.RULE_LAYER_TENANT,
}
_CHANGES: Mapping[str, rule_set_pb2.RuleChangeKind.ValueType] = {
    "activated": rule_set_pb2.RULE_CHANGE_KIND_ACTIVATED,
    "rolled_back": rule_set_pb2.RULE_CHANGE_KIND_ROLLED_BACK,
    "shadowed": rule_set_pb2.RULE_CHANGE_KIND_SHADOWED,
    "shadow_ended": rule_set_pb2.RULE_CHANGE_KIND_SHADOW_ENDED,
    "loaded": rule_set_pb2.RULE_CHANGE_KIND_LOADED,
    "load_failed": rule_set_pb2.RULE_CHANGE_KIND_LOAD_FAILED,
    "load_mended": rule_set_pb2.RULE_CHANGE_KIND_LOAD_MENDED,
}


def map_document_to_proto(kind: str, metadata: Metadata, rules: RuleSet) -> rule_set_pb2.RuleDocument:
    """Who and what a document is, and whose."""
    return rule_set_pb2.RuleDocument(
        kind=kind,
        name=metadata.name,
        description=metadata.description,
        owner=metadata.owner,
        labels=metadata.labels,
        place=map_place_to_proto(metadata.place),
        layer=_LAYERS[rules.origins[kind, metadata.name]],
    )


def map_stage_to_proto(name: str, stage: Stage, etag: str) -> rule_set_pb2.StagedRules:
    """What is in a stage."""
    return rule_set_pb2.StagedRules(
        stage=STAGES[name],
        revision=stage.rules.revision,
        etag=etag,
        since=timestamp_of(stage.since_us),
        author=stage.author,
        note=stage.note,
        pinned=stage.pinned,
    )


def map_revision_to_proto(info: RevisionInfo) -> rule_set_pb2.RuleRevision:
    """A rule set that is kept."""
    return rule_set_pb2.RuleRevision(
        revision=info.revision,
        created_at=timestamp_of(info.created_at_us),
        stages=[STAGES[stage] for stage in info.stages],
        author=info.author,
        note=info.note,
    )


def map_change_to_proto(change: RuleChange) -> rule_set_pb2.RuleChange:
    """Something that happened to rules."""
    return rule_set_pb2.RuleChange(
        number=change.number,
        kind=_CHANGES[change.kind],
        at=timestamp_of(change.at_us),
        revision=change.revision,
        former_revision=change.former,
        author=change.author,
        note=change.note,
        problems=map_problems_to_proto(change.problems),
        base_alone=change.tenant == EVERYBODY,
    )


def map_failure_to_proto(failure: LoadFailure) -> rule_set_pb2.LoadFailure:
    """Files that do not load."""
    return rule_set_pb2.LoadFailure(
        since=timestamp_of(failure.since_us), problems=map_problems_to_proto(failure.problems)
    )
