"""Maps simulations to protobuf, and requests from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from trueline.v1 import backtest_pb2, simulation_pb2
from trueline.v1 import rule_service_pb2 as pb

from trueline_server.backtests.mapping import map_source_from_proto, map_source_to_proto
from trueline_server.backtests.model import Asked
from trueline_server.rules.mapping import ANSWER_BYTES, ORIGINS
from trueline_server.simulation.model import Entry, EntryKind, Simulation, Summary
from trueline_server.transport.times import duration_of, instant_in, timestamp_if, timestamp_of

_KINDS: Mapping[EntryKind, simulation_pb2.TimelineEntryKind.ValueType] = {
    kind: simulation_pb2.TimelineEntryKind.Value(f"TIMELINE_ENTRY_KIND_{kind.name}") for kind in EntryKind
}


def map_asked_from_proto(request: pb.SimulateRulesRequest) -> Asked:
    """What is asked for.

    Raises:
        TruelineError: INVALID_FIELD, for a time that cannot be read.

    """
    return Asked(
        source=map_source_from_proto(request.source),
        start_us=instant_in(request, "start_time"),
        end_us=instant_in(request, "end_time"),
        length_us=request.span.ToMicroseconds() if request.HasField("span") else None,
        every_us=request.every.ToMicroseconds() if request.HasField("every") else None,
        rule_names=tuple(request.rule_names),
    )


def map_asked_to_proto(asked: Asked) -> pb.SimulateRulesRequest:
    """What is asked for, to be kept."""
    return pb.SimulateRulesRequest(
        source=map_source_to_proto(asked.source),
        start_time=timestamp_if(asked.start_us),
        end_time=timestamp_if(asked.end_us),
        span=None if asked.length_us is None else duration_of(asked.length_us),
        every=None if asked.every_us is None else duration_of(asked.every_us),
        rule_names=asked.rule_names,
    )


def map_simulation_to_proto(
    found: Simulation, most_bytes: int | None = ANSWER_BYTES
) -> simulation_pb2.SimulateRulesResult:
    """What a simulation came to; entries that do not fit into an answer are left out, the last ones first.

    Args:
        found: what it came to.
        most_bytes: of the answer; None = all of it.

    """
    result = simulation_pb2.SimulateRulesResult(
        start_time=timestamp_of(found.start_us),
        last_time=timestamp_of(found.last_us),
        end_time=timestamp_of(found.end_us),
        every=duration_of(found.every_us),
        rule_revision=found.revision,
        rules=found.rules,
        evaluations=found.evaluations,
        total_entries=len(found.entries),
        summary=_map_summary(found.summary),
        notes=[
            backtest_pb2.HistoryNote(origin=ORIGINS[one.kind], source=one.name, message=one.message)
            for one in found.notes
        ],
        watermark=timestamp_if(found.watermark_us),
    )
    room = None if most_bytes is None else most_bytes - result.ByteSize()
    result.entries.extend(_fitting(found.entries, room))
    return result


def _fitting(entries: Iterable[Entry], room: int | None) -> list[simulation_pb2.TimelineEntry]:
    kept = []
    for entry in entries:
        message = _map_entry(entry)
        if room is not None:
            room -= message.ByteSize() + 8
            if room < 0:
                break
        kept.append(message)
    return kept


def _map_entry(entry: Entry) -> simulation_pb2.TimelineEntry:
    return simulation_pb2.TimelineEntry(
        at=timestamp_of(entry.at_us),
        kind=_KINDS[entry.kind],
        subject=entry.subject,
        text=entry.text,
        rule=entry.rule,
        labels=dict(entry.labels),
        severity=entry.severity,
        alerts=entry.alerts,
        alerts_total=entry.alerts_total,
        channels=entry.channels,
        people=entry.people,
        reason=entry.reason,
        route=entry.route,
        policy=entry.policy,
        level=entry.level,
        attempt=entry.attempt,
        deadline=entry.deadline,
        parts=entry.parts,
        waited=duration_of(entry.waited_us) if entry.waited_us else None,
    )


def _map_summary(summary: Summary) -> simulation_pb2.SimulationSummary:
    return simulation_pb2.SimulationSummary(
        opened=summary.opened,
        resolved=summary.resolved,
        open=summary.open,
        recipients=[
            simulation_pb2.RecipientCount(
                channel=one.channel,
                person=one.person,
                messages=one.messages,
                notifications=one.notifications,
                held=one.held,
                longest_wait=duration_of(one.longest_wait_us) if one.longest_wait_us else None,
            )
            for one in summary.recipients
        ],
        untold=dict(summary.untold),
        levels=[
            simulation_pb2.LevelCount(policy=one.policy, level=one.level, told=one.told, unreached=one.unreached)
            for one in summary.levels
        ],
        exhausted=summary.exhausted,
        deadlines=dict(summary.deadlines),
        waiting=summary.waiting,
    )
