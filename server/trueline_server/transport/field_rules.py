"""Checks requests against the rules that stand beside their fields (`(trueline.v1.rules)`), compiled once per type."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from trueline.v1 import constraints_pb2, event_pb2, ingest_service_pb2

from trueline_server.errors import TruelineError

# (path of the field, what is wrong with it)
Violation = tuple[str, str]
_Check = Callable[[Message], Iterable[Violation]]

# Ingestion checks what lies inside a batch, event by event, and refuses bad ones singly.
_CHECKED_ELSEWHERE = frozenset(
    t.DESCRIPTOR.full_name for t in (event_pb2.Event, event_pb2.EventColumns, ingest_service_pb2.EventList)
)
# A request with more errors than this is wrong as a whole; the rest of the list would help nobody.
_MOST_VIOLATIONS = 20


class FieldRules:
    """The compiled rules of all message types met so far. Types are few, so nothing is ever dropped."""

    def __init__(self) -> None:
        self._checks: dict[type[Message], tuple[_Check, ...]] = {}

    def violations(self, message: Message) -> Iterator[Violation]:
        """Every broken rule of a message and of the messages in it, in the order of the fields' numbers."""
        for check in self._compiled(message):
            yield from check(message)

    def check(self, request: Message) -> None:
        """Refuse a request that breaks a rule.

        Raises:
            TruelineError: INVALID_ARGUMENT INVALID_FIELD with all violations (at most 20).

        """
        found = list(islice(self.violations(request), _MOST_VIOLATIONS))
        if found:
            field, description = found[0]
            more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
            raise TruelineError(
                "INVALID_ARGUMENT",
                "INVALID_FIELD",
                f"{field} {description}{more}",
                metadata={"field": field},
                violations=found,
            )

    def _compiled(self, message: Message) -> tuple[_Check, ...]:
        checks = self._checks.get(type(message))
        if checks is None:
            checks = self._checks[type(message)] = tuple(self._compile(message.DESCRIPTOR))
        return checks

    def _compile(self, descriptor: Any) -> Iterator[_Check]:
        for field in descriptor.fields:
            options = field.GetOptions()
            if options.HasExtension(constraints_pb2.rules):
                yield from _own_checks(field, options.Extensions[constraints_pb2.rules])
            if _holds_messages(field) and _has_rules(field.message_type, frozenset()):
                yield _into(field, self)


def _holds_messages(field: FieldDescriptor) -> bool:
    inner = field.message_type
    if inner is not None and inner.GetOptions().map_entry:
        inner = inner.fields_by_name["value"].message_type
    return inner is not None and inner.file.package == "trueline.v1" and inner.full_name not in _CHECKED_ELSEWHERE


def _has_rules(descriptor: Any, above: frozenset[str]) -> bool:
    """Whether a message or one in it has rules; most have none, and would be looked through for nothing."""
    if descriptor.full_name in above:
        return False
    above |= {descriptor.full_name}
    return any(
        field.GetOptions().HasExtension(constraints_pb2.rules)
        or (field.message_type is not None and _has_rules(field.message_type, above))
        for field in descriptor.fields
    )


def _into(field: FieldDescriptor, rules: FieldRules) -> _Check:
    """Paths are made where something is wrong only, for nearly always nothing is."""
    name = field.name

    def entries(message: Message) -> Iterator[Violation]:
        values = getattr(message, name)
        for key in sorted(values):
            for path, told in rules.violations(values[key]):
                yield f"{name}[{key}].{path}", told

    def elements(message: Message) -> Iterator[Violation]:
        for index, inner in enumerate(getattr(message, name)):
            for path, told in rules.violations(inner):
                yield f"{name}[{index}].{path}", told

    def one(message: Message) -> Iterator[Violation]:
        if message.HasField(name):
            for path, told in rules.violations(getattr(message, name)):
                yield f"{name}.{path}", told

    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return entries
    return elements if field.is_repeated else one


def _own_checks(field: FieldDescriptor, rules: constraints_pb2.FieldRules) -> Iterator[_Check]:
    if rules.required:
        yield _required(field)
    if rules.max_items:
        yield _max_items(field, rules.max_items)
    if rules.max_bytes:
        yield _max_bytes(field, rules.max_bytes)
    if rules.HasField("gte") or rules.HasField("lte"):
        low = rules.gte if rules.HasField("gte") else None
        high = rules.lte if rules.HasField("lte") else None
        yield _within(field, low, high)


def _required(field: FieldDescriptor) -> _Check:
    name = field.name
    broken = ((name, "is required"),)

    def check(message: Message) -> Iterable[Violation]:
        there = message.HasField(name) if field.has_presence else getattr(message, name)
        return () if there else broken

    return check


def _max_items(field: FieldDescriptor, limit: int) -> _Check:
    name = field.name

    def check(message: Message) -> Iterable[Violation]:
        count = len(getattr(message, name))
        return () if count <= limit else ((name, f"has {count} elements; at most {limit} are allowed"),)

    return check


def _max_bytes(field: FieldDescriptor, limit: int) -> _Check:
    def wrong(text: str | bytes) -> str:
        # A character is at most four bytes, so most texts need not be encoded.
        if len(text) * 4 <= limit:
            return ""
        size = len(text.encode() if isinstance(text, str) else text)
        return "" if size <= limit else f"is {size} bytes long; at most {limit} are allowed"

    return _each(field, wrong)


def _within(field: FieldDescriptor, low: float | None, high: float | None) -> _Check:
    bounds = (("at least", low), ("at most", high))
    wanted = " and ".join(f"{words} {bound:g}" for words, bound in bounds if bound is not None)

    def wrong(number: float) -> str:
        # Written so that NaN, which compares false with everything, is outside.
        inside = (low is None or number >= low) and (high is None or number <= high)
        return "" if inside else f"is {number}; it must be {wanted}"

    return _each(field, wrong)


def _each(field: FieldDescriptor, wrong: Callable[[Any], str]) -> _Check:
    """Look at the values of a field; an optional field that is unset has none."""
    name, optional = field.name, field.has_presence

    def one(message: Message) -> Iterable[Violation]:
        told = "" if optional and not message.HasField(name) else wrong(getattr(message, name))
        return ((name, told),) if told else ()

    def elements(message: Message) -> Iterator[Violation]:
        for index, value in enumerate(getattr(message, name)):
            told = wrong(value)
            if told:
                yield f"{name}[{index}]", told

    return elements if field.is_repeated else one
