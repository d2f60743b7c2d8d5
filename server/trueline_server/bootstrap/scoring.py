"""Scoring of a server: its service, and what tells accounts whose class turned."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from trueline_server.bootstrap.backend import Backend
from trueline_server.churn.service import ChurnService
from trueline_server.clock import Clock
from trueline_server.facts.store import FactStore
from trueline_server.ingest.own_events import OwnEvents
from trueline_server.ingest.service import Ingestion
from trueline_server.scoring.account_batch import AccountBatch
from trueline_server.scoring.account_calls import AccountCalls, AccountParts
from trueline_server.scoring.feature_calls import FeatureCalls
from trueline_server.scoring.health_watch import HealthWatch
from trueline_server.scoring.kept_healths import KeptHealths
from trueline_server.scoring.profiles import ProfileBook
from trueline_server.scoring.servicer import ScoringServicer
from trueline_server.settings import Settings


@dataclass(frozen=True, slots=True)
class ScoringParts:
    """The service, and what looks at all accounts, which is not started yet."""

    servicer: ScoringServicer
    watch: HealthWatch


def make_scoring(
    settings: Settings, backend: Backend, ingestion: Ingestion, churn: ChurnService, clock: Clock
) -> ScoringParts:
    """The parts of scoring; called on the server's event loop, by which own events are appended."""
    rules, book = backend.book.of, ProfileBook()
    parts = AccountParts(backend.warehouse, book, churn, clock)
    watch = HealthWatch(
        KeptHealths(backend.warehouse),
        book,
        OwnEvents(ingestion, asyncio.get_running_loop()),
        rules,
        FactStore(backend.warehouse),
        clocks=backend.clocks,
        clock=clock,
        interval_s=settings.health_interval_s,
    )
    batch = AccountBatch(parts, backend.warehouse)
    servicer = ScoringServicer(
        rules, FeatureCalls(book), AccountCalls(parts), batch, default_deadline_s=settings.default_deadline_s
    )
    return ScoringParts(servicer, watch)
