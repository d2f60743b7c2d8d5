"""For all facts, evidence and waivers: what is not known never passes, and more that is known harms nobody."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st
from parcels import DAY_US, NOW_US, PARCEL, known, photo, post, waiver
from trueline_server.compliance.instants import AsOf
from trueline_server.compliance.judging import Moment
from trueline_server.compliance.model import Evidence, Status
from trueline_server.facts.store import FactContent

POST = post()
NOW = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=NOW_US)
CONTROLS = [judge.control.id for judge in POST.judges]

values: Mapping[str, st.SearchStrategy[FactContent]] = {
    "sealed": st.booleans(),
    "fragile": st.booleans(),
    "insured": st.booleans(),
    # No two facts contradict each other here.
    "weight": st.floats(0, 100),
    "contents": st.frozensets(st.sampled_from(["fireworks", "books"])),
    "packed_at": st.integers(0, 40).map(lambda days: NOW - timedelta(days=days)),
}
facts = st.fixed_dictionaries({}, optional=dict(values))
pieces = st.lists(
    st.builds(
        lambda days, number, ends: photo(
            collected_us=NOW_US - days * DAY_US, number=number, expires_us=None if ends is None else NOW_US + ends
        ),
        st.integers(-3, 60),
        st.integers(1, 9),
        st.none() | st.integers(-DAY_US, DAY_US),
    ),
    max_size=4,
)
waivers = st.lists(st.builds(waiver, st.sampled_from(CONTROLS), days=st.integers(1, 60)), max_size=3)


def _statuses(found: Mapping[str, FactContent], evidence: list[Evidence]) -> dict[str, Status]:
    moment = Moment.of(AsOf(NOW_US), evidence)
    return dict(zip(CONTROLS, POST.statuses(PARCEL, found, moment), strict=True))


@given(found=facts, evidence=pieces, more=pieces)
def test_more_evidence_never_harms(
    found: Mapping[str, FactContent], evidence: list[Evidence], more: list[Evidence]
) -> None:
    """What passes goes on passing, whatever evidence is added."""
    before, after = _statuses(found, evidence), _statuses(found, evidence + more)
    assert all(after[name] is status for name, status in before.items() if status is not Status.INSUFFICIENT)


@given(found=facts, evidence=pieces, data=st.data())
def test_what_is_known_decides_and_more_of_it_changes_nothing(
    found: Mapping[str, FactContent], evidence: list[Evidence], data: st.DataObject
) -> None:
    """A fact that was missing turns no pass into a fail, and no fail into a pass; only what is asked of fewer ends."""
    missing = sorted(values.keys() - found.keys())
    if not missing:
        return
    name = data.draw(st.sampled_from(missing))
    before, after = _statuses(found, evidence), _statuses({**found, name: data.draw(values[name])}, evidence)
    for control, status in before.items():
        if status is not Status.INSUFFICIENT:
            assert after[control] in {status, Status.NOT_APPLICABLE}


@given(found=facts, evidence=pieces)
def test_what_is_not_known_never_passes(found: Mapping[str, FactContent], evidence: list[Evidence]) -> None:
    """A control that passes does so whatever the facts are that nobody gave."""
    moment = Moment.of(AsOf(NOW_US), evidence)
    for result in POST.judge(PARCEL, known(**found), moment).controls:
        if result.status is Status.PASS:
            assert result.missing == ()
            assert any(fact is not None for fact in result.facts.values())
        if not found:
            assert result.status is Status.INSUFFICIENT


@given(found=facts, evidence=pieces, granted=waivers, data=st.data())
def test_the_order_of_evidence_waivers_and_facts_does_not_count(
    found: Mapping[str, FactContent], evidence: list[Evidence], granted: list[object], data: st.DataObject
) -> None:
    """All of the answer is the same, in whatever order it was kept, if each piece has a number of its own."""
    numbered = [photo(collected_us=each.collected_at_us, number=n) for n, each in enumerate(evidence)]
    one = POST.judge(PARCEL, known(**found), Moment.of(AsOf(NOW_US), numbered))
    mixed = dict(data.draw(st.permutations(list(found.items()))))
    other = POST.judge(PARCEL, known(**mixed), Moment.of(AsOf(NOW_US), data.draw(st.permutations(numbered))))
    assert one == other


@given(found=facts, evidence=pieces, granted=waivers)
def test_a_waiver_changes_only_what_does_not_pass(
    found: Mapping[str, FactContent], evidence: list[Evidence], granted: list[object]
) -> None:
    """And never makes a pass of it; without it all is as it was."""
    plain = POST.judge(PARCEL, known(**found), Moment.of(AsOf(NOW_US), evidence)).controls
    waived = POST.judge(PARCEL, known(**found), Moment.of(AsOf(NOW_US), evidence, granted)).controls  # type: ignore[arg-type]
    for before, after in zip(plain, waived, strict=True):
        assert after.without_waiver is before.status
        assert after.status in {before.status, Status.WAIVED}
        assert after.status is not Status.WAIVED or before.status in {Status.FAIL, Status.INSUFFICIENT}
