"""ComplianceService over gRPC on a real warehouse and a real state database, with a turned clock."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf.duration_pb2 import Duration
from google.rpc import error_details_pb2
from trueline.v1 import compliance_service_pb2 as pb
from trueline.v1 import compliance_service_pb2_grpc, fact_pb2
from trueline_rules.loader import load_rules
from trueline_rules.model import RuleSet
from trueline_server.clock import ManualClock
from trueline_server.compliance.assessing import Assessments
from trueline_server.compliance.covering import Covering
from trueline_server.compliance.file_calls import FileCalls
from trueline_server.compliance.frameworks import FrameworkBook
from trueline_server.compliance.instants import AsOf
from trueline_server.compliance.keeping import ComplianceFiles
from trueline_server.compliance.privacy_asking import PrivacyAssessments
from trueline_server.compliance.servicer import ComplianceServicer
from trueline_server.facts.service import FactService, PutFact
from trueline_server.facts.store import FactStore
from trueline_server.rules.values import map_value_to_proto
from trueline_server.transport.times import timestamp_of
from trueline_server.transport.tokens import Tokens
from trueline_stores.state.database import StateDatabase
from trueline_stores.warehouse.client import Warehouse

from tests.integration.server.serving import info_of, serving

NAME = "trueline.v1.ComplianceService"
DAY_S = 86_400
NOW_US = 1_800_000_000_000_000
# The pattern of the usage example.
REPORTING = {
    "personal_data_involved": True,
    "data_types_collected": frozenset({"email", "campaign_data"}),
    "encryption_implemented": True,
    "user_consent_required": True,
}


def subject(id_: str = "reporting", kind: str = "pattern") -> pb.ComplianceSubject:
    """A pattern."""
    return pb.ComplianceSubject(kind=kind, id=id_)


def given(values: Mapping[str, object]) -> list[pb.GivenFact]:
    """Facts as a call brings them."""
    return [pb.GivenFact(name=name, value=_value(value)) for name, value in values.items()]


def _value(value: object) -> fact_pb2.FactValue:
    return map_value_to_proto(value)


def days(count: float) -> Duration:
    """A span of days."""
    return Duration(seconds=int(count * DAY_S))


class ComplianceWorld:
    """Compliance of one tenant; `rules` may be replaced, and those of before are then in force up to that instant."""

    def __init__(self, warehouse: Warehouse, folder: Path, tenant: str) -> None:
        self.tenant = tenant
        self.clock = ManualClock(NOW_US)
        self.rules: RuleSet = load_rules([])
        self.former: list[tuple[int, RuleSet]] = []
        self.state = StateDatabase.sqlite(folder / "state.sqlite3")
        self.facts = FactStore(warehouse)
        self.putting = FactService(self.facts, lambda _: self.rules, self.clock)
        self.book = FrameworkBook()
        self.assessments = Assessments(self.state, self.facts, self.putting, self.rules_at, self.book, clock=self.clock)

    def rules_at(self, tenant: str, when: AsOf, now_us: int) -> RuleSet:
        """The rules in force at an instant."""
        return next((rules for until_us, rules in self.former if when.told_us < until_us), self.rules)

    def replace_rules(self, rules: RuleSet) -> None:
        """Other rules are in force from now on."""
        self.former.append((self.clock(), self.rules))
        self.rules = rules

    def put(self, values: Mapping[str, Any], subject_id: str = "reporting") -> None:
        """Facts are observed now."""
        accepted, rejections = self.putting.put(
            self.tenant, [PutFact(subject_id, name, value) for name, value in values.items()]
        )
        assert (accepted, rejections) == (len(values), [])

    def turn(self, days_: float) -> None:
        """Days go by."""
        self.clock.turn(days_ * DAY_S)

    def at(self, ago_days: float) -> Any:
        """An instant some days ago."""
        return timestamp_of(self.clock() - int(ago_days * DAY_S * 1_000_000))

    def call(self, method: str, request: Any) -> Any:
        """The answer of a call."""
        return asyncio.run(self._call(method, request))

    def refused(self, method: str, request: Any) -> tuple[str, error_details_pb2.ErrorInfo, str]:
        """Code, ErrorInfo and message of a call that is refused."""
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            self.call(method, request)
        return caught.value.code().name, info_of(caught.value), str(caught.value.details())

    def close(self) -> None:
        """Close the state database."""
        self.state.close()

    async def _call(self, method: str, request: Any) -> Any:
        tokens = Tokens(b"k" * 32)
        servicer = ComplianceServicer(
            lambda _: self.rules,
            self.book,
            self.assessments,
            Covering(self.assessments, self.book, lambda _: self.rules),
            PrivacyAssessments(self.rules_at, self.clock),
            files=FileCalls(ComplianceFiles(self.state, lambda _: self.rules, self.book, self.clock), tokens),
            tokens=tokens,
        )
        async with serving({NAME: servicer}, tokens={"t": self.tenant}) as channel:
            stub = compliance_service_pb2_grpc.ComplianceServiceStub(channel)
            return await getattr(stub, method)(request, metadata=(("authorization", "Bearer t"),), timeout=60)
