"""Rate limits of a channel: how soon a further message may go, and the messages that wait until then as one bundle."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from trueline_rules.routing_model import Limit

# All of them hold: at most `count` messages in any span of `per_us`, half-open.
Limits = tuple[Limit, ...]


@dataclass(frozen=True, slots=True)
class Outbox:
    """What went to a channel lately, and what waits for its turn.

    Attributes:
        sent: instants of the messages sent within the longest span of the limits, ascending.
        waiting: identities of what waits, in the order of arrival, each once.

    """

    sent: tuple[int, ...] = ()
    waiting: tuple[str, ...] = ()


def earliest(limits: Limits, sent: Iterable[int], now_us: int) -> int:
    """The earliest instant from `now_us` on at which a further message keeps all limits.

    A message that was sent later than now, before the clock was set back, counts as one sent now: a leap back delays
    messages by the span of a limit, never by that of the leap.
    """
    instants = sorted(min(at_us, now_us) for at_us in sent)
    found = now_us
    for limit in limits:
        if len(instants) >= limit.count:
            found = max(found, instants[-limit.count] + limit.per_us)
    return found


def offer(outbox: Outbox, messages: Iterable[str]) -> Outbox:
    """Let messages wait; one that waits already keeps its turn."""
    return replace(outbox, waiting=tuple(dict.fromkeys((*outbox.waiting, *messages))))


def release(outbox: Outbox, limits: Limits, now_us: int) -> tuple[Outbox, tuple[str, ...]]:
    """All that waits, as the bundle of one message, if the limits allow a message now; else nothing.

    The message counts as sent: whoever fails to send it tries again without asking here.
    """
    if not outbox.waiting or earliest(limits, outbox.sent, now_us) > now_us:
        return outbox, ()
    return Outbox(_kept(limits, (*outbox.sent, now_us), now_us)), outbox.waiting


def next_release(outbox: Outbox, limits: Limits, now_us: int) -> int | None:
    """When `release` has something; None = nothing waits."""
    return earliest(limits, outbox.sent, now_us) if outbox.waiting else None


def _kept(limits: Limits, sent: Iterable[int], now_us: int) -> tuple[int, ...]:
    """The instants that still count, at most as many as the largest count asks for."""
    longest = max((limit.per_us for limit in limits), default=0)
    most = max((limit.count for limit in limits), default=0)
    kept = sorted(min(at_us, now_us) for at_us in sent)
    return tuple(at_us for at_us in kept[len(kept) - min(most, len(kept)) :] if at_us > now_us - longest)
