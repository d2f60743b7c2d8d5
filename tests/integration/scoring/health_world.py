"""Accounts with facts and events over a real warehouse, with a turned clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache

import pyarrow as pa
from trueline.v1 import scoring_service_pb2 as pb
from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_rules.scoring_model import Subject
from trueline_server.churn.outlook import Foresight, Outlook
from trueline_server.errors import TruelineError
from trueline_server.facts.store import FactContent, FactRow, FactStore
from trueline_server.scoring.account_batch import AccountBatch
from trueline_server.scoring.account_calls import AccountCalls, AccountParts
from trueline_server.scoring.account_health import AccountRow, Health, health_of
from trueline_server.scoring.account_sql import classes_of, score_columns
from trueline_server.scoring.account_values import AccountQuestion, Accounts
from trueline_server.scoring.population import AccountPopulation
from trueline_server.scoring.profiles import CompiledProfile, ProfileBook
from trueline_stores.warehouse.client import Warehouse

DAY_US = 86_400_000_000
# A midnight, so that the day before has just ended.
NOW_US = 1_800_057_600_000_000
_FACT = "apiVersion: trueline/v1\nkind: FactType\nmetadata: {{name: {}}}\nspec: {{subject: account, type: {}}}\n"
_METRIC = "apiVersion: trueline/v1\nkind: Metric\nmetadata: {{name: {}}}\nspec: {}\n"
FACTS = {"tickets": "number", "price": "decimal", "state": "text", "yearly": "bool", "persona": "text"}
METRICS = {
    "seen_daily": "{events: [seen], aggregation: count, window: 1d}",
    "paid_daily": "{events: [paid], aggregation: sum, field: value, window: 1d}",
    "size_daily": "{events: [seen], aggregation: avg, field: properties.size, window: 1d, "
    "where: {properties.ok: [fine]}}",
    "best_daily": "{events: [paid], aggregation: max, field: value, window: 1d}",
    "users_weekly": "{events: [seen], aggregation: count_distinct, field: user_id, window: week}",
    "net_daily": "{roles: [payment], less: [refund], aggregation: sum, field: value, window: 1d}",
}
PROFILE = """\
apiVersion: trueline/v1
kind: ScoringProfile
metadata: {name: account_health}
spec:
  subject: account
  dimensions:
    activity:
      inputs:
        days: {range: [0, 10], weight: 0.5, on_missing: {default: 0}, from: {metric: seen_daily, over: 10d, agg: count}}
        visits: {range: [0, 40], weight: 0.3, from: {metric: seen_daily, over: 10d, agg: sum}}
        size: {range: [0, 9], curve: falling, weight: 0.2, from: {metric: size_daily, over: 10d, agg: avg}}
    money:
      inputs:
        paid:
          range: [0, 300]
          curve: [[0, 0], [100, 70], [300, 100]]
          weight: 0.4
          from: {metric: paid_daily, over: 30d, agg: sum}
        best: {range: [0, 100], weight: 0.1, from: {metric: best_daily, over: 30d, agg: max}}
        price: {range: [0, 99], weight: 0.3, from: {fact: price}}
        yearly: {flags: {true: 90, false: 35}, weight: 0.2, from: {fact: yearly}}
    support:
      inputs:
        tickets: {range: [0, 7], curve: falling, weight: 0.7, on_missing: {default: 1}, from: {fact: tickets}}
        state: {values: {good: 100, poor: 20}, weight: 0.3, from: {fact: state}}
  personas:
    default: {weights: {activity: 0.5, money: 0.3, support: 0.2}}
    agency: {weights: {activity: 0.1, money: 0.9, support: 0}}
  persona_from: {fact: persona}
  bands: {healthy: 80, warning: 60, at_risk: 40, critical: 0}
  minimum_coverage: 0.3
  recommendations:
    - {name: call, when: days == 0, text: Call.}
    - {name: help, when: tickets > 3, text: Help.}
"""


@cache
def rules_of(profile: str = PROFILE) -> RuleSet:
    """Rules with facts, metrics and one profile."""
    documents = [_FACT.format(*one) for one in FACTS.items()] + [_METRIC.format(*one) for one in METRICS.items()]
    return load_texts([("health.yaml", "---\n".join([*documents, profile]))], default_pack=True)


class NoChurn:
    """No document of kind ChurnModel is in force."""

    def foresight(self, tenant: str) -> Foresight:
        """There is none."""
        raise TruelineError("NOT_FOUND", "UNKNOWN_CHURN_MODEL", f"none of {tenant}")

    def outlooks(self, tenant: str, account_ids: list[str], foresight: Foresight, *, at_us: int) -> dict[str, Outlook]:
        """Nobody asks."""
        raise AssertionError


@dataclass(repr=False)
class HealthWorld:
    """Accounts of one tenant."""

    warehouse: Warehouse
    tenant: str
    rules: RuleSet = field(default_factory=rules_of)
    now_us: int = NOW_US
    book: ProfileBook = field(default_factory=ProfileBook)
    _revision: int = 0

    def __post_init__(self) -> None:
        self.facts = FactStore(self.warehouse)
        self.parts = AccountParts(self.warehouse, self.book, NoChurn(), lambda: self.now_us)
        self.calls = AccountCalls(self.parts)
        self.batch = AccountBatch(self.parts, self.warehouse)

    @property
    def profile(self) -> CompiledProfile:
        """The profile of accounts."""
        return self.book.find(self.rules, "", Subject.ACCOUNT)

    def put(self, account: str, at_us: int | None = None, **facts: FactContent) -> None:
        """Put facts of an account in."""
        self._revision += 1
        at = self.now_us if at_us is None else at_us
        self.facts.write(
            self.tenant,
            [FactRow("account", account, name, at, value) for name, value in facts.items()],
            self._revision,
        )

    def send(self, events: Sequence[Mapping[str, object]]) -> None:
        """Store events: account, name, at_us, and perhaps value, user, source, size, ok."""
        rows = []
        for event in events:
            self._revision += 1
            ok, size = event.get("ok"), event.get("size")
            rows.append(
                {
                    "tenant": self.tenant,
                    "source": event.get("source", "test"),
                    "id": str(self._revision),
                    "name": event["name"],
                    "occurred_at": event["at_us"],
                    "accepted_at": event["at_us"],
                    "user_id": event.get("user", ""),
                    "account_id": event["account"],
                    "value": event.get("value"),
                    "properties": [] if ok is None else [("ok", ok)],
                    "numbers": [] if size is None else [("size", size)],
                    "position": self._revision,
                    "watermark": event["at_us"],
                }
            )
        if rows:
            self.warehouse.insert("events", pa.Table.from_pylist(rows, schema=_EVENTS))

    def row(self, account: str, at_us: int | None = None) -> AccountRow:
        """What is known of an account."""
        at = self.now_us if at_us is None else at_us
        question = AccountQuestion(self.tenant, self.rules, self.profile, at, Accounts(ids=(account,)), observed=True)
        rows = self.warehouse.query_named(*question.to_sql())
        return rows[0] if rows else {}

    def health(self, account: str, at_us: int | None = None) -> Health:
        """How an account is, one by one."""
        return health_of(self.profile, self.row(account, at_us))

    def all(self, foresight: Foresight | None = None, at_once: int = 100_000) -> list[dict[str, object]]:
        """How all accounts are, in one go, by id; NaN is None."""
        question = AccountQuestion(self.tenant, self.rules, self.profile, self.now_us)
        names, classes = score_columns(self.profile), classes_of(self.profile)
        found = []
        for block in AccountPopulation(self.warehouse, question, foresight, at_once).blocks():
            for values in zip(*block, strict=True):
                row = {name: None if value != value else value for name, value in zip(names, values, strict=True)}  # noqa: PLR0124
                found.append({**row, "health": classes[int(str(row["health"]))]})
        return found

    def score(self, account: str, **asked: object) -> pb.ScoreAccountHealthResponse:
        """The answer of the call about one account."""
        request = pb.ScoreAccountHealthRequest(account_id=account, **asked)  # type: ignore[arg-type]
        return self.calls.score(self.tenant, self.rules, request)


_INSTANT = pa.timestamp("us", tz="UTC")
_EVENTS = pa.schema(
    [
        *((name, pa.string()) for name in ("tenant", "source", "id", "name")),
        ("occurred_at", _INSTANT),
        ("accepted_at", _INSTANT),
        ("user_id", pa.string()),
        ("account_id", pa.string()),
        ("value", pa.decimal128(38, 9)),
        ("properties", pa.map_(pa.string(), pa.string())),
        ("numbers", pa.map_(pa.string(), pa.float64())),
        ("position", pa.uint64()),
        ("watermark", _INSTANT),
    ]
)
