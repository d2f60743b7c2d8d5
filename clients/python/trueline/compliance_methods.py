"""The methods of the sync client that are about compliance."""

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


class ComplianceMethods:
    """Calls of the ComplianceService, over the calls of the client that has them.

    A subject is named by its id and its kind, which is "pattern" if it is left out. Without both it is the tenant as a
    whole.
    """

    def _call(self, call: Call[Answer], timeout: float | None) -> Answer:
        raise NotImplementedError

    def list_frameworks(
        self, *names: str, with_controls: bool = False, timeout: float | None = None
    ) -> ComplianceFrameworks:
        """Frameworks in force, all or those named.

        Raises:
            NotFoundError: there is no such framework; `metadata["nearest"]` may name the nearest.

        """
        return self._call(compliance_calls.list_frameworks(names, with_controls=with_controls), timeout)

    def assess_pattern(
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
        """Judge a pattern against standards; it passes only if all that was needed is known.

        Args:
            subject: id of the pattern.
            frameworks: names, e.g. ["gdpr", "soc2"].
            facts: that the call brings along; they win over those that are kept. None = nothing is known of a fact.
            kind: of the subject; "" = "pattern".
            name: what to call it; "" = its id.
            keep_facts: keep the given facts.
            at: as it was then; None = as of `known_at`, or now.
            known_at: what was recorded later is left out, so that the answer stays; None = all that is known now.
            timeout: seconds.

        Raises:
            NotFoundError: there is no such framework or fact; `metadata["nearest"]` may name the nearest.
            InvalidRequestError: a fact is of another type, or facts contradict each other.

        """
        call = compliance_calls.assess_pattern(
            subject, frameworks, facts or {}, kind=kind, name=name, keep_facts=keep_facts, at=at, known_at=known_at
        )
        return self._call(call, timeout)

    def assess_security(
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
        """Judge the security of a pattern by area; `framework` "" = "security_baseline". Else as `assess_pattern`."""
        call = compliance_calls.assess_security(
            subject, facts or {}, kind=kind, name=name, framework=framework, at=at, known_at=known_at
        )
        return self._call(call, timeout)

    def assess_privacy_impact(
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
        """Judge what is done with personal data.

        Args:
            subject: id of what does it.
            data: what is done with which data.
            rights: right -> whether it is served, or how; those left out are not known.
            measures: that are taken, as the profile names them.
            people: how many are concerned; 0 = not known.
            automated_decisions: whether it decides about people by itself; None = not known.
            kind: of the subject; "" = "pattern".
            name: what to call it; "" = its id.
            profile: by which it is judged; "" = "default".
            at: as it was then; None = now.
            timeout: seconds.

        Raises:
            NotFoundError: the profile has no such type of data; `metadata["nearest"]` may name the nearest.
            InvalidRequestError: the profile has no such name.

        """
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
        return self._call(call, timeout)

    def get_posture(
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
        """Where one subject, or the tenant as a whole, stands now or stood then, by the rules of then.

        Args:
            subject: id; "" = the tenant.
            kind: of the subject.
            frameworks: names; () = all that judge it.
            with_controls: with each control, not only counts.
            at: as it was then; None = as of `known_at`, or now.
            known_at: what was recorded later is left out, so that the answer stays; None = all that is known now.
            timeout: seconds.

        """
        call = compliance_calls.get_posture(
            subject, kind, frameworks, with_controls=with_controls, at=at, known_at=known_at
        )
        return self._call(call, timeout)

    def list_postures(
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
        """Where all subjects of a kind stand of which facts are known; at most `limit`, 0 = all."""
        call = compliance_calls.list_postures(
            kind, frameworks, with_controls=with_controls, at=at, known_at=known_at, limit=limit
        )
        return self._call(call, timeout)

    def get_coverage(
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
        """Which controls of a framework another one covers by mappings; the weakest link counts.

        Args:
            framework: that is covered.
            by_framework: that covers it.
            controls: of it that are in place; () = those that pass for the subject.
            subject: id; "" = the tenant.
            kind: of the subject.
            hops: most mappings from the one to the other, up to 3; 0 = 3.
            timeout: seconds.

        """
        call = compliance_calls.get_coverage(
            framework, by_framework, controls=controls, subject=subject, kind=kind, hops=hops
        )
        return self._call(call, timeout)

    def record_evidence(
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
        """Keep evidence; its content is hashed by the server and not kept.

        Args:
            type: as controls name it.
            source: who or what collected it.
            subject: id; "" = the tenant.
            kind: of the subject.
            content: is hashed; either this or sha256 or neither.
            sha256: of the content, hexadecimal.
            uri: where it lies.
            note: in words.
            collected_at: when; None = now, not in the future.
            expires_at: until when it counts at most; None = as long as controls allow.
            request_id: the same for the same evidence, however often it is called; "" = a new one.
            timeout: seconds.

        Raises:
            NotFoundError: no control needs evidence of this type.
            InvalidRequestError: it is from the future, or without a source.

        """
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
        return self._call(call, timeout)

    def list_evidence(
        self,
        subject: str = "",
        *,
        kind: str = "",
        of_type: str = "",
        limit: int = 100,
        timeout: float | None = None,
    ) -> tuple[Evidence, ...]:
        """Evidence, the newest first; of all subjects unless one is named, and of the tenant with kind "tenant"."""
        return self._call(compliance_calls.list_evidence(subject, kind, of_type, limit), timeout)

    def grant_waiver(
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
        """Let a control not pass for a time, which ends by itself.

        Args:
            framework: its framework.
            control_id: the control.
            reason: why.
            compensating_control: what is done in its place.
            requested_by: who asks.
            approved_by: who approves: another person.
            expires_at: when it ends, at most 90 days from now.
            subject: id; "" = the tenant.
            kind: of the subject.
            request_id: the same for the same waiver, however often it is called; "" = a new one.
            timeout: seconds.

        Raises:
            NotFoundError: there is no such framework or control.
            PreconditionError: who asks cannot approve.
            InvalidRequestError: it ends too late, the control may not be waived, or a name mixes scripts.

        """
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
        return self._call(call, timeout)

    def revoke_waiver(self, waiver_id: str, revoked_by: str, *, timeout: float | None = None) -> Waiver:
        """End a waiver now; one that was revoked before stays as it was."""
        return self._call(compliance_calls.revoke_waiver(waiver_id, revoked_by), timeout)

    def list_waivers(
        self,
        subject: str = "",
        *,
        kind: str = "",
        framework: str = "",
        with_ended: bool = False,
        limit: int = 100,
        timeout: float | None = None,
    ) -> tuple[Waiver, ...]:
        """Waivers, the newest first; of all subjects unless one is named, and of the tenant with kind "tenant"."""
        call = compliance_calls.list_waivers(subject, kind, framework, with_ended=with_ended, limit=limit)
        return self._call(call, timeout)

    def export_report(
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
        """The posture of a subject as a file; the same posture at the same instant gives the same bytes.

        With `at` and `known_at` the same call does so for ever.

        Args:
            subject: id; "" = the tenant.
            form: of the report.
            kind: of the subject.
            frameworks: names; () = all in force.
            facts: by name, over those that are kept; None as a value = not known.
            oscal_version: "1.2.1" or "1.0.4"; "" = "1.2.1". Other forms have none.
            at: as it was then; None = as of `known_at`, or now.
            known_at: what was recorded later is left out, so that the answer stays; None = all that is known now.
            timeout: seconds.

        Raises:
            NotFoundError: there is no such framework or fact.
            InvalidRequestError: the facts contradict each other, or there is no such form or version.

        """
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
        return self._call(call, timeout)
