"""Rate limits: nobody gets more messages than they allow, none is lost, and none waits longer than it must."""

from hypothesis import given, settings
from hypothesis import strategies as st
from trueline_rules.escalation.rate_limits import Outbox, earliest, next_release, offer, release
from trueline_rules.routing_model import Limit

MINUTE = 60_000_000
# What a person's channel has unless it says otherwise.
PERSON = (Limit(1, MINUTE), Limit(5, 15 * MINUTE), Limit(11, 60 * MINUTE), Limit(21, 180 * MINUTE))


def test_messages_beyond_the_limit_go_together() -> None:
    """The first goes at once; those of the next minute wait and go as one."""
    outbox, sent = release(offer(Outbox(), ["a"]), PERSON, 0)
    assert sent == ("a",)
    outbox = offer(offer(offer(outbox, ["b"]), ["c"]), ["b"])
    assert release(outbox, PERSON, MINUTE - 1) == (outbox, ())
    assert next_release(outbox, PERSON, MINUTE // 2) == MINUTE
    outbox, sent = release(outbox, PERSON, MINUTE)
    assert (sent, outbox.waiting) == (("b", "c"), ())
    assert next_release(outbox, PERSON, MINUTE) is None


def test_all_limits_hold() -> None:
    """One message a minute is offered all the time; what goes is what the narrowest limit lets pass."""
    outbox, went = Outbox(), []
    for minute in range(24 * 60):
        outbox, sent = release(offer(outbox, [str(minute)]), PERSON, minute * MINUTE)
        went += [minute] * bool(sent)
    assert went[:7] == [0, 1, 2, 3, 4, 15, 16]
    assert sum(minute < 60 for minute in went) == 11
    assert sum(minute < 180 for minute in went) == 21
    assert len(outbox.sent) <= 21


def test_without_limits_all_go_at_once() -> None:
    """A channel of nobody has none unless it says so."""
    outbox, sent = release(offer(Outbox(), ["a", "b"]), (), 5)
    assert sent == ("a", "b")
    assert release(offer(outbox, ["c"]), (), 5)[1] == ("c",)


def test_a_clock_set_back_delays_no_longer_than_a_limit() -> None:
    """What was sent "later" counts as sent now, so the next message goes within the span of the limit."""
    outbox, _ = release(offer(Outbox(), ["a"]), PERSON, 10**15)
    outbox = offer(outbox, ["b"])
    assert next_release(outbox, PERSON, 0) == MINUTE


limits = st.lists(st.builds(Limit, st.integers(1, 5), st.integers(1, 50)), max_size=3).map(tuple)
events = st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3)), max_size=60)


@settings(deadline=None)
@given(limits, events)
def test_random_traffic_keeps_all_limits_and_loses_nothing(limits: tuple[Limit, ...], events: list) -> None:  # type: ignore[type-arg]
    """No span has more messages than its limit, each message goes once and in order, and as soon as it may."""
    now, number, outbox = 0, 0, Outbox()
    sent: list[int] = []
    went: list[str] = []
    for pause, count in events:
        now += pause
        outbox = offer(outbox, [str(number + place) for place in range(count)])
        number += count
        allowed = all(sum(at > now - limit.per_us for at in sent) < limit.count for limit in limits)
        outbox, bundle = release(outbox, limits, now)
        assert bool(bundle) == (allowed and len(went) < number)
        if bundle:
            sent.append(now)
            went += bundle
            assert outbox.waiting == ()
        # What is kept of the past says as much as all of it.
        assert earliest(limits, outbox.sent, now) == earliest(limits, sent, now)
    assert [*went, *outbox.waiting] == [str(place) for place in range(number)]
    if outbox.waiting:
        when = next_release(outbox, limits, now)
        assert when is not None
        assert release(outbox, limits, when)[1] == outbox.waiting
        assert release(outbox, limits, when - 1)[1] == ()
