"""The ScoringService over the wire: one feature at once, what takes longer on a thread, all accounts as a stream."""

from __future__ import annotations

import asyncio
import time
from typing import Any

from trueline.v1 import scoring_service_pb2 as pb
from trueline.v1 import scoring_service_pb2_grpc
from trueline_rules.names import hint, quoted
from trueline_rules.scoring_model import Subject

from trueline_server.errors import invalid_field
from trueline_server.rules.in_force import RulesOf
from trueline_server.scoring.account_batch import AccountBatch, send_healths
from trueline_server.scoring.account_calls import AccountCalls
from trueline_server.scoring.feature_calls import FeatureCalls
from trueline_server.scoring.places import on_thread
from trueline_server.scoring.profile_mapping import map_profile_to_proto
from trueline_server.scoring.profiles import profiles_of
from trueline_server.transport.tenant import current_tenant

# Roadmaps may compute for seconds; further ones wait, so that other work has threads.
_AT_ONCE = 2
# Of the time that a call has a search may take so much; the answer takes its way, too.
_SEARCH_PART = 0.9


class ScoringServicer(scoring_service_pb2_grpc.ScoringServiceServicer):
    """All calls of the ScoringService."""

    def __init__(
        self,
        rules: RulesOf,
        features: FeatureCalls,
        accounts: AccountCalls,
        batch: AccountBatch,
        *,
        default_deadline_s: float,
    ) -> None:
        """`default_deadline_s` is the deadline of a call that brings none."""
        self._rules = rules
        self._features = features
        self._accounts = accounts
        self._batch = batch
        self._default_deadline_s = default_deadline_s
        # Comparisons take far less time than roadmaps, and do not wait for them.
        self._planning, self._comparing = asyncio.Semaphore(_AT_ONCE), asyncio.Semaphore(_AT_ONCE)
        self._streaming = asyncio.Semaphore(_AT_ONCE)

    async def ListScoringProfiles(
        self, request: pb.ListScoringProfilesRequest, context: Any
    ) -> pb.ListScoringProfilesResponse:
        """All profiles of a kind of subject."""
        subjects = [str(one) for one in Subject]
        if request.subject and request.subject not in subjects:
            raise invalid_field("subject", f"is {quoted(request.subject)}{hint(request.subject, subjects)}")
        rules = self._rules(current_tenant())
        found = [one for one in profiles_of(rules).values() if request.subject in {"", str(one.subject)}]
        return pb.ListScoringProfilesResponse(profiles=map(map_profile_to_proto, found), rule_revision=rules.revision)

    async def ScoreFeature(self, request: pb.ScoreFeatureRequest, context: Any) -> Any:
        """One feature, in bytes. A thread would cost more than the arithmetic, and a message more than both."""
        return self._features.score(self._rules(current_tenant()), request)

    async def CompareFeatures(self, request: pb.CompareFeaturesRequest, context: Any) -> pb.CompareFeaturesResponse:
        """Several features."""
        rules = self._rules(current_tenant())
        return await on_thread(self._comparing, lambda: self._features.compare(rules, request))

    async def ScoreRoadmap(self, request: pb.ScoreRoadmapRequest, context: Any) -> pb.ScoreRoadmapResponse:
        """What to build when. The search ends a little before the call does, so that it can be told why."""
        rules = self._rules(current_tenant())
        remaining_s = context.time_remaining()
        seconds = self._default_deadline_s if remaining_s is None else remaining_s
        until = time.monotonic() + seconds * _SEARCH_PART
        return await on_thread(
            self._planning, lambda: self._features.roadmap(rules, request, max(until - time.monotonic(), 0.0))
        )

    async def ScoreAccountHealth(
        self, request: pb.ScoreAccountHealthRequest, context: Any
    ) -> pb.ScoreAccountHealthResponse:
        """One account."""
        tenant = current_tenant()
        return await asyncio.to_thread(self._accounts.score, tenant, self._rules(tenant), request)

    async def BatchScoreAccountHealth(self, request: pb.BatchScoreAccountHealthRequest, context: Any) -> None:  # type: ignore[override]
        """Writes to the context and yields nothing: a reader that blocks a `yield` could not be cut."""
        tenant = current_tenant()
        async with self._streaming:
            stream = await asyncio.to_thread(self._batch.open, tenant, self._rules(tenant), request)
            await send_healths(stream, context.write, counts_only=request.counts_only)
