"""Maps backtests from protobuf and to it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from google.protobuf.duration_pb2 import Duration
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Value
from trueline.v1 import backtest_pb2, rule_set_pb2
from trueline.v1 import rule_service_pb2 as pb
from trueline_rules.backtesting.comparing import Change, DocumentChange, FiringChange
from trueline_rules.backtesting.replay import Firing, Replay

from trueline_server.backtests.model import Asked, Backtest, RuleSource
from trueline_server.rules.mapping import ANSWER_BYTES, ORIGINS, SEVERITIES
from trueline_server.transport.times import duration_of, instant_in, timestamp_if, timestamp_of

_CHANGES: Mapping[Change, backtest_pb2.FiringChangeKind.ValueType] = {
    Change.ADDED: backtest_pb2.FIRING_CHANGE_KIND_ADDED,
    Change.REMOVED: backtest_pb2.FIRING_CHANGE_KIND_REMOVED,
    Change.CHANGED: backtest_pb2.FIRING_CHANGE_KIND_CHANGED,
}

_DOCUMENTS: Mapping[Change, rule_set_pb2.DocumentChangeKind.ValueType] = {
    Change.ADDED: rule_set_pb2.DOCUMENT_CHANGE_KIND_ADDED,
    Change.REMOVED: rule_set_pb2.DOCUMENT_CHANGE_KIND_REMOVED,
    Change.CHANGED: rule_set_pb2.DOCUMENT_CHANGE_KIND_CHANGED,
}
_Sent = TypeVar("_Sent", backtest_pb2.Firing, backtest_pb2.FiringChange)


def map_asked_from_proto(request: pb.BacktestRulesRequest) -> Asked:
    """What is asked for.

    Raises:
        TruelineError: INVALID_FIELD, for a time that cannot be read.

    """
    return Asked(
        source=map_source_from_proto(request.source),
        baseline=map_source_from_proto(request.baseline) if request.HasField("baseline") else None,
        start_us=instant_in(request, "start_time"),
        end_us=instant_in(request, "end_time"),
        length_us=_microseconds(request.span) if request.HasField("span") else None,
        every_us=_microseconds(request.every) if request.HasField("every") else None,
        rule_names=tuple(request.rule_names),
    )


def map_asked_to_proto(asked: Asked) -> pb.BacktestRulesRequest:
    """What is asked for, to be kept."""
    return pb.BacktestRulesRequest(
        source=map_source_to_proto(asked.source),
        baseline=None if asked.baseline is None else map_source_to_proto(asked.baseline),
        start_time=timestamp_if(asked.start_us),
        end_time=timestamp_if(asked.end_us),
        span=None if asked.length_us is None else duration_of(asked.length_us),
        every=None if asked.every_us is None else duration_of(asked.every_us),
        rule_names=asked.rule_names,
    )


def map_backtest_to_proto(found: Backtest) -> backtest_pb2.BacktestRulesResult:
    """What a backtest came to; firings and changes that do not fit into an answer are left out, the last ones first."""
    result = backtest_pb2.BacktestRulesResult(
        start_time=timestamp_of(found.span.start_us),
        end_time=timestamp_of(found.span.end_us),
        every=duration_of(found.span.every_us),
        rule_revision=found.revision,
        baseline_revision=found.baseline_revision,
        rules=_map_replays(found.replays),
        baseline=_map_replays(found.baseline or {}),
        total_changes=len(found.changes),
        notes=[
            backtest_pb2.HistoryNote(origin=ORIGINS[one.kind], source=one.name, message=one.message)
            for one in found.notes
        ],
        watermark=timestamp_if(found.watermark_us),
    )
    room = ANSWER_BYTES - result.ByteSize()
    # What differs is what a comparison is asked for, so it comes first.
    changes = _fitting((_map_change(change) for change in found.changes), room)
    room -= _size(changes)
    result.changes.extend(changes)
    for side, replays in ((result.rules, found.replays), (result.baseline, found.baseline or {})):
        for rule in side:
            firings = _fitting((_map_firing(firing) for firing in replays[rule.rule].firings), room)
            room -= _size(firings)
            rule.firings.extend(firings)
    return result


def map_difference_to_proto(before: str, after: str, changes: Sequence[DocumentChange]) -> pb.DiffRulesResponse:
    """What differs between two revisions; as many documents as fit, the first whatever its size."""
    response = pb.DiffRulesResponse(before_revision=before, after_revision=after, total_changes=len(changes))
    room = ANSWER_BYTES
    for number, change in enumerate(changes):
        message = rule_set_pb2.DocumentChange(
            change=_DOCUMENTS[change.change],
            kind=change.kind,
            name=change.name,
            fields=[
                rule_set_pb2.FieldChange(field=field, before=_value(was), after=_value(now))
                for field, (was, now) in change.fields.items()
            ],
        )
        room -= message.ByteSize() + 8
        if room < 0 and number:
            break
        response.changes.append(message)
    return response


def _value(value: object) -> Value:
    """A value of a document, as JSON has it."""
    return ParseDict(json.loads(json.dumps(value, default=str)), Value())


def map_source_from_proto(source: rule_set_pb2.RuleSource) -> RuleSource:
    """Which rules are meant."""
    files = tuple((file.name, file.text) for file in source.files)
    return RuleSource(files, source.mapping, source.revision, source.on_base, source.base_alone)


def map_source_to_proto(source: RuleSource) -> rule_set_pb2.RuleSource:
    """Which rules are meant, to be kept."""
    files = [rule_set_pb2.RuleFile(name=name, text=text) for name, text in source.files]
    return rule_set_pb2.RuleSource(
        files=files,
        mapping=source.mapping,
        revision=source.revision,
        on_base=source.on_base,
        base_alone=source.base_alone,
    )


def _map_replays(replays: Mapping[str, Replay]) -> list[backtest_pb2.RuleBacktest]:
    return [
        backtest_pb2.RuleBacktest(
            rule=name,
            total_firings=len(one.firings),
            evaluations=one.evaluations,
            without_data=one.without_data,
            failed=one.failed,
            failure=one.failure,
        )
        for name, one in replays.items()
    ]


def _map_firing(firing: Firing) -> backtest_pb2.Firing:
    return backtest_pb2.Firing(
        rule=firing.rule,
        labels=dict(firing.labels),
        severity=SEVERITIES[firing.severity],
        since=timestamp_of(firing.since_us),
        until=timestamp_if(firing.until_us),
    )


def _map_change(change: FiringChange) -> backtest_pb2.FiringChange:
    return backtest_pb2.FiringChange(
        change=_CHANGES[change.change],
        before=None if change.before is None else _map_firing(change.before),
        after=None if change.after is None else _map_firing(change.after),
    )


def _fitting(messages: Iterable[_Sent], room: int) -> list[_Sent]:
    kept = []
    for message in messages:
        room -= message.ByteSize() + 8
        if room < 0:
            break
        kept.append(message)
    return kept


def _size(messages: Sequence[_Sent]) -> int:
    return sum(message.ByteSize() + 8 for message in messages)


def _microseconds(duration: Duration) -> int:
    return int(duration.seconds * 1_000_000 + duration.nanos // 1000)
