"""Which instants alert rules are evaluated at: multiples of an interval in event time, up to the watermark."""

from __future__ import annotations

from trueline_server.kpis.instants import FINISHED_US, TenantClock

# After a stop of two hours every instant in between is evaluated, so that `for` goes on; after a longer one, as after
# an import, only the last: a condition that nobody saw hold for days is no alert of minutes.
MOST_AT_ONCE = 120


def due_instants(clock: TenantClock, last_us: int | None, interval_us: int) -> tuple[int, ...]:
    """Instants to evaluate, ascending (µs since 1970, UTC); none if the watermark has not come far enough.

    A tenant whose sources are finished is judged once at the end of its data: at the first multiple of the interval
    that all of it lies before.

    Args:
        clock: of the tenant.
        last_us: the last instant evaluated; None = none was.
        interval_us: distance of instants.

    """
    if clock.watermark_us >= FINISHED_US:
        end_us = -(-clock.judged_at_us // interval_us) * interval_us
    else:
        end_us = clock.watermark_us // interval_us * interval_us
    if end_us <= 0 or (last_us is not None and end_us <= last_us):
        return ()
    if last_us is None:
        return (end_us,)
    first_us = (last_us // interval_us + 1) * interval_us
    instants = range(first_us, end_us + 1, interval_us)
    return tuple(instants) if len(instants) <= MOST_AT_ONCE else (end_us,)


def is_due(instant_us: int, last_us: int | None, every_us: int) -> bool:
    """Whether a rule with an interval of its own is due at an instant: a multiple of it lies since the last one.

    Args:
        instant_us: what is judged.
        last_us: the last instant at which rules were evaluated; None = none was.
        every_us: the rule's interval; 0 = at every instant.

    """
    return not every_us or last_us is None or instant_us // every_us > last_us // every_us
