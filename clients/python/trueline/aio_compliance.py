"""The methods of the async client that are about compliance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from trueline import compliance_calls
from trueline.calls import Answer, Call
from trueline.compliance import (
    ComplianceCoverage,
    ComplianceFrameworks,
    CompliancePosture,
    ComplianceReport,
    Evidence,
    PatternAssessment,
    ReportFormat,
    SecurityAssessment,
    Waiver,
)
from trueline.privacy import DataUse, PrivacyImpactAssessment


class AsyncComplianceMethods:
    """Calls of the ComplianceService, over the calls of the client that has them.

    A subject is named by its id and its kind, which is "pattern" if it is left out. Without both it is the tenant as a
    whole.
    """

    async def _call(self, call: Call[Answer], timeout: float | None) -> Answer:
        raise NotImplementedError

    async def list_frameworks(
        self, *names: str, with_controls: bool = False, timeout: float | None = None
    ) -> ComplianceFrameworks:
        """Frameworks in force, all or those named.

        Raises:
            NotFoundError: there is no such framework; `metadata["nearest"]` may name the nearest.

        """
        return await self._call(compliance_calls.list_frameworks(names, with_controls=with_controls), timeout)

    async def assess_pattern(
        self,
        subject: str,
        frameworks: Sequence[str],
        facts: Mapping[str, object] | None = None,
        *,
        kind: str = "",
        name: str = "",
        keep_facts: bool = False,
        at: datetime | None = None,
        known_at: datetime | None = None,
        timeout: float | None = None,
    ) -> PatternAssessment:
        """See `TruelineClient.assess_pattern`."""
        call = compliance_calls.assess_pattern(
            subject, frameworks, facts or {}, kind=kind, name=name, keep_facts=keep_facts, at=at, known_at=known_at
        )
        return await self._call(call, timeout)

    async def assess_security(
        self,
        subject: str,
        facts: Mapping[str, object] | None = None,
        *,
        kind: str = "",
        name: str = "",
        framework: str = "",
        at: datetime | None = None,
        known_at: datetime | None = None,
        timeout: float | None = None,
    ) -> SecurityAssessment:
        """See `TruelineClient.assess_security`."""
        call = compliance_calls.assess_security(
            subject, facts or {}, kind=kind, name=name, framework=framework, at=at, known_at=known_at
        )
        return await self._call(call, timeout)

    async def assess_privacy_impact(
        self,
        subject: str,
        data: Sequence[DataUse],
        *,
        rights: Mapping[str, bool | str] | None = None,
        measures: Sequence[str] = (),
        people: int = 0,
        automated_decisions: bool | None = None,
        kind: str = "",
        name: str = "",
        profile: str = "",
        at: datetime | None = None,
        timeout: float | None = None,
    ) -> PrivacyImpactAssessment:
        """See `TruelineClient.assess_privacy_impact`."""
        call = compliance_calls.assess_privacy_impact(
            subject,
            data,
            kind=kind,
            name=name,
            rights=rights or {},
            measures=measures,
            people=people,
            automated_decisions=automated_decisions,
            profile=profile,
            at=at,
        )
        return await self._call(call, timeout)

    async def get_posture(
        self,
        subject: str = "",
        *,
        kind: str = "",
        frameworks: Sequence[str] = (),
        with_controls: bool = False,
        at: datetime | None = None,
        known_at: datetime | None = None,
        timeout: float | None = None,
    ) -> CompliancePosture:
        """See `TruelineClient.get_posture`."""
        call = compliance_calls.get_posture(
            subject, kind, frameworks, with_controls=with_controls, at=at, known_at=known_at
        )
        return await self._call(call, timeout)

    async def list_postures(
        self,
        kind: str = "pattern",
        *,
        frameworks: Sequence[str] = (),
        with_controls: bool = False,
        at: datetime | None = None,
        known_at: datetime | None = None,
        limit: int = 100,
        timeout: float | None = None,
    ) -> CompliancePosture:
        """See `TruelineClient.list_postures`."""
        call = compliance_calls.list_postures(
            kind, frameworks, with_controls=with_controls, at=at, known_at=known_at, limit=limit
        )
        return await self._call(call, timeout)

    async def get_coverage(
        self,
        framework: str,
        by_framework: str,
        *,
        controls: Sequence[str] = (),
        subject: str = "",
        kind: str = "",
        hops: int = 0,
        timeout: float | None = None,
    ) -> ComplianceCoverage:
        """See `TruelineClient.get_coverage`."""
        call = compliance_calls.get_coverage(
            framework, by_framework, controls=controls, subject=subject, kind=kind, hops=hops
        )
        return await self._call(call, timeout)

    async def record_evidence(
        self,
        type: str,  # noqa: A002 as the contract calls it
        source: str,
        *,
        subject: str = "",
        kind: str = "",
        content: bytes = b"",
        sha256: str = "",
        uri: str = "",
        note: str = "",
        collected_at: datetime | None = None,
        expires_at: datetime | None = None,
        request_id: str = "",
        timeout: float | None = None,
    ) -> Evidence:
        """See `TruelineClient.record_evidence`."""
        call = compliance_calls.record_evidence(
            type,
            source,
            subject=subject,
            kind=kind,
            content=content,
            sha256=sha256,
            uri=uri,
            note=note,
            collected_at=collected_at,
            expires_at=expires_at,
            request_id=request_id,
        )
        return await self._call(call, timeout)

    async def list_evidence(
        self,
        subject: str = "",
        *,
        kind: str = "",
        of_type: str = "",
        limit: int = 100,
        timeout: float | None = None,
    ) -> tuple[Evidence, ...]:
        """See `TruelineClient.list_evidence`."""
        return await self._call(compliance_calls.list_evidence(subject, kind, of_type, limit), timeout)

    async def grant_waiver(
        self,
        framework: str,
        control_id: str,
        *,
        reason: str,
        compensating_control: str,
        requested_by: str,
        approved_by: str,
        expires_at: datetime,
        subject: str = "",
        kind: str = "",
        request_id: str = "",
        timeout: float | None = None,
    ) -> Waiver:
        """See `TruelineClient.grant_waiver`."""
        call = compliance_calls.grant_waiver(
            framework,
            control_id,
            reason=reason,
            compensating_control=compensating_control,
            requested_by=requested_by,
            approved_by=approved_by,
            expires_at=expires_at,
            subject=subject,
            kind=kind,
            request_id=request_id,
        )
        return await self._call(call, timeout)

    async def revoke_waiver(self, waiver_id: str, revoked_by: str, *, timeout: float | None = None) -> Waiver:
        """See `TruelineClient.revoke_waiver`."""
        return await self._call(compliance_calls.revoke_waiver(waiver_id, revoked_by), timeout)

    async def list_waivers(
        self,
        subject: str = "",
        *,
        kind: str = "",
        framework: str = "",
        with_ended: bool = False,
        limit: int = 100,
        timeout: float | None = None,
    ) -> tuple[Waiver, ...]:
        """See `TruelineClient.list_waivers`."""
        call = compliance_calls.list_waivers(subject, kind, framework, with_ended=with_ended, limit=limit)
        return await self._call(call, timeout)

    async def export_report(
        self,
        subject: str = "",
        form: ReportFormat | str = ReportFormat.OSCAL_ASSESSMENT_RESULTS,
        *,
        kind: str = "",
        frameworks: Sequence[str] = (),
        facts: Mapping[str, object] | None = None,
        oscal_version: str = "",
        at: datetime | None = None,
        known_at: datetime | None = None,
        timeout: float | None = None,
    ) -> ComplianceReport:
        """See `TruelineClient.export_report`."""
        call = compliance_calls.export_report(
            subject,
            form,
            kind=kind,
            frameworks=frameworks,
            facts=facts or {},
            oscal_version=oscal_version,
            at=at,
            known_at=known_at,
        )
        return await self._call(call, timeout)
