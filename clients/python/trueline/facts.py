"""Facts that are put in and read back, and their messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from trueline import mapping, rule_mapping
from trueline.v1 import error_reason_pb2, fact_service_pb2

_PREFIX = "ERROR_REASON_"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """What is known of one subject.

    Attributes:
        subject_id: whom or what it is about: the id of an account, a user, …
        name: of the fact type, which says of what kind the subject is.
        value: float, decimal.Decimal, str, bool, an aware datetime, a set of texts; None = absent from then on.
        observed_at: since when it holds; None = now, where it is put.
        subject: kind of subject; the server tells it, and it need not be given.
        recorded_at: when it was put in; the server tells it.

    """

    subject_id: str
    name: str
    value: object
    observed_at: datetime | None = None
    subject: str = ""
    recorded_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class SubjectFacts:
    """What is known of one subject.

    Attributes:
        subject_id: which one.
        facts: by name; one whose value is None was said to be absent.
        unknown_names: those asked for of which nothing had been observed.

    """

    subject_id: str
    facts: Mapping[str, Fact]
    unknown_names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FactsOfSubjects:
    """What is known of subjects, in the order asked; `unknown_ids` are those of which nothing is known."""

    subjects: tuple[SubjectFacts, ...]
    unknown_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FactRejection:
    """Why one fact was refused: its place among those given, the field, the reason, and in words."""

    index: int
    field: str
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class FactsResult:
    """What became of facts; accepted + len(rejections) = facts given."""

    accepted: int
    rejections: tuple[FactRejection, ...]


def put_request(facts: Sequence[Fact]) -> fact_service_pb2.PutFactsRequest:
    """The message that puts facts in.

    Raises:
        ValueError, TypeError: a value or time cannot be sent.

    """
    return fact_service_pb2.PutFactsRequest(
        facts=[
            fact_service_pb2.PutFact(
                subject_id=fact.subject_id,
                name=fact.name,
                value=rule_mapping.fact_value_to_proto(fact.value),
                observed_at=mapping.timestamp(fact.observed_at),
            )
            for fact in facts
        ]
    )


def put_result(message: fact_service_pb2.PutFactsResponse) -> FactsResult:
    """What became of the facts of one call."""
    return FactsResult(message.accepted, tuple(map(_rejection, message.rejections)))


def joined(results: Sequence[FactsResult], step: int) -> FactsResult:
    """One result for calls of `step` facts each, as if they had been one."""
    rejections = [
        replace(one, index=number * step + one.index)
        for number, result in enumerate(results)
        for one in result.rejections
    ]
    return FactsResult(sum(result.accepted for result in results), tuple(rejections))


def known_facts(answers: Sequence[Any]) -> list[Fact]:
    """The facts of all pages."""
    return [_known(one) for answer in answers for one in answer.facts]


def facts_of_subjects(message: fact_service_pb2.GetFactsResponse) -> FactsOfSubjects:
    """What one call answers."""
    subjects = (
        SubjectFacts(one.subject_id, {fact.name: _known(fact) for fact in one.facts}, tuple(one.unknown_names))
        for one in message.subjects
    )
    return FactsOfSubjects(tuple(subjects), tuple(message.unknown_ids))


def gathered(answers: Iterable[FactsOfSubjects]) -> FactsOfSubjects:
    """One answer for several calls, as if they had been one."""
    subjects: list[SubjectFacts] = []
    unknown: list[str] = []
    for answer in answers:
        subjects += answer.subjects
        unknown += answer.unknown_ids
    return FactsOfSubjects(tuple(subjects), tuple(unknown))


def _known(message: fact_service_pb2.KnownFact) -> Fact:
    return Fact(
        subject=message.subject,
        subject_id=message.subject_id,
        name=message.name,
        value=rule_mapping.fact_value(message.value),
        observed_at=mapping.instant(message, "observed_at"),
        recorded_at=mapping.instant(message, "recorded_at"),
    )


def _rejection(message: fact_service_pb2.FactRejection) -> FactRejection:
    names = error_reason_pb2.ErrorReason
    reason = names.Name(message.reason) if message.reason in names.values() else f"{_PREFIX}UNSPECIFIED"
    return FactRejection(message.index, message.field, reason.removeprefix(_PREFIX), message.message)
