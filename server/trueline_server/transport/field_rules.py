"""Checks requests against the rules that stand beside their fields (`(trueline.v1.rules)`), compiled once per type."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message
from trueline.v1 import constraints_pb2, event_pb2, ingest_service_pb2

from trueline_server.errors import TruelineError

# (path of the field, what is wrong with it)
Violation = tuple[str, str]
_Check = Callable[[Message, str], Iterator[Violation]]

# Ingestion checks what lies inside a batch, event by event, and refuses bad ones singly.
_CHECKED_ELSEWHERE = frozenset(
    t.DESCRIPTOR.full_name for t in (event_pb2.Event, event_pb2.EventColumns, ingest_service_pb2.EventList)
)
# A request with more errors than this is wrong as a whole; the rest of the list would help nobody.
_MOST_VIOLATIONS = 20


class FieldRules:
    """The compiled rules of all message types met so far. Types are few, so nothing is ever dropped."""

    def __init__(self) -> None:
        self._checks: dict[str, tuple[_Check, ...]] = {}

    def violations(self, message: Message, prefix: str = "") -> Iterator[Violation]:
        """Every broken rule of a message and of the messages in it, in the order of the fields' numbers."""
        for check in self._compiled(message.DESCRIPTOR):
            yield from check(message, prefix)

    def check(self, request: Message) -> None:
        """Refuse a request that breaks a rule.

        Raises:
            TruelineError: INVALID_ARGUMENT INVALID_FIELD with all violations (at most 20).

        """
        found = [violation for violation, _ in zip(self.violations(request), range(_MOST_VIOLATIONS), strict=False)]
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

    def _compiled(self, descriptor: Any) -> tuple[_Check, ...]:
        checks = self._checks.get(descriptor.full_name)
        if checks is None:
            checks = tuple(self._compile(descriptor))
            self._checks[descriptor.full_name] = checks
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
    name = field.name
    if field.message_type is not None and field.message_type.GetOptions().map_entry:
        return lambda message, prefix: (
            violation
            for key in sorted(getattr(message, name))
            for violation in rules.violations(getattr(message, name)[key], f"{prefix}{name}[{key}].")
        )
    if field.is_repeated:
        return lambda message, prefix: (
            violation
            for index, inner in enumerate(getattr(message, name))
            for violation in rules.violations(inner, f"{prefix}{name}[{index}].")
        )
    return lambda message, prefix: (
        rules.violations(getattr(message, name), f"{prefix}{name}.") if message.HasField(name) else iter(())
    )


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

    def check(message: Message, prefix: str) -> Iterator[Violation]:
        if field.is_repeated:
            missing = not len(getattr(message, name))
        elif field.has_presence:
            missing = not message.HasField(name)
        else:
            missing = not getattr(message, name)
        if missing:
            yield f"{prefix}{name}", "is required"

    return check


def _max_items(field: FieldDescriptor, limit: int) -> _Check:
    name = field.name

    def check(message: Message, prefix: str) -> Iterator[Violation]:
        count = len(getattr(message, name))
        if count > limit:
            yield f"{prefix}{name}", f"has {count} elements; at most {limit} are allowed"

    return check


def _max_bytes(field: FieldDescriptor, limit: int) -> _Check:
    def check(message: Message, prefix: str) -> Iterator[Violation]:
        for path, text in _elements(field, message, prefix):
            size = len(text.encode() if isinstance(text, str) else text)
            if size > limit:
                yield path, f"is {size} bytes long; at most {limit} are allowed"

    return check


def _within(field: FieldDescriptor, low: float | None, high: float | None) -> _Check:
    bounds = (("at least", low), ("at most", high))
    wanted = " and ".join(f"{words} {bound:g}" for words, bound in bounds if bound is not None)

    def check(message: Message, prefix: str) -> Iterator[Violation]:
        for path, number in _elements(field, message, prefix):
            # Written so that NaN, which compares false with everything, is outside.
            inside = (low is None or number >= low) and (high is None or number <= high)
            if not inside:
                yield path, f"is {number}; it must be {wanted}"

    return check


def _elements(field: FieldDescriptor, message: Message, prefix: str) -> Iterator[tuple[str, Any]]:
    """The values of a field with their paths; an optional field that is unset has none."""
    name = field.name
    if field.is_repeated:
        yield from ((f"{prefix}{name}[{index}]", value) for index, value in enumerate(getattr(message, name)))
    elif not field.has_presence or message.HasField(name):
        yield f"{prefix}{name}", getattr(message, name)
