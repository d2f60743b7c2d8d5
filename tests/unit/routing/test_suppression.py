"""Why alerts are not notified: who says so, and until when."""

from __future__ import annotations

from trueline_rules.model import Metadata
from trueline_rules.routing.inhibition import Inhibitor
from trueline_rules.routing.matchers import parse_matcher
from trueline_rules.routing.suppression import Suppressor, out_of_hours
from trueline_rules.routing_model import (
    Destination,
    Inhibition,
    Maintenance,
    Silence,
    SuppressedBy,
    Suppression,
    TimeInterval,
    Timing,
)

MINUTE = 60_000_000
HOUR = 60 * MINUTE
NIGHT = TimeInterval(times=((0, 360),))
BILLING = (parse_matcher("team=billing"),)
LABELS = {"team": "billing", "severity": "warning"}
LOUD = Inhibitor([])


def silence(name: str, starts_us: int, ends_us: int) -> Silence:
    """A silence of the billing team."""
    return Silence(Metadata(name), BILLING, "ada", "moving house", starts_us, ends_us)


def why(now_us: int, *silences: Silence, inhibitor: Inhibitor = LOUD, maintained: bool = False) -> Suppression | None:
    """Why an alert of the billing team is not notified."""
    maintenances = [Maintenance(Metadata("nightly"), BILLING, (NIGHT,))] if maintained else []
    return Suppressor(silences, maintenances, inhibitor, now_us).why(LABELS)


def test_a_silence_holds_from_its_start_up_to_its_end() -> None:
    """The instant at which it ends is after it."""
    one = silence("s", 10, 20)
    assert [why(now, one) is not None for now in (9, 10, 19, 20)] == [False, True, True, False]
    assert why(10, one) == Suppression(SuppressedBy.SILENCED, "s", 20)
    assert Suppressor([one], [], LOUD, 10).why({"team": "growth"}) is None


def test_of_several_silences_the_last_to_end_is_told() -> None:
    """It says when the alert will be heard of again."""
    assert why(10, silence("a", 0, 100), silence("b", 0, 50)) == Suppression(SuppressedBy.SILENCED, "a", 100)


def test_maintenance_holds_in_its_hours_and_says_when_it_ends() -> None:
    """Every night up to six."""
    assert why(HOUR, maintained=True) == Suppression(SuppressedBy.MAINTENANCE, "nightly", 6 * HOUR)
    assert why(6 * HOUR, maintained=True) is None


def test_what_people_said_is_told_before_what_was_found() -> None:
    """A silence before maintenance before an inhibition."""
    rule = Inhibition(Metadata("i"), (parse_matcher("severity=critical"),), BILLING, ())
    inhibitor = Inhibitor.of([rule], [("1", {"severity": "critical"})])
    found = [
        why(HOUR, silence("s", 0, 9 * HOUR), inhibitor=inhibitor, maintained=True),
        why(HOUR, inhibitor=inhibitor, maintained=True),
        why(9 * HOUR, inhibitor=inhibitor, maintained=True),
    ]
    assert [each.kind for each in found if each] == ["silenced", "maintenance", "inhibited"]


def test_routes_have_hours() -> None:
    """Muted at night, or active in the day only: both say when they will notify again."""
    muted = Destination(("default", "a"), (), "", (), Timing(), mute=(NIGHT,))
    active = Destination(("default", "a"), (), "", (), Timing(), active=(TimeInterval(times=((540, 1020),)),))

    assert out_of_hours(muted, HOUR) == Suppression(SuppressedBy.MUTED, "default/a", 6 * HOUR)
    assert out_of_hours(muted, 6 * HOUR) is None
    assert out_of_hours(active, HOUR) == Suppression(SuppressedBy.INACTIVE, "default/a", 9 * HOUR)
    assert out_of_hours(active, 9 * HOUR) is None
