"""Subjects as requests name them."""

from __future__ import annotations

from trueline.v1 import compliance_service_pb2 as pb
from trueline_rules.compliance_model import TENANT

from trueline_server.compliance.model import Subject
from trueline_server.errors import invalid_field


def subject_of(message: pb.ComplianceSubject, field: str = "subject") -> Subject:
    """The subject of a request, or all of a kind where it has no id; the tenant where it names no kind.

    Raises:
        TruelineError: INVALID_FIELD, for an id of the tenant, or one without a kind.

    """
    kind = message.kind or TENANT
    if kind == TENANT and message.id:
        told = "is given without a kind" if not message.kind else "is given, but the tenant as a whole has none"
        raise invalid_field(f"{field}.id", f"{told}; say which kind of subject it is, e.g. kind: pattern")
    return Subject(kind, message.id)


def one_subject_of(message: pb.ComplianceSubject, field: str = "subject") -> Subject:
    """The one subject of a request.

    Raises:
        TruelineError: INVALID_FIELD, as subject_of, and for a kind without an id.

    """
    subject = subject_of(message, field)
    if subject.kind != TENANT and not subject.id:
        raise invalid_field(f"{field}.id", f"is required: say which {subject.kind} it is about")
    return subject
