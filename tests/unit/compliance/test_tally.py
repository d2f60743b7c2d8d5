"""Counts and shares of controls."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trueline_rules.compliance_model import ControlSeverity
from trueline_rules.compliance_rules import COUNTS
from trueline_server.compliance.model import Status
from trueline_server.compliance.tally import Standing, rates_of, tally_of

LOW, HIGH, CRITICAL = ControlSeverity.LOW, ControlSeverity.HIGH, ControlSeverity.CRITICAL


def test_of_nothing_there_is_no_share() -> None:
    """Nor of controls that do not apply."""
    for rates in (rates_of([]), rates_of([(Standing.NOT_APPLICABLE, HIGH)])):
        assert (rates.applicable, rates.assessed) == (0, 0)
        assert (rates.pass_rate_assessed, rates.pass_rate_applicable, rates.weighted_score) == (None, None, None)


def test_shares_are_of_those_known_and_of_all_that_apply() -> None:
    """What is waived or not known applies and does not pass; weights are 1 and 10."""
    tally = tally_of(
        [
            (Status.PASS, CRITICAL),
            (Status.FAIL, LOW),
            (Status.WAIVED, CRITICAL),
            (Status.INSUFFICIENT, LOW),
            (Status.NOT_APPLICABLE, CRITICAL),
        ]
    )
    rates = tally.rates
    assert (rates.applicable, rates.assessed) == (4, 2)
    assert (rates.pass_rate_assessed, rates.pass_rate_applicable) == (0.5, 0.25)
    assert rates.weighted_score == pytest.approx(10 / 22)


def test_what_is_open_and_critical_is_counted() -> None:
    """A critical control that fails or is not known is open; a waived one is not."""
    tally = tally_of([(Status.FAIL, CRITICAL), (Status.INSUFFICIENT, CRITICAL), (Status.WAIVED, CRITICAL)])
    assert (tally.open_critical, tally.satisfied) == (2, False)
    assert tally_of([(Status.WAIVED, CRITICAL), (Status.PASS, LOW)]).satisfied
    assert tally_of([(Status.FAIL, LOW)]).open_critical == 0


def test_levels_have_all_counts() -> None:
    """What a framework's levels may read is there, and the score is missing if nothing applies."""
    assert tally_of([]).counts().keys() == COUNTS.keys()
    assert tally_of([]).counts()["score"] is None
    counts = tally_of([(Status.FAIL, HIGH), (Status.INSUFFICIENT, LOW)]).counts()
    assert (counts["failed"], counts["failed_high"], counts["unknown_low"], counts["passed"]) == (1, 1, 1, 0)


@given(
    st.lists(st.tuples(st.sampled_from(Standing), st.sampled_from(ControlSeverity)), max_size=30).flatmap(
        lambda found: st.tuples(st.just(found), st.permutations(found))
    )
)
def test_the_order_of_controls_does_not_count(
    found: tuple[list[tuple[Standing, ControlSeverity]], list[tuple[Standing, ControlSeverity]]],
) -> None:
    """The shares are the same to the last bit."""
    assert rates_of(found[0]) == rates_of(found[1])
