"""The classes that accounts were in at the last look, in the warehouse: compared, written and told there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from trueline_rules.expressions.sql import quote
from trueline_stores.warehouse.tables import ACCOUNT_HEALTH, FACTS

from trueline_server.scoring.account_sql import classes_of
from trueline_server.scoring.account_values import SUBJECT, AccountQuestion
from trueline_server.scoring.population import AccountPopulation, Streams

HEALTH, HEALTH_SCORE = "health", "health_score"
# A score that moved by less is not written again; a class that turned always is.
SCORE_STEP = 1.0
_PAGE = 5_000
_OF = "tenant = {tenant:String} AND profile = {profile:String}"
_COLUMNS = "tenant, profile, account_id, definition, health, score, persona, before, turns, at, told, revision"
_KEPT = f"SELECT account_id, definition, health, score, turns FROM {ACCOUNT_HEALTH.full_name} FINAL WHERE {_OF}"
_PENDING = f"FROM {ACCOUNT_HEALTH.full_name} FINAL WHERE {_OF} AND NOT told"
_TURNED = (
    "SELECT account_id, before, health, score, persona, turns, toUnixTimestamp64Micro(at) "
    f"{_PENDING} AND before != '' AND account_id > {{after:String}} ORDER BY account_id LIMIT {{most:UInt32}}"
)
_FACT_COLUMNS = "tenant, subject, name, subject_id, observed_at, number, text, revision, recorded_at"


class HealthTable(Streams, Protocol):
    """What is asked of the warehouse's client."""

    def command(self, sql: str, parameters: dict[str, Any] | None = None) -> Any:
        """Run a statement that changes something."""
        ...


@dataclass(frozen=True, slots=True)
class Turned:
    """An account whose class turned: how often it has by now, and at which instant it was seen (µs since 1970, UTC)."""

    account_id: str
    before: str
    health: str
    score: float | None
    persona: str
    turns: int
    at_us: int


class KeptHealths:
    """Reads and writes the table `account_health`. Every method blocks and raises StoreError."""

    def __init__(self, warehouse: HealthTable) -> None:
        self._warehouse = warehouse

    def compare(self, question: AccountQuestion, definition: str, *, tell: bool) -> None:
        """Write a row for each account whose class turned or whose score moved since the last look, as not told.

        An account that is seen first, or first by this definition of the profile, has not turned; nor has any if
        nothing is to be told.
        """
        profile = question.profile
        names = ", ".join(map(quote, classes_of(profile)))
        own = {
            "profile": profile.profile.metadata.name,
            "definition": definition,
            "look": self._next_revision(question.tenant, profile.profile.metadata.name),
        }
        before = "if(kept.definition = {definition:String} AND kept.health != seen.health, kept.health, '')"
        for statement in AccountPopulation(self._warehouse, question, None).statements():
            kept = f"{_KEPT} AND {statement.accounts.where('account_id')}"
            seen = (
                f"SELECT account_id, [{names}][health + 1] AS health, persona, "
                f"if(isFinite(score), score, NULL) AS score FROM ({statement.sql})"
            )
            moved = f"ifNull(abs(kept.score - seen.score) >= {SCORE_STEP}, isNull(kept.score) != isNull(seen.score))"
            self._warehouse.command(
                f"INSERT INTO {ACCOUNT_HEALTH.full_name} ({_COLUMNS}) SELECT {{tenant:String}}, {{profile:String}}, "
                f"seen.account_id, {{definition:String}}, seen.health, seen.score, seen.persona, "
                f"{before if tell else quote('')} AS was, kept.turns + (was != ''), "
                "fromUnixTimestamp64Micro({at_us:Int64}, 'UTC'), false, {look:UInt64} "
                f"FROM ({seen}) AS seen LEFT JOIN ({kept}) AS kept ON seen.account_id = kept.account_id "
                f"WHERE kept.definition != {{definition:String}} OR kept.health != seen.health OR {moved}",
                {**statement.parameters, **own},
            )

    def turned(self, tenant: str, profile: str) -> Iterator[list[Turned]]:
        """Accounts whose class turned and that nobody was told of yet, by id, in pages."""
        after = ""
        while True:
            parameters = {"tenant": tenant, "profile": profile, "after": after, "most": _PAGE}
            rows = [Turned(*row) for row in self._warehouse.query(_TURNED, parameters)]
            if rows:
                yield rows
            if len(rows) < _PAGE:
                return
            after = rows[-1].account_id

    def put_facts(self, tenant: str, profile: str, revision: int) -> None:
        """Write class and score of what was not told as facts of the accounts, observed at the instant of the look."""
        for name, number, text in ((HEALTH, "NULL", "health"), (HEALTH_SCORE, "score", "NULL")):
            self._warehouse.command(
                f"INSERT INTO {FACTS.full_name} ({_FACT_COLUMNS}) SELECT tenant, {quote(SUBJECT)}, {quote(name)}, "
                f"account_id, at, {number}, {text}, {{fact_revision:Int64}}, "
                f"fromUnixTimestamp64Micro({{fact_revision:Int64}}, 'UTC') {_PENDING}",
                {"tenant": tenant, "profile": profile, "fact_revision": revision},
            )

    def mark_told(self, tenant: str, profile: str) -> None:
        """All that was not told is told now."""
        told = _COLUMNS.replace("told, revision", "true, revision + 1")
        self._warehouse.command(
            f"INSERT INTO {ACCOUNT_HEALTH.full_name} ({_COLUMNS}) SELECT {told} {_PENDING}",
            {"tenant": tenant, "profile": profile},
        )

    def _next_revision(self, tenant: str, profile: str) -> int:
        sql = f"SELECT max(revision) FROM {ACCOUNT_HEALTH.full_name} WHERE {_OF}"
        ((newest,),) = self._warehouse.query(sql, {"tenant": tenant, "profile": profile})
        return int(newest) + 1
