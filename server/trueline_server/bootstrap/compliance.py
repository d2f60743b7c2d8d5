"""Compliance of a server: its service, and what tells controls that turned."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from trueline_server.bootstrap.backend import Backend
from trueline_server.clock import Clock
from trueline_server.compliance.assessing import Assessments
from trueline_server.compliance.covering import Covering
from trueline_server.compliance.file_calls import FileCalls
from trueline_server.compliance.frameworks import FrameworkBook
from trueline_server.compliance.keeping import ComplianceFiles
from trueline_server.compliance.past_rules import PastRules
from trueline_server.compliance.privacy_asking import PrivacyAssessments
from trueline_server.compliance.servicer import ComplianceServicer
from trueline_server.compliance.turning import TurnWatch
from trueline_server.facts.service import FactService
from trueline_server.facts.store import FactStore
from trueline_server.ingest.own_events import OwnEvents
from trueline_server.ingest.service import Ingestion
from trueline_server.settings import Settings


@dataclass(frozen=True, slots=True)
class ComplianceParts:
    """The service, and what tells controls that turned, which is not started yet."""

    servicer: ComplianceServicer
    watch: TurnWatch


def make_compliance(settings: Settings, backend: Backend, ingestion: Ingestion, clock: Clock) -> ComplianceParts:
    """The parts of compliance; called on the server's event loop, by which own events are appended."""
    rules, state = backend.book.of, backend.state
    facts, book, past = FactStore(backend.warehouse), FrameworkBook(), PastRules(backend.book)
    assessments = Assessments(state, facts, FactService(facts, rules, clock), past.at, book, clock=clock)
    watch = TurnWatch(
        state,
        facts,
        assessments,
        OwnEvents(ingestion, asyncio.get_running_loop()),
        rules,
        clocks=backend.clocks,
        clock=clock,
        interval_s=settings.compliance_interval_s,
    )
    servicer = ComplianceServicer(
        rules,
        book,
        assessments,
        Covering(assessments, book, rules),
        PrivacyAssessments(past.at, clock),
        files=FileCalls(ComplianceFiles(state, rules, book, clock), backend.tokens),
        tokens=backend.tokens,
    )
    return ComplianceParts(servicer, watch)
