"""Churn of a small business over a real warehouse and a real state database, with a turned clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

import numpy as np
import pyarrow as pa
from trueline.v1 import churn_service_pb2 as pb
from trueline_rules.churn_model import ChurnModel
from trueline_rules.loader import load_texts
from trueline_rules.model import RuleSet
from trueline_server.churn.operation import ChurnTraining
from trueline_server.churn.population import ChurnPopulation
from trueline_server.churn.service import ChurnService
from trueline_server.facts.store import FactContent, FactRow, FactStore
from trueline_server.operations.runner import Operations
from trueline_server.operations.store import OperationStore
from trueline_stores.state.database import StateDatabase
from trueline_stores.warehouse.client import Warehouse

DAY_US = 86_400_000_000
NOW_US = 1_800_000_000_000_000
BEFORE_US = NOW_US - 30 * DAY_US
TYPES = {"seats": "number", "price": "decimal", "plan": "text", "pays_yearly": "bool"}
_FACT = "apiVersion: trueline/v1\nkind: FactType\nmetadata: {{name: {}}}\nspec: {{subject: account, type: {}}}\n"
MODEL = """\
apiVersion: trueline/v1
kind: ChurnModel
metadata: {name: small}
spec:
  features: [seats, price, plan, pays_yearly]
  label: {fact: gone}
  minimum: {accounts: 200, of_each_class: 30}
  fallback:
    - {when: seats < 3, probability: 0.4}
    - {when: "plan == 'free' and not pays_yearly", probability: 0.2}
  otherwise: {probability: 0.1}
  segments:
    - {name: tiny, when: probability > 0.3 and seats < 3, intervention: Call.}
    - {name: dear, when: probability > 0.15 and price > 20, intervention: Offer a discount.}
    - {name: unsure, when: probability > 0.15, intervention: Write.}
"""


def rules_of(model: str = MODEL) -> RuleSet:
    """Rules with fact types of accounts and one churn model."""
    facts = [_FACT.format(name, kind) for name, kind in (TYPES | {"gone": "bool"}).items()]
    return load_texts([("churn.yaml", "---\n".join([*facts, model]))])


@dataclass(repr=False)
class ChurnWorld:
    """Churn of one tenant."""

    warehouse: Warehouse
    folder: Path
    tenant: str
    rules: RuleSet = field(default_factory=rules_of)
    now_us: int = NOW_US
    revision: int = 0
    sent: int = 0

    def __post_init__(self) -> None:
        self.state = StateDatabase.sqlite(self.folder / "state.sqlite3")
        self.facts = FactStore(self.warehouse)
        # A part holds a few accounts only, so that several are read.
        self.population = ChurnPopulation(self.warehouse, rows_at_once=400, accounts_at_once=50)
        self.service = ChurnService(self.state, lambda _: self.rules, self.facts, self.population, lambda: self.now_us)
        store = OperationStore(self.state, lambda: self.now_us, keep_days=1)
        self.operations = Operations(store, lambda: self.now_us)
        self.training = ChurnTraining(self.service, self.population, self.operations, lambda: self.now_us)
        self.operations.begin()

    def close(self) -> None:
        """End what runs."""
        self.operations.close()
        self.state.close()

    @property
    def document(self) -> ChurnModel:
        """The churn model."""
        return self.service.known(self.tenant, "small").document

    def put(self, values: Mapping[str, Mapping[str, FactContent]], at_us: int) -> None:
        """Put facts in: account -> name -> value."""
        self.revision += 1
        rows = [
            FactRow("account", account, name, at_us, value)
            for account, facts in values.items()
            for name, value in facts.items()
        ]
        self.facts.write(self.tenant, rows, self.revision)

    def send(self, events: Sequence[tuple[str, str, int, float | None]]) -> None:
        """Store events: account, name, when (µs since 1970, UTC), value."""
        first = self.sent
        self.sent += len(events)
        accounts, names, times, values = zip(*events, strict=True)
        columns = {
            "tenant": [self.tenant] * len(events),
            "source": ["shop"] * len(events),
            "id": [f"e-{number}" for number in range(first, self.sent)],
            "name": list(names),
            "account_id": list(accounts),
            "user_id": [f"{account}-user-{number % 3}" for number, account in enumerate(accounts)],
            "occurred_at": pa.array(times, pa.timestamp("us", tz="UTC")),
            "value": pa.array([None if one is None else Decimal(str(one)) for one in values], pa.decimal128(38, 9)),
            "position": pa.array(range(first + 1, self.sent + 1), pa.uint64()),
        }
        self.warehouse.insert("events", pa.table(columns))

    def train(self, **more: object) -> pb.TrainChurnModelResult:
        """Train, and wait for what comes of it."""
        request = pb.TrainChurnModelRequest(document="small", **more)  # type: ignore[arg-type]
        begun = self.training.begin(self.tenant, request)
        ended = self.operations.wait(self.tenant, begun.id, 120)
        assert ended.error is None, ended.error
        assert ended.result is not None
        return pb.TrainChurnModelResult.FromString(ended.result)


def business(accounts: int, seed: int = 0) -> tuple[dict[str, dict[str, FactContent]], Sequence[str]]:
    """Accounts with facts, some of them unknown, and who of them leaves: small ones on the free plan do."""
    drawn = np.random.default_rng(seed)
    values: dict[str, dict[str, FactContent]] = {}
    left = []
    for number in range(accounts):
        seats, plan = int(drawn.integers(1, 20)), str(drawn.choice(["free", "pro", "team"]))
        facts: dict[str, FactContent] = {"seats": float(seats), "plan": plan}
        facts["pays_yearly"] = bool(drawn.random() < 0.5)
        if drawn.random() < 0.8:
            facts["price"] = Decimal(int(drawn.integers(0, 60)))
        account = f"account-{number:04}"
        values[account] = facts
        log_odds = 1.0 - 0.3 * seats + 1.5 * (plan == "free") - 1.0 * bool(facts["pays_yearly"])
        if drawn.random() < 1 / (1 + np.exp(-log_odds)):
            left.append(account)
    return values, left
