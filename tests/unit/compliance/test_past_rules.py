"""Which revision was in force at an instant."""

from __future__ import annotations

import pytest
from trueline_server.compliance.past_rules import revision_at
from trueline_server.rules.in_force import EVERYBODY, RuleChange


def _change(at_us: int, kind: str, revision: str, former: str = "", tenant: str = "acme") -> RuleChange:
    return RuleChange(at_us, tenant, at_us, kind, revision, former, "ada", "", ())


OPENED = _change(10, "loaded", "r1", tenant=EVERYBODY)


@pytest.mark.parametrize(("at_us", "revision"), [(5, "r1"), (10, "r1"), (20, "r2"), (29, "r2"), (30, "r1"), (99, "r1")])
def test_the_last_change_up_to_the_instant_tells(at_us: int, revision: str) -> None:
    """Before the first one there is the earliest that is known; a rollback brings the former back."""
    changes = [OPENED, _change(20, "activated", "r2", "r1"), _change(30, "rolled_back", "r1", "r2")]
    assert revision_at(changes, "acme", at_us) == revision


def test_what_runs_in_the_shadow_or_failed_to_load_was_not_in_force() -> None:
    """Only what came into force counts."""
    changes = [OPENED, _change(20, "shadowed", "r2", "r1"), _change(30, "load_failed", "r1", "r1", EVERYBODY)]
    assert revision_at(changes, "acme", 40) == "r1"


def test_files_of_everybody_are_those_of_a_tenant_only_while_it_has_none_of_its_own() -> None:
    """A change of the operator's files reaches a tenant with own files by a change of its own."""
    changes = [
        OPENED,
        _change(20, "loaded", "r2", "r1", EVERYBODY),
        _change(30, "activated", "own", "r2"),
        _change(40, "loaded", "r3", "r2", EVERYBODY),
    ]
    assert [revision_at(changes, "acme", at) for at in (15, 25, 35, 45)] == ["r1", "r2", "own", "own"]


def test_without_changes_nothing_is_known() -> None:
    """Then the rules of now stand in."""
    assert revision_at([], "acme", 40) is None
