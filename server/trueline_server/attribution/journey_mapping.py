"""Maps journeys and changes of attribution to protobuf, in messages that are well below the limit of gRPC."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, pairwise

import numpy as np
from trueline.v1 import attribution_service_pb2 as pb

from trueline_server.attribution.causes import CauseTotal
from trueline_server.attribution.changes import Change
from trueline_server.attribution.journey_stream import JourneyBatch
from trueline_server.transport.times import timestamp_of

# Bytes of one message of a stream, about, and of the touches of one journey in it.
MESSAGE_BYTES = 1 << 20
_JOURNEY_BYTES = MESSAGE_BYTES // 2
# What a touch takes beside names, at most, and what a weight does.
_TOUCH_BYTES, _WEIGHT_BYTES = 40, 8
_MOST_CHANNELS = 1_000


def map_batch_to_proto(batch: JourneyBatch, digits: int) -> Iterator[pb.StreamJourneysResponse]:
    """Messages with the journeys of a batch, at most 1,000 in each; a long one is parted."""
    sizes = _touch_sizes(batch)
    message, room = pb.StreamJourneysResponse(), MESSAGE_BYTES
    for place, (start, end) in enumerate(pairwise(batch.touches.offsets.tolist())):
        for first, last in _parts(sizes, start, end):
            journey = _journey(batch, place, digits, first, last, continues=last < end)
            size = journey.ByteSize()
            if message.journeys and size > room:
                yield message
                message, room = pb.StreamJourneysResponse(), MESSAGE_BYTES
            message.journeys.append(journey)
            room -= size
    if message.journeys:
        yield message


def map_change_to_proto(change: Change) -> pb.ConversionChange:
    """A changed conversion."""
    return pb.ConversionChange(
        conversion_id=change.event.id,
        source=change.event.source,
        converted_at=timestamp_of(change.event.at_us),
        existed=change.existed,
        person=change.event.person,
        person_before=change.person_before,
        value=f"{change.value:f}",
        value_before=f"{change.value_before:f}",
        channels=change.channels[-_MOST_CHANNELS:],
        channels_before=change.channels_before[-_MOST_CHANNELS:],
        causes=[pb.AttributionCause.ValueType(cause) for cause in change.causes],
        events=[
            pb.CausingEvent(
                id=event.id,
                source=event.source,
                name=event.name,
                occurred_at=timestamp_of(event.at_us),
                accepted_at=timestamp_of(event.accepted_at_us),
                cause=pb.AttributionCause.ValueType(cause),
            )
            for event, cause in change.events
        ],
        moves=[
            pb.CreditMove(
                model=move.model,
                channel=move.channel,
                conversions_before=move.conversions_before,
                conversions=move.conversions,
                value_before=f"{move.value_before:f}",
                value=f"{move.value:f}",
            )
            for move in change.moves
        ],
    )


def map_cause_total_to_proto(total: CauseTotal) -> pb.CauseTotal:
    """What a cause did."""
    return pb.CauseTotal(
        cause=pb.AttributionCause.ValueType(total.cause),
        conversions=total.conversions,
        conversions_change=total.conversions_change,
        value_change=f"{total.value_change:f}",
    )


def _journey(batch: JourneyBatch, place: int, digits: int, first: int, last: int, *, continues: bool) -> pb.Journey:
    """A journey with some of its touches."""
    touches = batch.touches
    assert touches.at_us is not None
    assert touches.converted_at_us is not None
    journey = pb.Journey(
        conversion_id=batch.ids[place],
        source=batch.sources[place],
        person=batch.persons[place],
        converted_at=timestamp_of(int(touches.converted_at_us[place])),
        value=_decimal(batch.values[place], digits),
        segment=batch.segments[place],
        continues=continues,
    )
    channels = [touches.channels[code] for code in touches.codes[first:last].tolist()]
    ats, weights = touches.at_us[first:last].tolist(), batch.weights[first:last].tolist()
    for at_us, channel, campaign, own in zip(ats, channels, batch.campaigns[first:last], weights, strict=True):
        touch = journey.touches.add(channel=channel, campaign=campaign, weights=own)
        touch.at.seconds, micros = divmod(at_us, 1_000_000)
        touch.at.nanos = micros * 1_000
    return journey


def _touch_sizes(batch: JourneyBatch) -> list[int]:
    """Bytes of each touch, about, added up from the first."""
    channels = np.array([len(name.encode()) for name in batch.touches.channels], np.int64)
    own = _TOUCH_BYTES + _WEIGHT_BYTES * batch.weights.shape[1]
    campaigns = {name: len(name.encode()) for name in dict.fromkeys(batch.campaigns)}
    lengths = (channels[batch.touches.codes] if len(channels) else channels) + own
    return list(
        accumulate(
            (size + campaigns[name] for size, name in zip(lengths.tolist(), batch.campaigns, strict=True)), initial=0
        )
    )


def _parts(sizes: list[int], start: int, end: int) -> Iterator[tuple[int, int]]:
    """The touches from `start` to `end` in parts that fit into a message, at least one part."""
    while sizes[end] - sizes[start] > _JOURNEY_BYTES:
        cut = max(bisect_right(sizes, sizes[start] + _JOURNEY_BYTES, start, end) - 1, start + 1)
        yield start, cut
        start = cut
    yield start, end


def _decimal(value: float, digits: int) -> str:
    """In whole minor units, half to even; without a sign before zero."""
    told = f"{value:.{digits}f}"
    return told.lstrip("-") if not told.strip("-0.") else told
