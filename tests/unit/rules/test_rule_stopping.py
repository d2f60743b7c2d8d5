"""Long work on rules ends in the middle when nobody waits for it."""

from __future__ import annotations

from itertools import count

import pytest
from trueline_rules.analysis.findings import analyse
from trueline_rules.loader import load_rules
from trueline_rules.stopping import StoppedError, while_wanted
from trueline_rules.testing.runner import run_tests


def test_items_as_long_as_they_are_wanted() -> None:
    """It is asked before each item, and none is taken after it said so."""
    asked = count()
    taken = []
    with pytest.raises(StoppedError):
        taken += [taken.append(item) for item in while_wanted("abcdef", lambda: next(asked) == 3)]
    assert taken == ["a", "b", "c"]
    assert list(while_wanted("ab", lambda: False)) == ["a", "b"]


def test_tests_and_analysis_end_in_the_middle() -> None:
    """Wherever they are when they are to end; run to their end they say what they say without."""
    rules = load_rules([])
    for work, whole in (
        (lambda stopped: run_tests(rules, stopped=stopped), run_tests(rules)),
        (lambda stopped: analyse(rules, stopped=stopped), analyse(rules)),
    ):
        asked = count()
        assert work(lambda asked=asked: next(asked) < 0) == whole  # type: ignore[misc]
        times = next(asked)
        assert times > 2
        for last in (0, times // 2, times - 1):
            asked = count()
            with pytest.raises(StoppedError):
                work(lambda asked=asked, last=last: next(asked) == last)  # type: ignore[misc]
