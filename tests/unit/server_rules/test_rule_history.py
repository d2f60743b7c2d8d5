"""Which revision a rollback goes back to, from the changes alone."""

from __future__ import annotations

import pytest
from trueline_server.rules.history import revision_before
from trueline_server.rules.in_force import RuleChange

# Tenant ("" = everybody), kind, former and new revision.
Told = tuple[str, str, str, str]
BASE: list[Told] = [("", "loaded", "", "b1"), ("", "loaded", "b1", "b2")]


@pytest.mark.parametrize(
    ("told", "current", "before"),
    [
        pytest.param([], "b1", None, id="nothing known"),
        pytest.param(BASE[:1], "b1", None, id="the first rules"),
        pytest.param(BASE, "b2", "b1", id="what everybody had"),
        pytest.param([*BASE, ("t", "activated", "b2", "t1")], "t1", "b2", id="the tenant's first"),
        pytest.param(
            [*BASE, ("t", "activated", "b2", "t1"), ("t", "activated", "t1", "t2"), ("t", "rolled_back", "t2", "t1")],
            "t1",
            "b2",
            id="further back after a rollback",
        ),
        pytest.param(
            [*BASE, ("t", "activated", "b2", "t1"), ("", "loaded", "b2", "b3"), ("t", "loaded", "t1", "t1b")],
            "t1b",
            "t1",
            id="others' rules are not the tenant's",
        ),
        pytest.param(
            [*BASE, ("t", "activated", "b2", "t1"), ("t", "activated", "t1", "b2"), ("", "loaded", "b2", "b3")],
            "b3",
            "b2",
            id="back among everybody",
        ),
        pytest.param(
            [*BASE, ("t", "activated", "b2", "t1"), ("t", "shadowed", "", "t9"), ("t", "load_failed", "t1", "t1")],
            "t1",
            "b2",
            id="shadows and failures are no steps",
        ),
        pytest.param(
            [*BASE, ("t", "activated", "b2", "t1"), ("t", "activated", "t1", "t1")], "t1", "b2", id="the same again"
        ),
        pytest.param(
            [("t", "activated", "t5", "t6"), ("t", "activated", "t6", "t7")], "t7", "t6", id="older changes forgotten"
        ),
    ],
)
def test_the_revision_before(told: list[Told], current: str, before: str | None) -> None:
    """A rollback goes back along the way that led to what is in force."""
    changes = [
        RuleChange(number, tenant, 0, kind, revision, former, "", "", ())
        for number, (tenant, kind, former, revision) in enumerate(told, start=1)
    ]

    assert revision_before(changes, "t", current) == before
