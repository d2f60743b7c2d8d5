"""The use case of evidence and waivers: keeps what may be kept, and says what is wrong with the rest."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from trueline_rules.model import RuleSet
from trueline_rules.names import hint, nearest, quoted
from trueline_stores.state.compliance_tables import COMPLIANCE_EVIDENCE, COMPLIANCE_WAIVERS
from trueline_stores.state.database import StateDatabase

from trueline_server.cases.requests import UNREPEATED, Request, answered, remember
from trueline_server.clock import Clock
from trueline_server.compliance import store
from trueline_server.compliance.frameworks import FrameworkBook, JudgedFramework, unknown_control
from trueline_server.compliance.instants import shown
from trueline_server.compliance.model import THE_TENANT, Evidence, Subject, Waiver
from trueline_server.compliance.persons import mixed_scripts, same_person
from trueline_server.errors import TruelineError, invalid_field
from trueline_server.rules.in_force import RulesOf

DAY_US = 86_400_000_000
LONGEST_WAIVER_DAYS = 90
# What a waiver must tell.
_ASKED: Mapping[str, str] = {
    "reason": "say why the control cannot be met for now",
    "compensating_control": "say what is done in its place",
    "requested_by": "say who asks",
    "approved_by": "say who approves",
}
_SHA256 = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class NewEvidence:
    """Evidence as it is brought: `collected_at_us` None = now; either content or sha256 or neither."""

    subject: Subject
    type: str
    source: str
    collected_at_us: int | None = None
    content: bytes = b""
    sha256: str = ""
    uri: str = ""
    expires_at_us: int | None = None
    note: str = ""


@dataclass(frozen=True, slots=True)
class NewWaiver:
    """A waiver as it is asked for."""

    subject: Subject
    framework: str
    control: str
    reason: str
    compensating_control: str
    requested_by: str
    approved_by: str
    expires_at_us: int


class ComplianceFiles:
    """Evidence and waivers of tenants. Methods block; thread-safe; all raise StoreError if the database fails."""

    def __init__(self, state: StateDatabase, rules: RulesOf, book: FrameworkBook, clock: Clock) -> None:
        self._state = state
        self._rules = rules
        self._book = book
        self._clock = clock

    def record(self, tenant: str, new: NewEvidence, request: Request = UNREPEATED) -> Evidence:
        """Keep evidence; its content is hashed and not kept. The same request again answers the same evidence.

        Raises:
            TruelineError: EVIDENCE_FROM_FUTURE, UNKNOWN_EVIDENCE_TYPE, INVALID_FIELD.

        """
        now_us = self._clock()
        with self._state.writing() as connection:
            before = answered(connection, tenant, request, now_us)
            number = store.number_of(store.EVIDENCE, before or "")
            known = None if number is None else store.find_evidence(connection, tenant, number)
            if known is not None:
                return known
            made = self._evidence(tenant, new, now_us)
            number = store.next_number(connection, tenant, COMPLIANCE_EVIDENCE)
            made = replace(made, id=f"{store.EVIDENCE}-{number}", number=number)
            store.insert_evidence(connection, tenant, made)
            remember(connection, tenant, request, made.id, now_us)
        return made

    def grant(self, tenant: str, new: NewWaiver, request: Request = UNREPEATED) -> Waiver:
        """Let a control not pass for a time. The same request again answers the same waiver.

        Raises:
            TruelineError: UNKNOWN_FRAMEWORK, UNKNOWN_CONTROL, WAIVER_NEEDS_SECOND_PERSON, INVALID_FIELD.

        """
        now_us = self._clock()
        with self._state.writing() as connection:
            before = answered(connection, tenant, request, now_us)
            number = store.number_of(store.WAIVER, before or "")
            known = None if number is None else store.find_waiver(connection, tenant, number)
            if known is not None:
                return known
            subject = self._waived_subject(tenant, new)
            _check_waiver(new, now_us)
            number = store.next_number(connection, tenant, COMPLIANCE_WAIVERS)
            made = Waiver(
                id=f"{store.WAIVER}-{number}",
                number=number,
                subject=subject,
                framework=new.framework,
                control=new.control,
                reason=new.reason.strip(),
                compensating_control=new.compensating_control.strip(),
                requested_by=new.requested_by.strip(),
                approved_by=new.approved_by.strip(),
                granted_at_us=now_us,
                expires_at_us=new.expires_at_us,
            )
            store.insert_waiver(connection, tenant, made)
            remember(connection, tenant, request, made.id, now_us)
        return made

    def revoke(self, tenant: str, waiver: str, by: str) -> Waiver:
        """End a waiver now; one that was revoked before stays as it was.

        Raises:
            TruelineError: UNKNOWN_WAIVER, INVALID_FIELD (it ended by itself, or nobody revokes it).

        """
        now_us = self._clock()
        if not by.strip():
            raise invalid_field("revoked_by", "is blank; say who revokes it")
        number = store.number_of(store.WAIVER, waiver)
        with self._state.writing() as connection:
            found = None if number is None else store.find_waiver(connection, tenant, number)
            if found is None:
                told = f"no waiver {quoted(waiver)} was granted; see ListWaivers (trueline compliance waivers)"
                raise TruelineError("NOT_FOUND", "UNKNOWN_WAIVER", told, metadata={"waiver": waiver})
            if found.revoked_at_us is not None:
                return found
            if found.expires_at_us <= now_us:
                raise invalid_field("waiver_id", f"is {quoted(waiver)}, which has ended by itself")
            revoked = replace(found, revoked_at_us=now_us, revoked_by=by.strip())
            store.revoke_waiver(connection, tenant, revoked)
        return revoked

    def list_evidence(
        self, tenant: str, *, subject: Subject | None, of_type: str, before: int | None, most: int
    ) -> list[Evidence]:
        """Evidence, the newest first; see store.list_evidence."""
        with self._state.reading() as connection:
            return store.list_evidence(connection, tenant, subject=subject, of_type=of_type, before=before, most=most)

    def list_waivers(
        self,
        tenant: str,
        *,
        subject: Subject | None,
        framework: str,
        with_ended: bool,
        before: int | None,
        most: int,
    ) -> list[Waiver]:
        """Waivers, the newest first; see store.list_waivers."""
        now_us = None if with_ended else self._clock()
        with self._state.reading() as connection:
            return store.list_waivers(
                connection,
                tenant,
                subject=subject,
                framework=framework,
                in_force_at_us=now_us,
                before=before,
                most=most,
            )

    def _evidence(self, tenant: str, new: NewEvidence, now_us: int) -> Evidence:
        types = _evidence_types(self._book.of(self._rules(tenant)))
        if new.type not in types:
            told = f"type {quoted(new.type)} is evidence that no control needs{hint(new.type, types)}"
            metadata = {"type": new.type, "nearest": nearest(new.type, types) or ""}
            raise TruelineError("NOT_FOUND", "UNKNOWN_EVIDENCE_TYPE", told, metadata=metadata)
        if new.subject.kind not in types[new.type]:
            kinds = " or ".join(sorted(types[new.type]))
            told = f"is {new.subject.kind}, but evidence of type {new.type} is asked of a {kinds}"
            told += "; leave the subject out" if types[new.type] == {THE_TENANT.kind} else "; say which one it is about"
            raise invalid_field("subject.kind", told)
        if not new.source.strip():
            raise invalid_field("source", "is blank; say who or what collected the evidence")
        collected_us = now_us if new.collected_at_us is None else new.collected_at_us
        if collected_us > now_us:
            ahead = f"is {shown(collected_us)}, ahead of the server's clock, {shown(now_us)}"
            raise TruelineError(
                "INVALID_ARGUMENT",
                "EVIDENCE_FROM_FUTURE",
                f"collected_at {ahead}; evidence shows what was, so give when it was collected",
                metadata={"field": "collected_at"},
                violations=[("collected_at", ahead)],
            )
        if new.expires_at_us is not None and new.expires_at_us <= collected_us:
            told = f"is {shown(new.expires_at_us)}, not after collected_at, {shown(collected_us)}; it would never count"
            raise invalid_field("expires_at", told)
        return Evidence(
            id="",
            number=0,
            subject=new.subject,
            type=new.type,
            source=new.source.strip(),
            collected_at_us=collected_us,
            recorded_at_us=now_us,
            sha256=_digest(new),
            uri=new.uri,
            expires_at_us=new.expires_at_us,
            note=new.note,
        )

    def _waived_subject(self, tenant: str, new: NewWaiver) -> Subject:
        """Whose waiver it is: the subject that the control is asked of."""
        rules: RuleSet = self._rules(tenant)
        (framework,) = self._book.named(rules, [new.framework], "framework")
        control = framework.framework.by_id.get(new.control)
        if control is None:
            raise unknown_control(new.control, new.framework, framework.framework.by_id, "control_id")
        if not control.waivable:
            raise invalid_field(
                "control_id", f"is {quoted(new.control)}, of which {new.framework} says waivable: false"
            )
        if control.subject not in {new.subject.kind, THE_TENANT.kind}:
            told = f"is {new.subject.kind}, but {new.control} is asked of each {control.subject}; say which one"
            raise invalid_field("subject.kind", told)
        return new.subject if control.subject == new.subject.kind else THE_TENANT


def _evidence_types(frameworks: Mapping[str, JudgedFramework]) -> dict[str, set[str]]:
    """Types of evidence that controls need -> kinds of subjects that it is asked of."""
    types: dict[str, set[str]] = {}
    for framework in frameworks.values():
        for control in framework.framework.controls:
            for need in control.evidence:
                types.setdefault(need.type, set()).add(control.subject)
    return types


def _digest(new: NewEvidence) -> str:
    if new.content and new.sha256:
        raise invalid_field("sha256", "cannot be given together with content, which is hashed here")
    if new.content:
        return hashlib.sha256(new.content).hexdigest()
    sha256 = new.sha256.lower()
    if sha256 and _SHA256.fullmatch(sha256) is None:
        raise invalid_field("sha256", f"is {quoted(new.sha256)}, which is not 64 hexadecimal digits")
    return sha256


def _check_waiver(new: NewWaiver, now_us: int) -> None:
    for name, asked in _ASKED.items():
        if not str(getattr(new, name)).strip():
            raise invalid_field(name, f"is blank; {asked}")
    for name in ("requested_by", "approved_by"):
        if wrong := mixed_scripts(getattr(new, name)):
            raise invalid_field(name, wrong)
    if same_person(new.requested_by, new.approved_by):
        told = f"approved_by is {quoted(new.approved_by)}, who asks for the waiver; another person must approve it"
        raise TruelineError(
            "FAILED_PRECONDITION", "WAIVER_NEEDS_SECOND_PERSON", told, metadata={"requested_by": new.requested_by}
        )
    if new.expires_at_us <= now_us:
        told = f"is {shown(new.expires_at_us)}, not after now, {shown(now_us)}; give an instant to come"
        raise invalid_field("expires_at", told)
    latest_us = now_us + LONGEST_WAIVER_DAYS * DAY_US
    if new.expires_at_us > latest_us:
        told = f"is {shown(new.expires_at_us)}, more than {LONGEST_WAIVER_DAYS} days from now"
        told += f"; give at most {shown(latest_us)}, and grant it anew when it ends, if need be"
        raise invalid_field("expires_at", told)
