"""Maps rule documents, stages, revisions and changes to protobuf."""

from __future__ import annotations

from collections.abc import Mapping

from trueline.v1 import rule_service_pb2 as pb
from trueline_rules.model import Metadata, RuleSet

from trueline_server.rules.in_force import ACTIVE, EVERYBODY, SHADOW, LoadFailure, RevisionInfo, RuleChange, Stage
from trueline_server.rules.mapping import map_place_to_proto, map_problems_to_proto
from trueline_server.transport.times import timestamp_of

STAGES: Mapping[str, pb.RuleStage.ValueType] = {ACTIVE: pb.RULE_STAGE_ACTIVE, SHADOW: pb.RULE_STAGE_SHADOW}
_LAYERS: Mapping[str, pb.RuleLayer.ValueType] = {
    "pack": pb.RULE_LAYER_PACK,
    "operator": pb.RULE_LAYER_OPERATOR,
    "tenant": pb.RULE_LAYER_TENANT,
}
_CHANGES: Mapping[str, pb.RuleChangeKind.ValueType] = {
    "activated": pb.RULE_CHANGE_KIND_ACTIVATED,
    "rolled_back": pb.RULE_CHANGE_KIND_ROLLED_BACK,
    "shadowed": pb.RULE_CHANGE_KIND_SHADOWED,
    "shadow_ended": pb.RULE_CHANGE_KIND_SHADOW_ENDED,
    "loaded": pb.RULE_CHANGE_KIND_LOADED,
    "load_failed": pb.RULE_CHANGE_KIND_LOAD_FAILED,
    "load_mended": pb.RULE_CHANGE_KIND_LOAD_MENDED,
}


def map_document_to_proto(kind: str, metadata: Metadata, rules: RuleSet) -> pb.RuleDocument:
    """Who and what a document is, and whose."""
    return pb.RuleDocument(
        kind=kind,
        name=metadata.name,
        description=metadata.description,
        owner=metadata.owner,
        labels=metadata.labels,
        place=map_place_to_proto(metadata.place),
        layer=_LAYERS[rules.origins[kind, metadata.name]],
    )


def map_stage_to_proto(name: str, stage: Stage, etag: str) -> pb.StagedRules:
    """What is in a stage."""
    return pb.StagedRules(
        stage=STAGES[name],
        revision=stage.rules.revision,
        etag=etag,
        since=timestamp_of(stage.since_us),
        author=stage.author,
        note=stage.note,
        pinned=stage.pinned,
    )


def map_revision_to_proto(info: RevisionInfo) -> pb.RuleRevision:
    """A rule set that is kept."""
    return pb.RuleRevision(
        revision=info.revision,
        created_at=timestamp_of(info.created_at_us),
        stages=[STAGES[stage] for stage in info.stages],
        author=info.author,
        note=info.note,
    )


def map_change_to_proto(change: RuleChange) -> pb.RuleChange:
    """Something that happened to rules."""
    return pb.RuleChange(
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


def map_failure_to_proto(failure: LoadFailure) -> pb.LoadFailure:
    """Files that do not load."""
    return pb.LoadFailure(since=timestamp_of(failure.since_us), problems=map_problems_to_proto(failure.problems))
