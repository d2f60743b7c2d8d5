"""ScoreAccountHealth: how one account is, what moved since, and what is foreseen of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from trueline.v1 import scoring_service_pb2 as pb
from trueline_rules.model import RuleSet
from trueline_rules.scoring_model import Subject

from trueline_server.churn.mapping import map_outlook_to_proto
from trueline_server.churn.outlook import Foresight, Outlook
from trueline_server.clock import Clock
from trueline_server.errors import TruelineError, invalid_field
from trueline_server.scoring.account_health import AccountRow, Health, health_of
from trueline_server.scoring.account_mapping import map_health_to_proto
from trueline_server.scoring.account_values import AccountQuestion, Accounts
from trueline_server.scoring.moves import Move, moves
from trueline_server.scoring.profiles import CompiledProfile, ProfileBook
from trueline_server.transport.times import microseconds_of

# ClickHouse counts instants from 1970 on; an instant ahead of the server's clock is not told.
_FIRST_US = 0
_LONGEST_TREND_US = 400 * 86_400_000_000


class NamedRows(Protocol):
    """Reads rows by column; the warehouse's client."""

    def query_named(self, sql: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
        """Rows of a query."""
        ...


class Foresees(Protocol):
    """What is foreseen of accounts; the ChurnService."""

    def foresight(self, tenant: str) -> Foresight:
        """What answers now."""
        ...

    def outlooks(self, tenant: str, account_ids: list[str], foresight: Foresight, *, at_us: int) -> dict[str, Outlook]:
        """What is foreseen of accounts by their facts at an instant."""
        ...


@dataclass(frozen=True, slots=True)
class AccountParts:
    """What calls about accounts are answered from."""

    warehouse: NamedRows
    book: ProfileBook
    churn: Foresees
    clock: Clock

    def profile(self, rules: RuleSet, name: str) -> CompiledProfile:
        """A profile of accounts; "" = "account_health".

        Raises:
            TruelineError: UNKNOWN_SCORING_PROFILE.

        """
        return self.book.find(rules, name, Subject.ACCOUNT)

    def instant(self, request: Any) -> int:
        """The instant that a request asks for.

        Raises:
            TruelineError: INVALID_FIELD, before 1970 or ahead of the clock.

        """
        now_us = self.clock()
        if not request.HasField("at"):
            return now_us
        at_us = microseconds_of(request.at, "at")
        if at_us < _FIRST_US:
            raise invalid_field("at", "is before 1970, of which nothing is kept")
        if at_us > now_us:
            raise invalid_field("at", "lies ahead of the server's clock; leave it out for now")
        return at_us

    def foresight(self, tenant: str) -> Foresight | None:
        """What foresees churn; None where no document of kind ChurnModel is in force."""
        try:
            return self.churn.foresight(tenant)
        except TruelineError as error:
            if error.reason != "UNKNOWN_CHURN_MODEL":
                raise
            return None


class AccountCalls:
    """Calls about one account. They block; thread-safe."""

    def __init__(self, parts: AccountParts) -> None:
        self._parts = parts

    def score(
        self, tenant: str, rules: RuleSet, request: pb.ScoreAccountHealthRequest
    ) -> pb.ScoreAccountHealthResponse:
        """How an account is at an instant, compared with a former one."""
        parts = self._parts
        profile, at_us = parts.profile(rules, request.profile), parts.instant(request)
        before_us = max(at_us - _trend_us(request, profile), _FIRST_US)
        now = health_of(profile, self._read(tenant, rules, profile, request.account_id, at_us))
        before = health_of(profile, self._read(tenant, rules, profile, request.account_id, before_us))
        answer = map_health_to_proto(profile, before, now, _moved(profile, before, now))
        answer.account_id, answer.rule_revision = request.account_id, rules.revision
        answer.at.FromMicroseconds(at_us)
        answer.before_time.FromMicroseconds(before_us)
        foresight = parts.foresight(tenant)
        if foresight is not None:
            found = parts.churn.outlooks(tenant, [request.account_id], foresight, at_us=at_us)
            if request.account_id in found:
                answer.churn.CopyFrom(map_outlook_to_proto(found[request.account_id]))
        return answer

    def _read(self, tenant: str, rules: RuleSet, profile: CompiledProfile, account: str, at_us: int) -> AccountRow:
        question = AccountQuestion(tenant, rules, profile, at_us, Accounts(ids=(account,)), observed=True)
        rows = self._parts.warehouse.query_named(*question.to_sql())
        return rows[0] if rows else {}


def _moved(profile: CompiledProfile, before: Health, now: Health) -> list[Move]:
    """What moved; nothing where there is no score at one of the instants."""
    if before.overall.ends is None or now.overall.ends is None:
        return []
    return moves(profile, (before.scores, before.weighed), (now.scores, now.weighed))


def _trend_us(request: pb.ScoreAccountHealthRequest, profile: CompiledProfile) -> int:
    if not request.HasField("trend"):
        return profile.profile.trend_us
    us = request.trend.ToMicroseconds()
    if not 0 < us <= _LONGEST_TREND_US:
        raise invalid_field("trend", f"must be above 0 and at most 400 days, is {us / 1_000_000:g} s")
    return int(us)
