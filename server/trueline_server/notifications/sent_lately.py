"""When a channel, or the person whose it is, was told something lately: what rate limits count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, func, select
from trueline_rules.routing_model import NotificationChannel
from trueline_stores.state.case_tables import DELIVERIES, NOTIFICATIONS

from trueline_server.notifications.model import MAY_HAVE_ARRIVED, Notification

# What makes messages to several channels of a person one: when it was queued, and which one of those queued then it is
# on its channel.
_Said = tuple[int, int]


def channels_with(channel: NotificationChannel, channels: Mapping[str, NotificationChannel]) -> tuple[str, ...]:
    """The names of the channels whose messages count together: all of a person, else the channel alone."""
    if not channel.person:
        return (channel.metadata.name,)
    return tuple(name for name, other in channels.items() if other.person == channel.person)


def sent_instants(
    connection: Connection,
    tenant: str,
    names: Sequence[str],
    channel: NotificationChannel,
    parts: Sequence[Notification],
    *,
    now_us: int,
) -> list[int]:
    """When other messages last went, as far back as the limits of a channel reach.

    A repetition of the message at hand is no further one, and neither is what went to another channel of the person
    and says the same: a level that tells somebody on two channels tells them once.

    Args:
        connection: in a transaction.
        tenant: whose.
        names: of the channels that count, see `channels_with`.
        channel: that the message at hand is for.
        parts: of the message at hand.
        now_us: the instant.

    """
    if not channel.limits:
        return []
    rows, said = DELIVERIES.c, NOTIFICATIONS.c
    own = parts[0].sent_as
    query = (
        select(rows.channel, func.max(rows.at_us).label("at_us"), func.min(said.created_us).label("created_us"))
        .join(NOTIFICATIONS, (said.tenant == rows.tenant) & (said.sent_as == rows.notification_id), isouter=True)
        .where(
            rows.tenant == tenant,
            rows.channel.in_(names),
            rows.at_us > now_us - max(limit.per_us for limit in channel.limits),
            rows.outcome.in_([each.value for each in MAY_HAVE_ARRIVED]),
            rows.notification_id != (own or ""),
        )
        .group_by(rows.notification_id, rows.channel)
        .order_by(rows.notification_id)
    )
    counted: defaultdict[tuple[str, int], int] = defaultdict(int)
    sent: dict[_Said, int] = {}
    for row in connection.execute(query):
        # Of what was forgotten, or says something else now, the instant of sending has to do.
        created_us = row.at_us if row.created_us is None else row.created_us
        place = counted[row.channel, created_us]
        counted[row.channel, created_us] += 1
        sent[created_us, place] = max(sent.get((created_us, place), 0), row.at_us)
    first_us = min(each.created_us for each in parts)
    sent.pop((first_us, counted[channel.metadata.name, first_us]), None)
    return list(sent.values())
