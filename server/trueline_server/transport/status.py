"""Turns errors into gRPC statuses with google.rpc details; of what is not ours only an incident number is told."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from google.protobuf.any_pb2 import Any
from google.protobuf.message import Message
from google.rpc import code_pb2, error_details_pb2, status_pb2
from trueline.v1 import error_reason_pb2

DOMAIN = "trueline"
# A status travels in HTTP/2 trailers, of which clients read 8 KiB by default. Base64 adds a third to the details; the
# message stands in them and once more outside, where each byte beyond ASCII takes three.
_DETAILS_BYTES = 3072
_MESSAGE_BYTES = 512
_VALUE_BYTES = 256

_CODES = frozenset(code_pb2.Code.keys())
# Every reason by its name without the prefix, as ErrorInfo carries it.
REASONS = frozenset(name.removeprefix("ERROR_REASON_") for name in error_reason_pb2.ErrorReason.keys()[1:])

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """What a caller is told about an error, without protobuf."""

    code: str
    reason: str
    message: str
    metadata: Mapping[str, str]
    retry_after_s: float | None = None
    violations: Sequence[tuple[str, str]] = ()


def failure_of(error: BaseException, method: str) -> Failure:
    """Read an error that names its code and reason (TruelineError, StoreError, RuleFileError), whoever made it.

    Anything else, and anything that says INTERNAL of itself, is logged with its stack under a new incident number, and
    nothing of it but the number is told.
    """
    code, reason = getattr(error, "code", None), getattr(error, "reason", None)
    known = isinstance(code, str) and isinstance(reason, str) and code in _CODES and reason in REASONS
    if not known or code == "INTERNAL":
        incident = secrets.token_hex(6)
        _log.error("incident %s in %s", incident, method, exc_info=error)
        return Failure(
            "INTERNAL",
            "INTERNAL",
            f"the server failed; its log tells more under incident {incident}",
            {"incident": incident},
        )
    violations = list(getattr(error, "violations", ()))
    for problem in getattr(error, "problems", ()):
        place = problem.place
        violations.append((f"{place.file}:{place.line}:{place.column}", problem.message))
    return Failure(
        code=str(code),
        reason=str(reason),
        message=str(getattr(error, "message", error)),
        metadata=dict(getattr(error, "metadata", {})),
        retry_after_s=getattr(error, "retry_after_s", None),
        violations=violations,
    )


def map_failure_to_status(failure: Failure) -> status_pb2.Status:
    """The google.rpc.Status: ErrorInfo always; BadRequest, RetryInfo and ResourceInfo where they say something."""
    details: list[Message] = [
        error_details_pb2.ErrorInfo(
            reason=failure.reason,
            domain=DOMAIN,
            metadata={key: shorten(value, _VALUE_BYTES) for key, value in failure.metadata.items()},
        )
    ]
    if failure.retry_after_s is not None:
        retry = error_details_pb2.RetryInfo()
        retry.retry_delay.FromMilliseconds(round(failure.retry_after_s * 1000))
        details.append(retry)
    if failure.code == "NOT_FOUND":
        kind = failure.reason.removeprefix("UNKNOWN_").lower()
        details.append(
            error_details_pb2.ResourceInfo(
                resource_type=kind,
                resource_name=shorten(failure.metadata.get(kind, ""), _VALUE_BYTES),
                description=shorten(failure.message, _MESSAGE_BYTES),
            )
        )
    if failure.violations:
        details.append(_bad_request(failure.violations, _DETAILS_BYTES - sum(d.ByteSize() for d in details)))
    status = status_pb2.Status(code=code_pb2.Code.Value(failure.code), message=shorten(failure.message, _MESSAGE_BYTES))
    for detail in details:
        packed = Any()
        packed.Pack(detail)
        status.details.append(packed)
    return status


def _bad_request(violations: Sequence[tuple[str, str]], room: int) -> error_details_pb2.BadRequest:
    """As many violations as fit; the last one then tells how many were left out."""
    request = error_details_pb2.BadRequest()
    for number, (field, description) in enumerate(violations):
        one = error_details_pb2.BadRequest.FieldViolation(
            field=shorten(field, _VALUE_BYTES), description=shorten(description, _MESSAGE_BYTES)
        )
        room -= one.ByteSize() + 4
        if room < 0:
            left = len(violations) - number
            request.field_violations.add(field="…", description=f"and {left} more")
            break
        request.field_violations.append(one)
    return request


def shorten(text: str, most_bytes: int) -> str:
    """The text, cut to some bytes of UTF-8 with an ellipsis if it is longer."""
    encoded = text.encode()
    if len(encoded) <= most_bytes:
        return text
    return encoded[: most_bytes - 3].decode(errors="ignore") + "…"
