"""The ComplianceService over the wire."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any

from trueline.v1 import compliance_service_pb2 as pb
from trueline.v1 import compliance_service_pb2_grpc
from trueline_rules.compliance_model import TENANT

from trueline_server.compliance import mapping
from trueline_server.compliance.assessing import Asked, Assessments
from trueline_server.compliance.covering import Covering
from trueline_server.compliance.export.calls import export_report
from trueline_server.compliance.file_calls import FileCalls
from trueline_server.compliance.frameworks import FrameworkBook
from trueline_server.compliance.given_facts import given_of
from trueline_server.compliance.model import THE_TENANT, FrameworkResult, Subject
from trueline_server.compliance.privacy_asking import DEFAULT, AskedPrivacy, PrivacyAssessments
from trueline_server.compliance.privacy_mapping import map_privacy_to_proto, map_processing_from_proto
from trueline_server.compliance.recommending import recommend
from trueline_server.compliance.security import secure
from trueline_server.compliance.subjects import one_subject_of, subject_of
from trueline_server.compliance.undecided import undecided_facts
from trueline_server.rules.in_force import RulesOf
from trueline_server.transport.tenant import current_tenant
from trueline_server.transport.times import instant_in, timestamp_if, timestamp_of
from trueline_server.transport.tokens import Tokens, binding_of

SECURITY = "security_baseline"
_PAGE, _LARGEST_PAGE, _LARGEST_WITH_CONTROLS = 100, 1_000, 10


class ComplianceServicer(compliance_service_pb2_grpc.ComplianceServiceServicer):
    """All of ComplianceService."""

    def __init__(
        self,
        rules: RulesOf,
        book: FrameworkBook,
        assessments: Assessments,
        covering: Covering,
        privacy: PrivacyAssessments,
        *,
        files: FileCalls,
        tokens: Tokens,
    ) -> None:
        self._rules = rules
        self._book = book
        self._assessments = assessments
        self._covering = covering
        self._privacy = privacy
        self._tokens = tokens
        self._files = files

    async def ListFrameworks(self, request: pb.ListFrameworksRequest, context: Any) -> pb.ListFrameworksResponse:
        """Frameworks in force, by name."""
        rules = self._rules(current_tenant())
        found = await asyncio.to_thread(self._book.named, rules, sorted(request.frameworks))
        return pb.ListFrameworksResponse(
            frameworks=[
                mapping.map_framework_to_proto(each.framework, with_controls=request.with_controls) for each in found
            ],
            rule_revision=rules.revision,
        )

    async def AssessPattern(self, request: pb.AssessPatternRequest, context: Any) -> pb.AssessPatternResponse:
        """A pattern against standards."""
        asked = Asked(
            subject=one_subject_of(request.subject),
            frameworks=tuple(request.frameworks),
            given=given_of(request.facts),
            keep=request.keep_facts,
            at_us=instant_in(request, "at"),
            known_us=instant_in(request, "known_at"),
        )
        made = await asyncio.to_thread(self._assessments.assess, current_tenant(), asked)
        results = mapping.map_results_to_proto(made.results)
        return pb.AssessPatternResponse(
            subject=mapping.map_subject_to_proto(made.subject),
            name=request.name or made.subject.id or made.subject.kind,
            validation_passed=all(result.satisfied for result in results),
            frameworks=results,
            recommendations=map(mapping.map_recommendation_to_proto, recommend(made.results)),
            at=timestamp_of(made.when.at_us),
            known_at=timestamp_if(made.when.known_us),
            rule_revision=made.revision,
            undecided_facts=map(mapping.map_undecided_to_proto, undecided_facts(made.results, made.rules.fact_types)),
        )

    async def AssessSecurity(self, request: pb.AssessSecurityRequest, context: Any) -> pb.AssessSecurityResponse:
        """The security of something, by area."""
        name = request.framework or SECURITY
        subject = one_subject_of(request.subject)
        asked = Asked(
            subject,
            (name,),
            given_of(request.facts),
            at_us=instant_in(request, "at"),
            known_us=instant_in(request, "known_at"),
            field="framework",
        )
        made = await asyncio.to_thread(self._assessments.assess, current_tenant(), asked)
        (framework,), (result,) = made.frameworks, made.results
        report = secure(framework, result)
        return pb.AssessSecurityResponse(
            subject=mapping.map_subject_to_proto(subject),
            name=request.name or subject.id or subject.kind,
            level=report.level,
            level_reason=report.reason,
            score=report.score,
            areas=mapping.map_areas_to_proto(report.areas),
            findings=mapping.map_findings_to_proto(report),
            at=timestamp_of(made.when.at_us),
            known_at=timestamp_if(made.when.known_us),
            rule_revision=made.revision,
        )

    async def AssessPrivacyImpact(
        self, request: pb.AssessPrivacyImpactRequest, context: Any
    ) -> pb.AssessPrivacyImpactResponse:
        """What a processing of personal data does to people."""
        subject = one_subject_of(request.subject)
        asked = AskedPrivacy(
            subject=subject,
            name=request.name or subject.id or subject.kind,
            processing=map_processing_from_proto(request),
            profile=request.profile or DEFAULT,
            at_us=instant_in(request, "at"),
        )
        made = await asyncio.to_thread(self._privacy.assess, current_tenant(), asked)
        response: pb.AssessPrivacyImpactResponse = map_privacy_to_proto(made, request)
        return response

    async def GetPosture(self, request: pb.GetPostureRequest, context: Any) -> pb.GetPostureResponse:
        """One subject, or all of a kind."""
        subject = subject_of(request.subject) if request.HasField("subject") else THE_TENANT
        if subject.kind == TENANT or subject.id:
            return await self._posture_of(subject, request)
        return await self._postures(subject.kind, request)

    async def GetCoverage(self, request: pb.GetCoverageRequest, context: Any) -> pb.GetCoverageResponse:
        """Which controls others cover."""
        found = await asyncio.to_thread(
            self._covering.cover,
            current_tenant(),
            request.framework,
            request.by_framework,
            controls=list(request.control_ids),
            subject=one_subject_of(request.subject) if request.HasField("subject") else THE_TENANT,
            hops=request.hops or 3,
        )
        return mapping.map_coverage_to_proto(found)

    async def RecordEvidence(self, request: pb.RecordEvidenceRequest, context: Any) -> pb.RecordEvidenceResponse:
        """Evidence is kept."""
        return await self._files.record_evidence(request)

    async def ListEvidence(self, request: pb.ListEvidenceRequest, context: Any) -> pb.ListEvidenceResponse:
        """Evidence, the newest first."""
        return await self._files.list_evidence(request)

    async def GrantWaiver(self, request: pb.GrantWaiverRequest, context: Any) -> pb.GrantWaiverResponse:
        """A control need not pass for a time."""
        return await self._files.grant_waiver(request)

    async def RevokeWaiver(self, request: pb.RevokeWaiverRequest, context: Any) -> pb.RevokeWaiverResponse:
        """A waiver ends before its time."""
        return await self._files.revoke_waiver(request)

    async def ListWaivers(self, request: pb.ListWaiversRequest, context: Any) -> pb.ListWaiversResponse:
        """Waivers, the newest first."""
        return await self._files.list_waivers(request)

    async def ExportReport(self, request: pb.ExportReportRequest, context: Any) -> pb.ExportReportResponse:
        """The posture of a subject as a file."""
        return await export_report(self._assessments, request)

    async def _posture_of(self, subject: Subject, request: pb.GetPostureRequest) -> pb.GetPostureResponse:
        at_us, known_us = instant_in(request, "at"), instant_in(request, "known_at")
        asked = Asked(subject, tuple(request.frameworks), at_us=at_us, known_us=known_us)
        made = await asyncio.to_thread(self._assessments.assess, current_tenant(), asked, refuse=False)
        return pb.GetPostureResponse(
            subjects=[_posture(subject, made.results, with_controls=request.with_controls)],
            total_subjects=1,
            at=timestamp_of(made.when.at_us),
            known_at=timestamp_if(made.when.known_us),
            rule_revision=made.revision,
        )

    async def _postures(self, kind: str, request: pb.GetPostureRequest) -> pb.GetPostureResponse:
        """A page of subjects; its token is the instant and the last id on it, so that all pages tell one instant."""
        binding = binding_of(request, "page_size", "page_token")
        token = self._tokens.open(binding, request.page_token, "page_token") if request.page_token else ""
        instant, _, after = token.partition("\0")
        largest = _LARGEST_WITH_CONTROLS if request.with_controls else _LARGEST_PAGE
        size, tenant = min(request.page_size or _PAGE, largest), current_tenant()
        names = list(request.frameworks)
        at_us = int(instant) if instant else instant_in(request, "at")
        known_us = instant_in(request, "known_at")
        found = await asyncio.to_thread(
            self._assessments.postures, tenant, kind, names, at_us=at_us, known_us=known_us, after=after, most=size
        )
        subjects = []
        for subject, standings in found.subjects.items():
            if request.with_controls:
                own = tuple(each.framework.name for each in standings)
                asked = Asked(subject, own, at_us=found.when.at_us, known_us=known_us)
                made = await asyncio.to_thread(self._assessments.assess, tenant, asked, refuse=False)
                subjects.append(_posture(subject, made.results, with_controls=True))
            else:
                told = pb.SubjectPosture(subject=mapping.map_subject_to_proto(subject))
                told.frameworks.extend(map(mapping.map_standing_to_proto, standings))
                subjects.append(told)
        last = f"{found.when.at_us}\0{subjects[-1].subject.id}" if len(subjects) == size else ""
        return pb.GetPostureResponse(
            subjects=subjects,
            total_subjects=found.total,
            at=timestamp_of(found.when.at_us),
            known_at=timestamp_if(found.when.known_us),
            rule_revision=found.revision,
            next_page_token=self._tokens.seal(binding, last) if last else "",
        )


def _posture(subject: Subject, results: Iterable[FrameworkResult], *, with_controls: bool) -> pb.SubjectPosture:
    return pb.SubjectPosture(
        subject=mapping.map_subject_to_proto(subject),
        frameworks=mapping.map_results_to_proto(results, with_controls=with_controls),
    )
