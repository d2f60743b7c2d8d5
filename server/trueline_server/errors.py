"""The error of the server's own parts: names its canonical gRPC code and an ErrorReason, without knowing gRPC."""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class TruelineError(Exception):
    """A call cannot be answered, and the caller can act on the reason.

    Attributes:
        code: canonical status code name, e.g. "NOT_FOUND".
        reason: an ErrorReason without its prefix, e.g. "UNKNOWN_METRIC".
        message: for people: the thing, the value and the way out.
        metadata: what a program needs to act, text to text.
        retry_after_s: seconds after which a retry makes sense; None if none does.
        violations: (field, description) of each broken rule of the request.

    """

    def __init__(
        self,
        code: str,
        reason: str,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        retry_after_s: float | None = None,
        violations: Sequence[tuple[str, str]] = (),
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.metadata = dict(metadata or {})
        self.retry_after_s = retry_after_s
        self.violations = tuple(violations)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.code}, {self.reason}, {self.message!r})"


def invalid_field(field: str, description: str) -> TruelineError:
    """The error for one field of a request that breaks a rule."""
    return TruelineError(
        "INVALID_ARGUMENT",
        "INVALID_FIELD",
        f"{field} {description}",
        metadata={"field": field},
        violations=[(field, description)],
    )


def invalid_token(field: str, description: str) -> TruelineError:
    """The error for a token that was not made by this server, or for another request."""
    return TruelineError("INVALID_ARGUMENT", "INVALID_TOKEN", f"{field} {description}", metadata={"field": field})
