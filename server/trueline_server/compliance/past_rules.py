"""The rules that were in force for a tenant at an instant, as far as they are kept."""

from __future__ import annotations

from collections.abc import Sequence

from trueline_rules.model import RuleSet

from trueline_server.compliance.instants import AsOf
from trueline_server.errors import TruelineError
from trueline_server.rules.book import RuleBook
from trueline_server.rules.in_force import EVERYBODY, RuleChange
from trueline_server.rules.store import MOST_CHANGES

_BROUGHT = frozenset({"activated", "loaded", "load_mended", "rolled_back"})


class PastRules:
    """Looks up rules of the past. Methods block."""

    def __init__(self, book: RuleBook) -> None:
        self._book = book

    def at(self, tenant: str, when: AsOf, now_us: int) -> RuleSet:
        """The rules in force at an instant; the earliest that are known before them, and those of now if the former
        are not kept or do not load any more. Their revision tells which they are.

        Raises:
            TruelineError: UNKNOWN_REVISION, RULES_DO_NOT_LOAD, if those of then cannot be had and it is asked for what
                was known: other rules would be another answer.
            StoreError: the state database cannot answer.

        """
        at_us = when.told_us
        current = self._book.of(tenant)
        if at_us >= now_us:
            return current
        revision = revision_at(self._book.changes(tenant, most=MOST_CHANGES * 2), tenant, at_us)
        if revision in {None, current.revision}:
            return current
        try:
            return self._book.rules_at(tenant, revision or "")
        except TruelineError:
            if when.known_us is not None:
                raise
            return current


def revision_at(changes: Sequence[RuleChange], tenant: str, at_us: int) -> str | None:
    """The revision that was active for a tenant at an instant; None if no change tells.

    Args:
        changes: of the tenant and of everybody, the oldest first.
        tenant: whose.
        at_us: the instant (µs since 1970, UTC).

    """
    found: str | None = None
    for change in changes:
        if change.kind not in _BROUGHT:
            continue
        # What everybody got was the tenant's as long as it had what everybody had.
        if change.tenant == EVERYBODY != tenant and found not in {None, change.former}:
            continue
        if change.at_us > at_us:
            return found or change.former or change.revision
        found = change.revision
    return found
