"""Which rules were in force before: the way that a rollback goes back. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from trueline_server.rules.in_force import EVERYBODY, RuleChange

_FORWARD = frozenset({"activated", "loaded", "load_mended"})


def revision_before(changes: Sequence[RuleChange], tenant: str, current: str) -> str | None:
    """The revision that was active for a tenant before the current one; None if none is known.

    A rollback goes back along the way that led here: rolling back twice undoes two activations, and does not bring
    the first of them back.

    Args:
        changes: of the tenant and of everybody, the oldest first.
        tenant: whose.
        current: the revision in force.

    """
    way: list[str] = []
    for change in changes:
        # What everybody got was the tenant's as long as it had what everybody had.
        others = change.tenant == EVERYBODY != tenant
        if others and way and way[-1] != change.former:
            continue
        if change.kind in _FORWARD and change.revision != change.former:
            if not way and change.former:
                way.append(change.former)
            way.append(change.revision)
        elif change.kind == "rolled_back":
            way = [*_until(way, change.revision), change.revision]
    before = _until(way, current) if current in way else way
    return before[-1] if before else None


def _until(way: list[str], revision: str) -> list[str]:
    """The way before the last time that a revision was on it; all but its end if it never was."""
    places = [place for place, name in enumerate(way) if name == revision]
    return way[: places[-1]] if places else way[:-1]
