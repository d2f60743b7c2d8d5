"""Looks at all accounts from time to time, and tells those whose class turned: as events, and as facts of theirs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from trueline_rules.digest import profile_definition_of
from trueline_rules.model import RuleSet
from trueline_rules.scoring_model import ScoringProfile, Subject

from trueline_server.clock import Clock
from trueline_server.ingest.own_events import Appends, OwnEvent
from trueline_server.kpis.instants import Clocks
from trueline_server.looking import Looking
from trueline_server.rules.in_force import RulesOf
from trueline_server.scoring.account_values import SUBJECT, AccountQuestion
from trueline_server.scoring.kept_healths import HEALTH, HEALTH_SCORE, KeptHealths, Turned
from trueline_server.scoring.profiles import DEFAULT_PROFILES, ProfileBook, profiles_of

EVENT = "account_health_changed"
_LOOK_EVERY_S = 1.0
_SECOND_US = 1_000_000
# What facts are of: other profiles tell events alone.
_KEPT_AS_FACTS = DEFAULT_PROFILES[Subject.ACCOUNT]


class TenantsWithFacts(Protocol):
    """Knows whose facts there are; the store of facts."""

    def tenants(self, kinds: Sequence[str]) -> list[str]:
        """Tenants with facts about subjects of some kinds."""
        ...


class HealthWatch(Looking):
    """Tells accounts whose class turned. `tick` blocks; one thread runs it.

    The first look of a profile tells nothing, nor does the first one after what it scores by was changed: a million
    accounts that get a class have not turned. A look writes what it found before it tells it, and what was told after;
    so an event is the same one whenever a crash comes, and appended twice it is there once.
    """

    def __init__(
        self,
        kept: KeptHealths,
        book: ProfileBook,
        events: Appends,
        rules: RulesOf,
        facts: TenantsWithFacts,
        *,
        clocks: Clocks,
        clock: Clock,
        interval_s: int,
    ) -> None:
        super().__init__("looking at accounts", every_s=_LOOK_EVERY_S)
        self._kept = kept
        self._book = book
        self._events = events
        self._rules = rules
        self._facts = facts
        self._clocks = clocks
        self._clock = clock
        self._interval_us = interval_s * _SECOND_US
        self._due_us = 0

    def tick(self) -> None:
        """Look at all tenants if it is time.

        Raises:
            StoreError: a store cannot answer; what was not told is told by the next look.

        """
        now_us = self._clock()
        if now_us < self._due_us:
            return
        clocks = self._clocks.read(now_us)
        for tenant in sorted({*clocks, *self._facts.tenants([SUBJECT])}):
            # An event of today would move the instant judged of a tenant that has imported history alone.
            self.look(tenant, tell=tenant not in clocks or clocks[tenant].live)
        self._due_us = now_us + self._interval_us

    def look(self, tenant: str, *, tell: bool = True) -> int:
        """Look at a tenant's accounts; how many turned."""
        rules, told = self._rules(tenant), 0
        for name, profile in profiles_of(rules).items():
            if profile.subject is Subject.ACCOUNT and not self._stopping.is_set():
                told += self._look(tenant, rules, name, profile, tell=tell)
        return told

    def _look(self, tenant: str, rules: RuleSet, name: str, profile: ScoringProfile, *, tell: bool) -> int:
        # What a crash left is told first, as it was found then.
        told = self._tell(tenant, rules, name)
        compiled = self._book.find(rules, name, Subject.ACCOUNT)
        question = AccountQuestion(tenant, rules, compiled, self._clock())
        self._kept.compare(question, profile_definition_of(rules, profile), tell=tell)
        return told + self._tell(tenant, rules, name)

    def _tell(self, tenant: str, rules: RuleSet, profile: str) -> int:
        told = 0
        for page in self._kept.turned(tenant, profile):
            self._events.append(tenant, [_event(profile, one) for one in page])
            told += len(page)
        if profile == _KEPT_AS_FACTS and _declared(rules):
            self._kept.put_facts(tenant, profile, self._clock())
        self._kept.mark_told(tenant, profile)
        return told


def _event(profile: str, turned: Turned) -> OwnEvent:
    properties: dict[str, str | float] = {"profile": profile, "from": turned.before, "to": turned.health}
    if turned.score is not None:
        properties["score"] = turned.score
    if turned.persona:
        properties["persona"] = turned.persona
    key = (profile, turned.account_id, str(turned.turns))
    return OwnEvent(EVENT, key, turned.at_us, properties, account_id=turned.account_id)


def _declared(rules: RuleSet) -> bool:
    """Whether the facts are what the pack says they are; somebody may have given these names to others."""
    types = {name: (one.subject, one.type) for name, one in rules.fact_types.items() if name in {HEALTH, HEALTH_SCORE}}
    return types == {HEALTH: (SUBJECT, "text"), HEALTH_SCORE: (SUBJECT, "number")}
